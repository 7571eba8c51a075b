"""What keeps a disk from being erased: mounts, swap, opened devices, foreign stacks; each is named, nothing is changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from installer.apply.block_tree import Device, partitions, stacked, walk

ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}
KINDS = {
    "CRYPT-": ("the opened crypt device", "cryptsetup close {name}"),
    "mpath-": ("the multipath map", "multipath -f {name}"),
    "DMRAID-": ("the RAID set", "dmraid -an"),
}
"""Owners of device-mapper devices that are not taken apart here, by the prefix of the UUID, with the command that does it."""
OF_ARRAYS = "mdmon"
"""The program that writes the metadata of IMSM and DDF arrays, and holds their disks open: it ends when they are stopped."""


@dataclass(frozen=True)
class Use:
    """A use of a block device; ``text`` is a clause such as ``is mounted on /srv``."""

    number: str
    text: str


def read_uses(root: Path = Path("/")) -> list[Use]:
    """Return everything that uses block devices and leaves no link in the kernel's tree."""
    uses = mounts(_text(root / "proc/self/mountinfo"))
    uses += [Use(device_number(path), f"is swap space: swapoff {path}") for path in swaps(_text(root / "proc/swaps"))]
    for node in sorted((root / "sys/class/block").glob("*/loop/backing_file")):
        if number := device_number(_text(node).strip()):
            uses.append(Use(number, f"is behind the loop device /dev/{node.parent.parent.name}"))
    return uses + openers(root / "proc")


def mounts(mountinfo: str) -> list[Use]:
    """Return the mounted devices in ``/proc/self/mountinfo``, proc(5); btrfs shows its own number and the device by name."""
    uses = []
    for line in mountinfo.splitlines():
        words = line.split()
        if "-" not in words:
            continue
        source = unescape(words[words.index("-") + 2])
        text = f"is mounted on {unescape(words[4])}"
        uses += [Use(number, text) for number in dict.fromkeys((words[2], device_number(source))) if number]
    return uses


def swaps(text: str) -> list[str]:
    """Return the devices and files in ``/proc/swaps``."""
    return [unescape(line.split()[0]) for line in text.splitlines()[1:] if line.strip()]


def unescape(text: str) -> str:
    """Undo the escapes of the kernel's lists."""
    for code, character in ESCAPES.items():
        text = text.replace(code, character)
    return text


def device_number(path: str) -> str:
    """Return ``MAJOR:MINOR`` of a block device; "" for anything else."""
    if not path.startswith("/dev/"):
        return ""
    try:
        found = os.stat(path)
    except OSError:
        return ""
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}" if stat.S_ISBLK(found.st_mode) else ""


def openers(proc: Path) -> list[Use]:
    """Return the processes that have a block device open, this one and mdmon(8) left out; those that write say so at the end."""
    uses = []
    for folder in sorted(proc.glob("[0-9]*/fd"), key=lambda path: int(path.parent.name)):
        pid = folder.parent.name
        if int(pid) == os.getpid():
            continue
        try:
            entries = list(folder.iterdir())
        except OSError:
            continue  # It has ended.
        for entry in entries:
            try:
                found = entry.stat()
                if not stat.S_ISBLK(found.st_mode):
                    continue
                number = f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
                # The link's permissions are the mode of opening, proc(5).
                writes = " for writing" if entry.lstat().st_mode & stat.S_IWUSR else ""
                command = _text(folder.parent / "comm").strip()
            except OSError:
                continue
            if command == OF_ARRAYS:
                continue
            uses.append(Use(number, f"is held open by process {pid} ({command}){writes}"))
    return list(dict.fromkeys(uses))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def problems(disks: Iterable[Device], uses: Iterable[Use]) -> list[str]:
    """Return a clause for each reason why disks must not be erased now (pure).

    Volumes and arrays that nothing uses are none: they are taken apart. Who only reads a whole disk, such as a monitor of its
    health, does not matter: the kernel can still drop its partitions.
    """
    disks = list(disks)
    found = [
        f"{device.path} {use.text}"
        for device in walk(disks)
        for use in uses
        if use.number == device.number and not (device in disks and use.text.endswith(")"))
    ]
    return [*dict.fromkeys(found), *foreign(disks)]


def foreign(disks: list[Device]) -> list[str]:
    """Return the devices on disks that are not taken apart here, and those that also use other disks (pure)."""
    found = []
    above = stacked(disks)
    own = {device.name for disk in disks for device in (disk, *partitions(disk))} | {device.name for device in walk(disks)}
    for device in above:
        if device.kind == "dm" and not device.is_volume and not device.is_partition:
            what, command = next(
                (words for prefix, words in KINDS.items() if device.uuid.startswith(prefix)),
                ("the device-mapper device", "dmsetup remove {name}"),
            )
            found.append(f"{what} {device.path} uses it: {command.format(name=device.path.removeprefix('/dev/mapper/'))}")
        elif device.kind not in ("md", "dm"):
            found.append(f"the {device.kind} device {device.path} uses it")
        elif others := [name for name in device.below if name not in own]:
            found.append(f"{device.path} also uses {', '.join(f'/dev/{name}' for name in others)}, which is not selected")
    return found
