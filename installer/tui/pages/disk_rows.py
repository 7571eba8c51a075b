"""Disks as list rows: columns, details below the list, and why a disk cannot be selected (pure)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from dom0kit.units import human_bytes
from installer.model.disk_sets import copies
from installer.model.hardware import Disk
from installer.model.hardware import state as content
from installer.model.partition_layout import least_size
from installer.selection.disk_identity import are_one, may_be_one, twins
from installer.selection.obstacles import find_obstacle
from installer.tui.toolkit.forms import WIDTH, Row

HEADER = ("Disk", "Size", "Model", "Serial", "Bus", "Contents")
WIDTHS = (11, 10, 14, 12, 7, 16)
NETWORKED = ("fc", "iscsi", "sas", "scsi")
"""Transports over which a disk may have more than one path."""
FIRST_LINE = 2 * WIDTH - 20
"""Characters for the contents or the reason in the details: two lines, so that the rest fits."""


def short(path: str) -> str:
    """Return a device path without /dev/ and mapper/."""
    return path.removeprefix("/dev/").removeprefix("mapper/")


def duplicates(disk: Disk, disks: Iterable[Disk]) -> tuple[Disk, ...]:
    """Return other devices that are the same disk; paths of a map are not disks of their own."""
    others = (other for other in disks if other.path != disk.path and not other.map)
    return tuple(o for o in others if are_one(disk, o) or ("mpath" in (disk.kind, o.kind) and may_be_one(disk, o)))


def obstacle(disk: Disk, disks: Iterable[Disk] = (), least: int | None = None) -> tuple[str, str]:
    """Return why a disk cannot be installed on, as a short label and as a sentence; "" if it can.

    :param disks: all disks of the machine.
    :param least: the smallest size in bytes; by default that of a target disk without guests.
    """
    same = duplicates(disk, disks)
    names = ", ".join(short(other.path) for other in same)
    never = find_obstacle(disk, least_size(disk.sector, guests=False) if least is None else least)
    obstacles = (
        (disk.map, "path of map", f"it is a path of the multipath disk {short(disk.map)}; select that one"),
        (disk.is_medium, "boot medium", "the installer runs from it"),
        (disk.mounts, "in use", f"it is mounted on {', '.join(disk.mounts)}"),
        (never is not None, never.words if never else "", never.sentence if never else ""),
        (disk.unreadable, "unreadable", f"it cannot be read: {disk.unreadable}"),
        (
            same,
            "same serial",
            f"it has the same serial number as {names}: paths to one disk that multipath did not combine",
        ),
    )
    return next(((words, sentence) for holds, words, sentence in obstacles if holds), ("", ""))


def why_not(disk: Disk, disks: Iterable[Disk] = (), least: int | None = None) -> str:
    """Return why a disk cannot be installed on; "" if it can. See :func:`obstacle`."""
    return obstacle(disk, disks, least)[1]


def can_be_multipath(disk: Disk) -> bool:
    """Return whether a disk with a single path may have more paths."""
    return disk.kind == "disk" and not disk.map and disk.path.startswith("/dev/sd") and disk.transport in NETWORKED


def paths_text(disk: Disk) -> str:
    """Return the paths of a multipath disk with their known states; "" for other disks."""
    if not disk.paths:
        return ""
    states = {path.dev: f"{path.dm} {path.check}" for path in (disk.lun.paths if disk.lun else ())}
    each = ", ".join(" ".join(filter(None, (short(path), states.get(short(path), "")))) for path in disk.paths)
    return f"{count_paths(disk)}: {each}"


def count_paths(disk: Disk) -> str:
    """Return for example ``2 paths``."""
    return f"{len(disk.paths)} path{'' if len(disk.paths) == 1 else 's'}"


def details(disk: Disk, disks: Iterable[Disk] = (), least: int | None = None) -> str:
    """Return details that do not fit the columns, the most important first."""
    disks = tuple(disks)
    reason = why_not(disk, disks, least)
    first = f"Not selectable: {reason}." if reason else f"Contents: {content(disk)}"
    names = ", ".join(part for part in (disk.model, f"serial {disk.serial}" if disk.serial else "", disk.wwn) if part)
    kind = "spinning disk" if disk.rotational and not disk.paths and disk.transport != "virtio" else ""
    sectors = f"sectors of {disk.sector} bytes" if disk.sector != 512 else ""
    namesakes = ", ".join(short(other.path) for other in twins(disk, disks))
    note = f"{namesakes} has the same serial number: compare paths and sizes" if namesakes and not reason else ""
    copied = ", ".join(dict.fromkeys(short(other.path) for shared in copies(disk, disks) for other, _ in shared.others))
    copy = f"same content as {copied}: one is a copy of the other" if copied else ""
    last = "  ".join(part for part in (disk.path, names, kind, sectors, note, copy) if part)
    return "\n".join(filter(None, (textwrap.shorten(first, FIRST_LINE, placeholder=" ..."), last, paths_text(disk))))


def short_contents(disk: Disk, disks: Iterable[Disk] = (), least: int | None = None) -> str:
    """Return what a disk holds, or why it cannot be selected, in a word or two."""
    if words := obstacle(disk, disks, least)[0]:
        return f"- {words}"
    if disk.partitions:
        return f"{len(disk.partitions)} partition{'s' if len(disk.partitions) > 1 else ''}"
    # Only the pane below the list has space for a label.
    found = disk.contents[0].partition(" (")[0] if disk.contents else "data"
    return found if disk.contents or disk.volumes else "blank"


def row(disk: Disk, disks: Iterable[Disk] = (), least: int | None = None) -> Row:
    """Return a disk as a row of the list.

    :param disks: all disks of the machine.
    :param least: the smallest size in bytes, as for :func:`obstacle`.
    """
    everyone = tuple(disks)
    bus = count_paths(disk) if disk.paths else disk.transport
    cells = (short(disk.path), human_bytes(disk.size), disk.model, disk.serial, bus, short_contents(disk, everyone, least))
    return Row(disk.path, cells, why_not(disk, everyone, least), details(disk, everyone, least))


def rows(disks: Iterable[Disk], machine: Iterable[Disk], least: int | None = None) -> tuple[Row, ...]:
    """Return disks as rows: selectable ones first, single paths last.

    :param machine: all disks of the machine.
    :param least: the smallest size in bytes, as for :func:`obstacle`.
    """
    everyone = tuple(machine)
    ordered = sorted(disks, key=lambda disk: (bool(disk.map), bool(why_not(disk, everyone, least)), disk.path))
    return tuple(row(disk, everyone, least) for disk in ordered)
