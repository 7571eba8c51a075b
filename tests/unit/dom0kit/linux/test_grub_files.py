"""The replacement of a file that GRUB reads: in which order its folder changes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.linux.grub_files import replacing_settled


class Disk:
    """Remembers a folder each time it is settled, and may fail to be."""

    def __init__(self, fails_at: int = 0) -> None:
        self.seen: list[dict[str, str]] = []
        self.fails_at = fails_at

    def settle(self, folder: Path) -> None:
        """Remember the files."""
        self.seen.append(content(folder))
        if len(self.seen) == self.fails_at:
            raise UserError("it cannot be frozen", "try again")


def content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "initrd.img"
    path.write_text("old")
    return path


def replace(file: Path, disk: Disk, text: str = "new") -> None:
    with replacing_settled(file, 0o600, disk.settle) as new:
        new.write_text(text)


def test_both_files_are_in_their_places_before_the_name_changes_and_the_old_one_stays_until_it_has(file: Path) -> None:
    disk = Disk()
    replace(file, disk)
    assert disk.seen == [
        {"initrd.img": "old", ".initrd.img.old": "old", ".initrd.img.ready": "new"},
        {"initrd.img": "new", ".initrd.img.old": "old"},
    ]
    assert content(file.parent) == {"initrd.img": "new"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_system_that_cannot_be_frozen_keeps_the_old_file(file: Path) -> None:
    with pytest.raises(UserError):
        replace(file, Disk(fails_at=1))
    assert content(file.parent) == {"initrd.img": "old"}


def test_frozen_by_others_after_the_change_the_old_file_stays_and_the_next_change_settles_first(file: Path) -> None:
    with pytest.raises(UserError):
        replace(file, Disk(fails_at=2))
    assert content(file.parent) == {"initrd.img": "new", ".initrd.img.old": "old"}
    disk = Disk()
    replace(file, disk, "newer")
    assert disk.seen[0] == {"initrd.img": "new", ".initrd.img.old": "old"}
    assert content(file.parent) == {"initrd.img": "newer"}


def test_a_new_file_that_cannot_be_written_changes_nothing(file: Path) -> None:
    disk = Disk()
    with pytest.raises(OSError, match="full"), replacing_settled(file, 0o600, disk.settle):
        raise OSError(errno.ENOSPC, "full")
    assert disk.seen == []
    assert content(file.parent) == {"initrd.img": "old"}
