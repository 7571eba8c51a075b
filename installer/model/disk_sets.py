"""Formats that span several disks, and copies of one disk on another: found by their identifiers (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from installer.model.disk_content import MD, Content
from installer.model.hardware import Disk

SPANNING = {
    MD: "RAID array",
    "isw_raid_member": "Intel RAID",
    "ddf_raid_member": "DDF RAID",
    "btrfs": "btrfs file system",
    "bcachefs": "bcachefs file system",
    "zfs_member": "ZFS pool",
    "stratis": "Stratis pool",
    "bcache": "bcache set",
    "ceph_bluestore": "Ceph OSD",
    "ldm": "group of Windows' dynamic disks",
    "storage_spaces": "pool of Windows' Storage Spaces",
}
"""Formats of which one disk may be useless without others, in words; LVM is judged by its volume groups."""


@dataclass(frozen=True)
class Shared:
    """Content with one identifier on several disks.

    :param content: what is on the disk that is looked at.
    :param others: what the other disks have, as (disk, content).
    """

    content: Content
    others: tuple[tuple[Disk, Content], ...]

    @property
    def devices(self) -> str:
        """Return the devices on the other disks as text."""
        return ", ".join(dict.fromkeys(content.device for _, content in self.others))


def spans(content: Content) -> str:
    """Return what a format that spans several disks is called; "" for other formats."""
    if content.kind.endswith("_raid_member"):
        return SPANNING.get(content.kind, f"firmware RAID ({content.kind.removesuffix('_raid_member')})")
    return SPANNING.get(content.kind, "")


def own_disks(disks: Iterable[Disk]) -> list[Disk]:
    """Return the disks without the paths of maps, which show the map's content once more."""
    return [disk for disk in disks if not disk.map]


def set_members(disk: Disk, disks: Iterable[Disk]) -> tuple[Shared, ...]:
    """Return the sets that the disk belongs to together with other disks.

    A format without a known identifier may belong to any disk that has the same format.
    """
    return _shared(disk, disks, lambda one, other: bool(spans(one)) and are_members(one, other))


def copies(disk: Disk, disks: Iterable[Disk]) -> tuple[Shared, ...]:
    """Return what is on the disk and, with the same identifier, on another one: one is a copy of the other.

    The members of a mirror show the same content by design.
    """
    everyone = own_disks(disks)
    partners = {other.path for shared in set_members(disk, everyone) for other, _ in shared.others}
    return _shared(disk, [other for other in everyone if other.path not in partners], are_copies)


def are_members(one: Content, other: Content) -> bool:
    """Return whether two contents are members of one set: an identifier in common, and not the same member twice."""
    if one.kind != other.kind:
        return False
    if one.member and one.member == other.member:
        return False
    return one.uuid == other.uuid or not (one.uuid and other.uuid)


def are_copies(one: Content, other: Content) -> bool:
    """Return whether one content is a copy of the other."""
    if one.kind != other.kind or not one.uuid or one.uuid != other.uuid:
        return False
    return not spans(one) or (bool(one.member) and one.member == other.member)


def _shared(disk: Disk, disks: Iterable[Disk], alike: Callable[[Content, Content], bool]) -> tuple[Shared, ...]:
    found = []
    others = [other for other in own_disks(disks) if other.path != disk.path]
    for content in disk.found:
        same = [(o, c) for o in others for c in o.found if c.device != content.device and alike(content, c)]
        if same:
            found.append(Shared(content, tuple(same)))
    return tuple(found)
