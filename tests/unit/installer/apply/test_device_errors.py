"""M1: errors of disks and media are sentences about a device, the source distinguished from the target."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_runner import FakeRunner
from installer_samples import DISK

from dom0kit import fs
from dom0kit.errors import UserError
from dom0kit.process import CommandFailed
from installer.apply import device_errors as errors
from installer.apply.device_errors import Places
from installer.command_log import Commands

DMESG = """usb 1-1: new device
I/O error, dev sda, sector 2048 op 0x1:(WRITE)
EXT4-fs warning (device sda3): ext4_end_bio
I/O error, dev sda, sector 2048 op 0x1:(WRITE)
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    for name in ("system", "image"):
        (tmp_path / name).mkdir()
    return Places((DISK,), tmp_path / "system", tmp_path / "image")


def explained(places: Places, raised: Exception, dmesg: str = DMESG) -> UserError:
    commands = Commands(io.StringIO(), FakeRunner({"dmesg": dmesg}))
    with pytest.raises(UserError) as caught, errors.device_errors("copy the image", places, commands):
        raise raised
    return caught.value


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EROFS, errno.ENXIO, errno.ENODEV, errno.EUCLEAN])
def test_every_error_of_a_disk_names_the_disk(places: Places, number: int) -> None:
    error = explained(places, OSError(number, os.strerror(number), str(places.target / "images/1/vmlinuz")))
    assert error.message.splitlines()[0] == (
        f"copy the image failed: the disk /dev/sda (ACME, serial DISK1) failed while it was written: {os.strerror(number)}"
        " [device-failed]"
    )
    assert error.message.splitlines()[1:] == [
        "    EXT4-fs warning (device sda3): ext4_end_bio",
        "    I/O error, dev sda, sector 2048 op 0x1:(WRITE)",
    ]
    assert error.hint.startswith("replace the disk")


def test_the_medium_is_told_from_the_disk(places: Places) -> None:
    file = places.source / "dom0.squashfs"
    file.touch()
    error = explained(places, OSError(errno.EIO, "Input/output error", str(file)), "")
    assert "the medium " in error.message
    assert error.message.endswith(f"cannot be read: Input/output error ({file}) [device-failed]")
    assert "/dev/sda" not in error.message
    assert error.hint.startswith("write the medium again")


@pytest.mark.parametrize("device", ["/dev/sda", "/dev/sda3", "/dev/mapper/3600-part2"])
def test_a_command_that_reports_an_error_of_a_disk(places: Places, device: str) -> None:
    disks = (DISK, replace(DISK, path="/dev/mapper/3600", serial="LUN"))
    failed = CommandFailed(["wipefs", "--all", device], 1, f"wipefs: {device}: probing initialization failed: Input/output error")
    error = explained(replace(places, disks=disks), failed)
    disk = device[:8] if "sda" in device else "/dev/mapper/3600"
    assert f"the disk {disk} (ACME, serial" in error.message
    assert error.message.splitlines()[-1] == f"    wipefs: wipefs: {device}: probing initialization failed: Input/output error"


def test_of_a_mirror_both_disks_are_named(places: Places) -> None:
    other = replace(DISK, path="/dev/sdb", model="", serial="")
    error = explained(replace(places, disks=(DISK, other)), OSError(errno.EIO, "Input/output error", "/dev/md/dom0kit-system"))
    assert "one of /dev/sda (ACME, serial DISK1), /dev/sdb failed while they were written" in error.message


def test_without_a_name_everything_that_is_used_is_named(places: Places) -> None:
    assert "(/dev/sda (ACME, serial DISK1) or the medium)" in explained(places, OSError(errno.EIO, "Input/output error")).message
    assert "(/elsewhere)" in explained(places, OSError(errno.EIO, "Input/output error", "/elsewhere")).message


def test_other_errors_pass(places: Places) -> None:
    for error in (OSError(errno.ENOENT, "no such file", "x"), CommandFailed(["sgdisk"], 4, "it broke")):
        with pytest.raises(type(error)), errors.device_errors("partition", places, Commands(io.StringIO(), FakeRunner())):
            raise error


def test_a_file_system_without_space_is_no_failed_disk(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    full = os.statvfs_result((4096, 4096, 100, 0, 0, 10, 10, 10, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda path: full)
    error = explained(places, OSError(errno.ENOSPC, "No space left on device", str(places.target / "a/b")))
    assert error.message == f"copy the image failed: the file system of {places.target} is full ({places.target}/a/b)"


def test_a_system_without_dmesg_keeps_the_error(places: Places) -> None:
    commands = Commands(io.StringIO(), FakeRunner(failing={"dmesg"}))
    with pytest.raises(UserError, match="failed while it was written"), errors.device_errors("wipe", places, commands):
        raise OSError(errno.EIO, "Input/output error", "/dev/sda")


def fails(number: int) -> Callable[..., int]:
    def call(*arguments: object) -> int:
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("side", ["source", "target"])
def test_a_copy_says_which_side_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str) -> None:
    (tmp_path / "source").write_bytes(b"data")
    monkeypatch.setattr(os, "preadv" if side == "source" else "pwrite", fails(errno.EIO))
    with pytest.raises(OSError, match=f"'{tmp_path}/{side}'"):
        fs.copy_durable(tmp_path / "source", tmp_path / "target")
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_a_flush_that_fails_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", fails(errno.EIO))
    with pytest.raises(OSError, match=f"'{tmp_path}/file'"):
        fs.write_atomic(tmp_path / "file", "text")
    with pytest.raises(OSError, match=f"'{tmp_path}'"):
        fs.sync_folder(tmp_path)
