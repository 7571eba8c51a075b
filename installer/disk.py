"""Wiping, partitioning and making file systems: the acting side of the disk's actions."""

from __future__ import annotations

import os
import time
from pathlib import Path

from dom0kit.errors import UserError
from installer.actions import MakeFileSystems, MakeVolumeGroup, PartitionDisk, Wipe
from installer.commands import Commands
from installer.layout import MIB, partition_path

SECONDS_FOR_DEVICES = 10.0

# GRUB's ext2 driver reads neither of these, and newer versions of e2fsprogs may switch them on.
EXT4_FEATURES = "^metadata_csum_seed,^orphan_file"


def wipe(action: Wipe, commands: Commands) -> None:
    """Let go of the disk, then remove the signatures of file systems, RAID and LVM from it.

    Only the ends are overwritten: seconds, whatever the size.
    """
    for group in action.volume_groups:
        commands(["vgchange", "--activate", "n", group])
    for array in action.arrays:
        commands(["mdadm", "--stop", array])
    for partition in action.partitions:
        if Path(partition).exists():
            commands(["wipefs", "--all", "--force", partition])
    commands(["wipefs", "--all", "--force", action.disk])
    with open(action.disk, "r+b", buffering=0) as disk:
        for offset in (0, action.size - MIB):
            disk.seek(offset)
            disk.write(bytes(MIB))
        os.fsync(disk.fileno())
    # The kernel forgets the old partitions; there may be none, which is an error to partx.
    commands(["partx", "--delete", action.disk], check=False)
    settle(commands)


def sgdisk_arguments(action: PartitionDisk) -> list[str]:
    """The arguments that make the table of an action, sectors counted in the disk's own size. Pure."""
    words = ["--clear", f"--disk-guid={action.guid}", "--set-alignment=1"]
    for p in action.partitions:
        first, last = p.start // action.sector, p.end // action.sector - 1
        words += [
            f"--new={p.number}:{first}:{last}",
            f"--typecode={p.number}:{p.type_code}",
            f"--change-name={p.number}:{p.name}",
            f"--partition-guid={p.number}:{p.guid}",
        ]
    return words


def partition(action: PartitionDisk, commands: Commands) -> None:
    """Write the table and wait for the partitions' devices; old content of the partitions is wiped as well.

    :raises UserError: when the devices do not appear.
    """
    commands(["sgdisk", *sgdisk_arguments(action), action.disk])
    # sgdisk asks the kernel to read the table again; partx also works where a device was busy for a moment.
    commands(["partx", "--update", action.disk], check=False)
    settle(commands)
    devices = [partition_path(action.disk, p.number) for p in action.partitions]
    deadline = time.monotonic() + SECONDS_FOR_DEVICES
    while missing := [device for device in devices if not Path(device).exists()]:
        if time.monotonic() > deadline:
            raise UserError(f"the partition {missing[0]} did not appear within {SECONDS_FOR_DEVICES:.0f} s", "see 'dmesg'")
        time.sleep(0.1)
    for device in devices:
        commands(["wipefs", "--all", "--force", device])


def make_file_systems(action: MakeFileSystems, commands: Commands) -> None:
    """FAT32 for the ESP, ext4 for the system; inode tables are written later by the kernel, which saves seconds."""
    commands(["mkfs.vfat", "-F", "32", "-n", "ESP", "-i", action.esp_serial, action.esp])
    name = ["-L", "dom0kit-system", "-U", str(action.system_uuid)]
    lazy = ["-E", "lazy_itable_init=1,lazy_journal_init=1"]
    commands(["mkfs.ext4", "-q", "-F", *name, "-m", "1", "-O", EXT4_FEATURES, *lazy, action.system])
    settle(commands)


def make_volume_group(action: MakeVolumeGroup, commands: Commands) -> None:
    """A physical volume on the partition, and the group on it."""
    commands(["pvcreate", "--yes", "--force", "--force", action.partition])
    commands(["vgcreate", "--yes", action.name, action.partition])


def settle(commands: Commands) -> None:
    """Wait until udev has seen what happened; without udev there is nothing to wait for."""
    if Path("/run/udev/control").exists():
        commands(["udevadm", "settle", "--timeout=20"], check=False)
