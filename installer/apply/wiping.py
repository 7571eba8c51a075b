"""Erase disks: nothing that a tool knows is left at their ends, at those of their partitions, and where arrays had data."""

from __future__ import annotations

import os
from collections.abc import Iterable

from dom0kit.fs import naming
from dom0kit.units import MIB
from installer.apply import partition_devices
from installer.apply.block_tree import Device, partitions, walk
from installer.apply.partition_devices import Entry
from installer.apply.release import Held, exclusively
from installer.command_log import Commands
from installer.model.actions import Wipe

HEAD = 5 * MIB
"""Bytes to erase at the start of an old partition: VMFS begins at 1 MiB, a second LUKS header may lie at 4 MiB."""
TAIL = MIB


def wipe(action: Wipe, commands: Commands) -> frozenset[str]:
    """Release the disks, then remove signatures of file systems, RAID and LVM.

    Only the ends are overwritten, which takes seconds for any size. All disks are held before the first is written to.

    :returns: GUIDs of the partitions that were on them.
    :raises UserError: when a disk is in use, or not the one of the plan; nothing has been changed.
    """
    with exclusively(action.disks, commands) as held:
        old = {one.disk.path: partition_devices.read_table(one.disk.path, commands) for one in held}
        for one in held:
            erase(one, old[one.disk.path], commands)
    partition_devices.settle(commands)
    return frozenset(entry.guid for entries in old.values() for entry in entries if entry.guid)


def erase(held: Held, entries: list[Entry], commands: Commands) -> None:
    """Erase one disk that is held.

    :param entries: its partition table.
    """
    disk = held.disk
    commands(["wipefs", "--all", "--force", disk.path])
    with naming(disk.path):
        for offset, length in areas(disk.size, held.tree, entries, disk.erase):
            zero(held.fd, offset, length)
        os.fsync(held.fd)


def areas(size: int, tree: Device, entries: Iterable[Entry], more: Iterable[tuple[int, int]] = ()) -> list[tuple[int, int]]:
    """Return the areas to overwrite as (offset, length) in bytes, all of them on the disk (pure).

    Without the data of arrays, what an array held would appear again with the next one at the same place.

    :param size: of the disk in bytes.
    :param tree: what was on it.
    :param more: additional areas.
    """
    places = [(0, MIB), (size - MIB, MIB), *more]
    parts = partitions(tree)
    own = [(part.start, part.size) for part in parts if part.kind == "part"] + [(entry.start, entry.size) for entry in entries]
    for start, length in dict.fromkeys(own):
        places += [(start, min(HEAD, length)), (start + max(length - TAIL, 0), min(TAIL, length))]
    starts = {tree.name: 0, **{part.name: part.start for part in parts if part.kind == "part"}}
    for array in walk([tree]):
        places += [(starts[member] + offset, HEAD) for member, offset in array.data if member in starts]
    return [(start, min(length, size - start)) for start, length in dict.fromkeys(places) if 0 <= start < size]


def zero(fd: int, offset: int, length: int) -> None:
    """Overwrite a part of a disk with zeros; ``offset`` and ``length`` in bytes."""
    while length > 0:
        written = os.pwrite(fd, bytes(min(length, MIB)), offset)
        offset, length = offset + written, length - written
