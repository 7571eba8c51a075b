"""Block devices that the kernel calls disks and that no installation can use, with the reasons."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from installer.hardware.sysfs import read
from installer.model.hardware import Disk

UNUSABLE = (
    (re.compile(r"/dev/mmcblk\d+(?:boot\d+|rpmb|gp\d+)"), "a hardware area of an eMMC, not its storage"),
    (re.compile(r"/dev/(?:mtdblock|mtdblock_ro|ubiblock)[\d_]+"), "a flash chip of the mainboard"),
    (re.compile(r"/dev/zd\d+"), "a volume of a ZFS pool"),
    (re.compile(r"/dev/(?:rbd|drbd)\d+"), "a replicated or remote block device"),
    (re.compile(r"/dev/pmem\d+s?"), "persistent memory, which no firmware boots from"),
)
SECTOR_SIZE = re.compile(r"\[(\w+)\] Unsupported sector size (\d+)")


class KernelLog:
    """The kernel's messages, read when the first disk needs them."""

    def __init__(self, output: Callable[[list[str]], str]) -> None:
        self._output = output
        self._sizes: dict[str, int] | None = None

    def sector_size(self, name: str) -> int:
        """Return the sector size in bytes that the kernel does not support; 0 if it reported none."""
        if self._sizes is None:
            self._sizes = {disk: int(size) for disk, size in SECTOR_SIZE.findall(self._output(["dmesg"]))}
        return self._sizes.get(name, 0)


def why_unusable(disk: Disk, log: KernelLog) -> str:
    """Return why no installation can use a disk; "" if nothing is known against it."""
    for pattern, reason in UNUSABLE:
        if pattern.fullmatch(disk.path):
            return reason
    if disk.size:
        return ""
    if disk.removable:
        return "no medium"
    if sector := log.sector_size(disk.path.removeprefix("/dev/")):
        return f"sectors of {sector} bytes, which Linux does not support; {format_hint(disk)}"
    if disk.address:
        return f"size 0: it does not answer, is locked, or has sectors of 520 or 528 bytes; then {format_hint(disk)}"
    return "size 0: it does not answer, or is locked"


def format_hint(disk: Disk) -> str:
    """Return how to give a disk of a storage array sectors that Linux supports."""
    return f"'sg_format --format --size=512 {disk.path}' erases it and makes it usable"


def is_card(disk: Disk, root: Path) -> bool:
    """Return whether a disk is an SD card, which sysfs does not call removable."""
    return read(root / "sys/class/block" / disk.path.removeprefix("/dev/") / "device/type") == "SD"
