"""Disks as rows of a list: what the columns say, what stands below it, and why a disk cannot be chosen. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from dom0kit.units import GIB, human_bytes
from installer.model.hardware import Disk
from installer.model.hardware import state as content
from installer.selection.disks import are_twins
from installer.tui.toolkit.forms import WIDTH, Row

HEADER = ("Disk", "Size", "Model", "Serial", "Bus", "On it now")
WIDTHS = (11, 10, 14, 12, 7, 16)
LEAST = 6 * GIB
NETWORKED = ("fc", "iscsi", "sas", "scsi")
"""How disks are attached that may have more than one cable."""
SAID = 2 * WIDTH - 20
"""Characters for what is on a disk, or why it cannot be chosen: two lines, so that there is room for the rest."""


def short(path: str) -> str:
    """A disk's name without the folder that all of them are in."""
    return path.removeprefix("/dev/").removeprefix("mapper/")


def twins(disk: Disk, disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """Other disks that say to be the same one; paths of a map are no disks of their own."""
    return tuple(other for other in disks if other.path != disk.path and not other.map and are_twins(disk, other))


def obstacle(disk: Disk, disks: Iterable[Disk] = ()) -> tuple[str, str]:
    """Why a disk cannot be installed on, in a word or two and as a sentence; both empty when it can.

    :param disks: all disks of the machine.
    """
    same = twins(disk, disks)
    names = ", ".join(short(other.path) for other in same)
    obstacles = (
        (disk.map, "path of map", f"it is one path of the multipath disk {short(disk.map)}; choose that one"),
        (disk.is_medium, "boot medium", "this program runs from it"),
        (disk.mounts, "in use", f"it is in use, mounted on {', '.join(disk.mounts)}"),
        (disk.read_only, "read-only", "it is write-protected"),
        (disk.size < LEAST, "too small", f"it is too small: at least {human_bytes(LEAST)} are needed"),
        (
            same,
            "same serial",
            f"it and {names} have one serial number: paths to the same disk that multipath did not recognise",
        ),
    )
    return next(((words, sentence) for holds, words, sentence in obstacles if holds), ("", ""))


def why_not(disk: Disk, disks: Iterable[Disk] = ()) -> str:
    """Why a disk cannot be installed on; empty when it can. See :func:`obstacle`."""
    return obstacle(disk, disks)[1]


def may_get_paths(disk: Disk) -> bool:
    """Whether another cable may lead to a disk that has one path now."""
    return disk.kind == "disk" and not disk.map and disk.path.startswith("/dev/sd") and disk.transport in NETWORKED


def paths_text(disk: Disk) -> str:
    """The paths of a multipath disk, each with its state when that is known; empty for other disks."""
    if not disk.paths:
        return ""
    states = {path.dev: f"{path.dm} {path.check}" for path in (disk.lun.paths if disk.lun else ())}
    each = ", ".join(" ".join(filter(None, (short(path), states.get(short(path), "")))) for path in disk.paths)
    return f"{count_paths(disk)}: {each}"


def count_paths(disk: Disk) -> str:
    """``2 paths``."""
    return f"{len(disk.paths)} path{'' if len(disk.paths) == 1 else 's'}"


def details(disk: Disk, disks: Iterable[Disk] = ()) -> str:
    """What the columns of the list have no room for; what matters most comes first."""
    reason = why_not(disk, disks)
    first = f"Cannot be chosen: {reason}." if reason else f"On it now: {content(disk)}"
    names = ", ".join(part for part in (disk.model, f"serial {disk.serial}" if disk.serial else "", disk.wwn) if part)
    kind = "spinning disk" if disk.rotational and not disk.paths and disk.transport != "virtio" else ""
    sectors = f"sectors of {disk.sector} bytes" if disk.sector != 512 else ""
    others = (other for other in disks if other.path != disk.path and not other.map)
    namesakes = ", ".join(short(other.path) for other in others if disk.serial and disk.serial == other.serial)
    note = f"{namesakes} has the same serial number: go by size" if namesakes and not reason else ""
    last = "  ".join(part for part in (disk.path, names, kind, sectors, note) if part)
    return "\n".join(filter(None, (textwrap.shorten(first, SAID, placeholder=" ..."), last, paths_text(disk))))


def in_short(disk: Disk, disks: Iterable[Disk] = ()) -> str:
    """What is on a disk, or why it cannot be chosen, in a word or two."""
    if words := obstacle(disk, disks)[0]:
        return f"- {words}"
    if disk.partitions:
        return f"{len(disk.partitions)} partition{'s' if len(disk.partitions) > 1 else ''}"
    # Only the pane below the list has room for a label.
    found = disk.contents[0].partition(" (")[0] if disk.contents else "data"
    return found if disk.contents or disk.volumes else "blank"


def row(disk: Disk, disks: Iterable[Disk] = ()) -> Row:
    """A disk as a row of the list.

    :param disks: all disks of the machine.
    """
    everyone = tuple(disks)
    bus = count_paths(disk) if disk.paths else disk.transport
    cells = (short(disk.path), human_bytes(disk.size), disk.model, disk.serial, bus, in_short(disk, everyone))
    return Row(disk.path, cells, why_not(disk, everyone), details(disk, everyone))


def rows(disks: Iterable[Disk], machine: Iterable[Disk]) -> tuple[Row, ...]:
    """Rows for disks: those that can be chosen first, raw paths last.

    :param machine: all disks of the machine.
    """
    everyone = tuple(machine)
    ordered = sorted(disks, key=lambda disk: (bool(disk.map), bool(why_not(disk, everyone)), disk.path))
    return tuple(row(disk, everyone) for disk in ordered)
