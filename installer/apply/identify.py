"""Identify disks again immediately before the first write: they may have been exchanged since the facts were collected."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from dom0kit.errors import UserError
from installer.apply.block_tree import Device, partitions, walk
from installer.command_log import Commands
from installer.hardware.disk_ends import END_BYTES, read_ends
from installer.hardware.probe import LSBLK, disk_from, disk_nodes, fill_from_sysfs, parse_lsblk
from installer.model import refusals
from installer.model.actions import OldDisk
from installer.model.hardware import Disk


def identify(
    disks: tuple[OldDisk, ...],
    trees: Mapping[str, Device],
    commands: Commands,
    root: Path = Path("/"),
    *,
    unstable: Collection[str] = (),
) -> None:
    """Compare serial number, WWN, size and the content of both ends with what the plan was made from.

    :param trees: the kernel's trees by the disks' paths.
    :param unstable: paths of disks whose content is left out, see :func:`arrays_write_to_ends`.
    :raises UserError: when a disk differs, with everything that differs; nothing has been changed.
    """
    known = read_disks(commands, root) if any(disk.serial or disk.wwn for disk in disks) else {}
    found: list[str] = []
    for disk in disks:
        found += different_properties(disk, known.get(disk.path), trees[disk.path])
        if not found and disk.digest and disk.path not in unstable:
            found += different_content(disk)
    if found:
        raise UserError(
            refusals.DISK_CHANGED.text(f"nothing was changed, because a disk differs from the plan's: {'; '.join(found)}"),
            "find out what changed, then start the installation again",
        )


def read_disks(commands: Commands, root: Path) -> dict[str, Disk]:
    """Return all disks as the facts describe them, by path."""
    text = commands(["lsblk", "--json", "--bytes", "--output", LSBLK], quiet=True).output
    trees = [fill_from_sysfs(tree, root / "sys/class/block") for tree in parse_lsblk(text)]
    disks = [disk_from(node, paths=paths) for node, paths in disk_nodes(trees)]
    return {disk.path: disk for disk in disks}


def different_properties(old: OldDisk, now: Disk | None, tree: Device) -> list[str]:
    """Return in which properties a disk differs from the facts (pure)."""
    found = []
    if tree.size != old.size:
        found.append(f"{old.path} had {old.size} bytes and has {tree.size}")
    pairs = (("serial number", old.serial, now.serial if now else ""), ("WWN", old.wwn, now.wwn if now else ""))
    for what, before, after in pairs:
        if before and after != before:
            found.append(f"{old.path} had the {what} {before} and has {after or 'none'}")
    return found


def different_content(old: OldDisk) -> list[str]:
    """Return whether the content at the ends of a disk differs from the facts."""
    ends = read_ends(old.path, old.size)
    if ends.error:
        return [f"{old.path} cannot be read: {ends.error}"]
    return [] if ends.digest == old.digest else [f"the content at the ends of {old.path} is different"]


def arrays_write_to_ends(tree: Device) -> bool:
    """Return whether a running RAID array has a member that reaches into the ends of a disk (pure).

    The array writes to its superblocks, there or in the member, while it runs and when it is stopped.
    """
    inner = range(END_BYTES, tree.size - END_BYTES + 1)
    reaching = {part.name for part in partitions(tree) if not (part.start in inner and part.start + part.size in inner)}
    arrays = [device for device in walk([tree]) if device.kind == "md"]
    return any(array in tree.above or not reaching.isdisjoint(array.below) for array in arrays)
