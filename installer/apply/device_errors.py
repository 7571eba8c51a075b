"""Errors of disks and media as sentences about a device: which one it is, what it did, what the kernel says about it."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import OF_HARDWARE, UserError
from dom0kit.process import CommandFailed
from installer.apply.block_tree import SYS
from installer.command_log import Commands
from installer.hardware.sysfs import read
from installer.model import refusals
from installer.model.hardware import Disk

TEXTS = {os.strerror(number): number for number in OF_HARDWARE - {errno.ETIMEDOUT}}
KERNEL_LINES = 5
OF_DISKS = re.compile(
    r"I/O error|critical (medium|target|space)|EXT4-fs|SQUASHFS error|isofs|blk_|Sense|JBD2|md/raid|rejecting I/O"
)
TO_REPLACE = "replace the disk or its cable; 'dmesg' and 'smartctl -a' show more"
TO_REWRITE = "write the medium again, or use another one; 'dmesg' shows more"


@dataclass(frozen=True)
class Places:
    """What an installation reads from and writes to.

    :param disks: the disks that are written to.
    :param target: where the system's file system is mounted.
    :param source: folder of the image.
    """

    disks: tuple[Disk, ...] = ()
    target: Path = Path("/nonexistent")
    source: Path = Path("/nonexistent")


@contextmanager
def device_errors(title: str, places: Places, commands: Commands) -> Iterator[None]:
    """Raise an error of a disk or the medium as a sentence about the device; any other OSError is a bug and passes.

    :param title: of the step that runs.
    :raises UserError: in place of an OSError whose number is in :data:`OF_HARDWARE`, or of a command that reports one.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in OF_HARDWARE:
            raise
        raise explain(title, error.errno, str(error.filename or ""), places, commands) from error
    except CommandFailed as error:
        number = next((number for text, number in TEXTS.items() if text in error.tail), None)
        if number is None:
            raise
        named = next((word for word in error.argv[1:] if device_of(word, places)), "")
        explained = explain(title, number, named, places, commands)
        raise UserError(
            f"{explained.message}\n    {Path(error.argv[0]).name}: {error.tail.strip().splitlines()[-1]}", explained.hint
        ) from error


def explain(title: str, number: int, file: str, places: Places, commands: Commands) -> UserError:
    """Return the error for an error number and the file or device that it was about ("" if unknown)."""
    reason = os.strerror(number)
    lines = kernel_lines(commands)
    seen = "".join(f"\n    {line}" for line in lines)
    disk = device_of(file, places)
    if number == errno.ENOSPC and file and (full := full_file_system(file)):
        return UserError(
            f"{title} failed: {full} is full ({file})", "use a larger disk, or install fewer packages and smaller files"
        )
    if disk is not None:
        what = ", ".join(describe(one) for one in disk)
        did = "failed while it was written" if len(disk) == 1 else "failed while they were written"
        text, hint = f"the disk {what} {did}: {reason}" if len(disk) == 1 else f"one of {what} {did}: {reason}", TO_REPLACE
    elif file and Path(file).is_relative_to(places.source):
        text, hint = f"the medium {medium(file)} cannot be read: {reason} ({file})", TO_REWRITE
    else:
        where = file or " or ".join([*(describe(one) for one in places.disks), "the medium"])
        text, hint = f"{reason} ({where})", "a disk, its cable or the medium fails; 'dmesg' shows which"
    return UserError(refusals.DEVICE_FAILED.text(f"{title} failed: {text}") + seen, hint)


def device_of(file: str, places: Places) -> tuple[Disk, ...] | None:
    """Return the disks that a file or device is on; None if it is on none of those that are written to."""
    if not file:
        return None
    for disk in places.disks:
        if file == disk.path or re.fullmatch(re.escape(disk.path) + r"(p|-part)?\d+", file):
            return (disk,)
    if Path(file).is_relative_to(places.target) or file.startswith("/dev/md/"):
        return places.disks or None
    return None


def describe(disk: Disk) -> str:
    """Return a disk by path, model and serial number."""
    words = [word for word in (disk.model, f"serial {disk.serial}" if disk.serial else "") if word]
    return f"{disk.path} ({', '.join(words)})" if words else disk.path


def medium(file: str, root: Path = SYS) -> str:
    """Return the device that holds a file, with its model and serial number if the kernel knows them."""
    try:
        number = os.stat(file).st_dev
        node = (root / "dev/block" / f"{os.major(number)}:{os.minor(number)}").resolve(strict=True)
    except OSError:
        return f"with {Path(file).parent}"
    words = [
        text for name in ("device/model", "device/serial", "serial") if (text := read(node / name) or read(node.parent / name))
    ]
    return f"/dev/{node.name}" + (f" ({', '.join(dict.fromkeys(words))})" if words else "")


def full_file_system(file: str) -> str:
    """Return the name of a file's file system if it has no space left; "" if it has: then the device failed."""
    path = Path(file)
    while not path.exists() and path != path.parent:
        path = path.parent
    try:
        found = os.statvfs(path)
    except OSError:
        return ""
    return f"the file system of {path}" if found.f_blocks and found.f_bavail == 0 and not path.is_block_device() else ""


def kernel_lines(commands: Commands) -> list[str]:
    """Return the kernel's last lines about disks, without their times."""
    try:
        text = commands(["dmesg", "--notime", "--level", "emerg,alert,crit,err,warn"], check=False, quiet=True).output
    except (UserError, OSError):
        return []
    lines = [line.strip() for line in text.splitlines() if OF_DISKS.search(line)]
    # One failing disk repeats itself: the last occurrence of each line, in order.
    return list(dict.fromkeys(reversed(lines)))[:KERNEL_LINES][::-1]
