"""What tables and superblocks on a disk say, with the identifiers that tell one from another (pure)."""

from __future__ import annotations

from dataclasses import dataclass

PARTITION_TABLES = frozenset({"gpt", "dos"})
LVM = "LVM2_member"
MD = "linux_raid_member"


@dataclass(frozen=True)
class Content:
    """A partition table, file system or volume.

    :param device: the disk, or the partition or device stacked on it.
    :param kind: its format as libblkid names it: ``gpt``, ``ext4``, ``LVM2_member``.
    :param uuid: its identifier: the disk GUID of a GPT, the UUID of a file system or physical volume. All members of an array,
        pool or file system that spans several devices have the same one, except those of LVM. "" if it has none.
    :param member: this device's own identifier in a format that spans several devices.
    :param devices: how many devices it spans; 0 if unknown.
    """

    device: str
    kind: str
    uuid: str = ""
    member: str = ""
    devices: int = 0
