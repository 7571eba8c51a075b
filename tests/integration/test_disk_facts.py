"""Facts about real disks: blank, content, or cannot be read: D1."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, loop_disk, output

from installer.hardware.disk_ends import read_ends
from installer.hardware.probe import collect
from installer.model.hardware import Disk


def probed(disk: LoopDisk) -> Disk:
    return next(found for found in collect(loops=True).disks if found.path == disk.path)


def test_d1_a_blank_disk_was_read(disk: LoopDisk) -> None:
    found = probed(disk)
    assert (found.contents, found.unreadable) == ((), "")
    assert found.digest == read_ends(disk.path, disk.size).digest != ""


@pytest.mark.parametrize("left", [0, 3 * MIB, GIB - MIB // 2])
def test_d1_a_disk_that_returns_errors_is_not_blank(tmp_path: Path, left: int) -> None:
    """Shorten the file behind the device: reads beyond its end fail, and wipefs sees nothing."""
    with loop_disk(tmp_path / "disk", GIB) as disk:
        os.truncate(disk.file, left)
        output("blockdev", "--flushbufs", disk.path)
        found = probed(disk)
        assert found.contents == ()
        assert found.unreadable.startswith("Input/output error at byte ")
        assert int(found.unreadable.rpartition(" ")[2]) == (0 if left == 0 else max(GIB - MIB, left))
        assert found.digest == ""


def test_d1_data_that_no_tool_knows_is_content(disk: LoopDisk) -> None:
    for place in (0, 700_000, disk.size - 4096):
        disk.write(place, b"mine")
        assert probed(disk).contents == ("data of an unknown format",)
        disk.write(place, bytes(4))
    assert probed(disk).contents == ()


def test_d1_the_digest_changes_with_the_content(disk: LoopDisk) -> None:
    before = probed(disk).digest
    disk.write(disk.size - 512, b"x")
    assert probed(disk).digest != before


def test_d1_sectors_of_4096_bytes(tmp_path: Path) -> None:
    with loop_disk(tmp_path / "disk", GIB + 4096, sector=4096) as disk:
        assert probed(disk).unreadable == ""


def test_identifiers_of_what_is_on_a_disk(disk: LoopDisk) -> None:
    guid, fs = "6f1c7c9e-0d7b-4c53-9a0e-3f6a0c7d1111", "0b8f5d1e-8f7a-4d33-b5c3-7b6a2c3d2222"
    output("sgdisk", "--clear", f"--disk-guid={guid}", "--new=1:0:+64M", disk.path)
    output("partx", "--update", disk.path)
    output("mkfs.ext4", "-q", "-F", "-U", fs, disk.part(1))
    found = {(content.device, content.kind): content.uuid for content in probed(disk).found}
    assert found == {(disk.path, "gpt"): guid, (disk.part(1), "ext4"): fs}
