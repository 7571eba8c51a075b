"""Which of several copies of the choice counts: the same as in GRUB."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from upgrade.choice.esps import Copy, newest, running_image

SYSTEM = uuid.UUID(int=7)


def copy(sequence: int, left: int = 0) -> Copy:
    return Copy("/dev/x", Choice(SYSTEM, sequence, "1-a", "2-b", left))


def test_the_highest_sequence_counts_then_the_fewest_tries() -> None:
    assert newest((copy(2), copy(3, 1), Copy("/dev/y", None, "gone"))) == copy(3, 1).choice
    assert newest((copy(3, 1), copy(3, 0))) == copy(3, 0).choice
    assert newest((Copy("/dev/y", None, "gone"),)) is None


def test_the_running_image(tmp_path: Path) -> None:
    link = tmp_path / "image"
    with pytest.raises(UserError, match="is missing"):
        running_image(link)
    link.symlink_to("medium/images/0.1.0-adcf2c1e")
    assert running_image(link) == "0.1.0-adcf2c1e"
    link.unlink()
    link.symlink_to("medium/dom0kit")
    with pytest.raises(UserError, match="from a medium"):
        running_image(link)
