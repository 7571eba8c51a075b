"""The command that reproduces a failure, and the check of the ISO that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from qa.failure import reproduce

SHA = "5a057436223a961187ee8a897fcfae003f24c136c680eed0559421a4bac23a1b"


def test_the_usual_command() -> None:
    text = reproduce.command("raid1", commit="abc", iso="build/dom0kit.iso", iso_sha256=SHA, env={})
    assert text == f"git checkout abc && make iso && .venv/bin/dom0kit qa raid1 --iso-sha256 {SHA}"


def test_settings_that_differ_are_in_it() -> None:
    text = reproduce.command(
        "raid1",
        commit="abc-dirty",
        iso="/iso images/x.iso",
        iso_sha256=SHA,
        memory=4096,
        cpus=2,
        fresh=True,
        env={"DOM0KIT_QA_ACCEL": "tcg", "HOME": "/root"},
    )
    assert text.startswith("git checkout abc && DOM0KIT_QA_ACCEL=tcg .venv/bin/dom0kit qa raid1")
    assert f"--iso-sha256 {SHA} --iso '/iso images/x.iso' --memory 4096 --cpus 2 --fresh" in text
    assert "uncommitted changes" in text
    assert "make iso" not in text


def test_another_iso_is_refused() -> None:
    reproduce.check_iso(Path("x.iso"), SHA, SHA[:8].upper())
    with pytest.raises(UserError, match="another ISO"):
        reproduce.check_iso(Path("x.iso"), SHA, "0" * 64)
    for wrong in ("5a05", "nothexatall"):
        with pytest.raises(UserError, match="no SHA-256"):
            reproduce.check_iso(Path("x.iso"), SHA, wrong)
