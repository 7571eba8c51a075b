"""The image's files on a real file system: read back from the medium, not from memory."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, after_power_cut, loop_disk, output, replace_on_medium

from dom0kit.errors import UserError
from dom0kit.events import Reporter, Step
from installer.apply import image_copy
from installer.command_log import Commands
from installer.model import actions
from installer.model.image_manifest import ImageFile

MARK = b"a text that is nowhere else on the medium: 7e1ab0c4"


@pytest.fixture
def system(tmp_path: Path) -> Iterator[tuple[LoopDisk, Path]]:
    """Mount a disk with a file system."""
    with loop_disk(tmp_path / "disk", GIB) as disk:
        output("mkfs.ext4", "-q", "-F", disk.path)
        folder = tmp_path / "system"
        folder.mkdir()
        output("mount", disk.path, folder)
        try:
            yield disk, folder
        finally:
            output("umount", folder)


@pytest.fixture
def action(tmp_path: Path) -> actions.CopyImage:
    """Make an image of two files, the second one with a text that can be found on the medium."""
    folder = tmp_path / "image"
    folder.mkdir()
    files = []
    for name, data in (("xen.gz", os.urandom(5 * MIB + 1)), ("vmlinuz", os.urandom(4096) + MARK + os.urandom(2 * MIB))):
        (folder / name).write_bytes(data)
        files.append(ImageFile(name, len(data), hashlib.sha256(data).hexdigest()))
    (folder / "manifest.json").write_text("{}\n")
    return actions.CopyImage(str(folder), "1.2", tuple(files))


def test_the_files_are_on_the_medium(
    system: tuple[LoopDisk, Path], action: actions.CopyImage, commands: Commands, step: Step, tmp_path: Path
) -> None:
    disk, folder = system
    image_copy.copy_image(action, folder, step, commands)
    with after_power_cut(disk, tmp_path) as look:
        names = sorted(path.name for path in (look / "images/1.2").iterdir())
        assert names == ["manifest.json", "vmlinuz", "xen.gz"]
        for file in action.files:
            assert hashlib.sha256((look / "images/1.2" / file.name).read_bytes()).hexdigest() == file.sha256


def test_a_medium_that_loses_data_is_found(system: tuple[LoopDisk, Path], action: actions.CopyImage, commands: Commands) -> None:
    """Damage the second file on the disk while the first one is read back: only a read from the disk finds it."""
    disk, folder = system
    step = Spoiling(disk.file)
    with pytest.raises(UserError, match="vmlinuz has the checksum"):
        image_copy.copy_image(action, folder, step, commands)
    assert step.spoiled == [1]


class Spoiling(Step):
    """A step that damages the medium when the first file is read back."""

    def __init__(self, medium: Path) -> None:
        super().__init__(Reporter("test"), "copy the image")
        self.medium, self.spoiled = medium, []

    def progress(self, fraction: float, text: str = "") -> None:
        if text == "checking xen.gz" and not self.spoiled:
            self.spoiled.append(replace_on_medium(self.medium, MARK, bytes(len(MARK))))


def test_a_disk_without_space_is_an_error_with_a_reason(
    system: tuple[LoopDisk, Path], action: actions.CopyImage, commands: Commands, step: Step
) -> None:
    _, folder = system
    space = os.statvfs(folder)
    # ext4 keeps 4096 clusters for itself; 3 MiB are left for files of 7 MiB.
    with (folder / "large").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, (space.f_bfree - 4096) * space.f_bsize - 3 * MIB)
    with pytest.raises((UserError, OSError), match="No space left on device"):
        image_copy.copy_image(action, folder, step, commands)
    assert not list((folder / "images/1.2").glob(".*.new")), "no half file is left"


def test_staging_checks_the_medium_and_the_programs(
    action: actions.CopyImage, commands: Commands, step: Step, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    staged = actions.Stage(action.folder, action.files)
    image_copy.stage(staged, step, commands)
    monkeypatch.setattr(image_copy, "GRUB", tmp_path)
    with pytest.raises(UserError, match=r"boot.img is missing"):
        image_copy.stage(staged, step, commands)
    monkeypatch.setattr(image_copy, "SEARCH", str(tmp_path))
    with pytest.raises(UserError, match="the program wipefs is missing"):
        image_copy.stage(staged, step, commands)
