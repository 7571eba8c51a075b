"""Wipe and partition disks, create arrays, file systems and volume groups."""

from __future__ import annotations

import os
from pathlib import Path

from dom0kit.linux import udev
from dom0kit.polling import poll
from dom0kit.units import MIB
from installer.command_log import Commands
from installer.model.actions import Array, MakeArrays, MakeFileSystems, MakeVolumeGroup, PartitionDisks, Table, Wipe
from installer.model.partition_layout import partition_path

SECONDS_FOR_DEVICES = 120.0
"""Wait for the device of a partition or an array after udev has processed all events.

Kind: cap. Reason: the device is the condition; the kernel creates it within milliseconds. Expiry: an error that names the
device and the time.
"""
LOOK_SECONDS = 0.1
"""Pause between two checks for a device.

Kind: pace. Reason: one stat(2). Expiry: the next check.
"""

# udev's rules (60-kpartx.rules) name it WWID-part3.
KPARTX_NAMES = ("-p", "-part")

# GRUB's ext2 driver supports neither, and newer versions of e2fsprogs may enable them.
EXT4_FEATURES = "^metadata_csum_seed,^orphan_file"


def wipe(action: Wipe, commands: Commands) -> None:
    """Release the disks, then remove signatures of file systems, RAID and LVM.

    Only the ends are overwritten, which takes seconds for any size.
    """
    for group in action.volume_groups:
        commands(["vgchange", "--activate", "n", group])
    for array in action.arrays:
        # Otherwise the contents would reappear with the next array at the same place. An inactive array cannot be read.
        commands(["wipefs", "--all", "--force", array], check=False)
        # udev then probes the array, and it cannot be stopped meanwhile.
        settle(commands)
        commands(["mdadm", "--stop", array])
    for disk in action.disks:
        for partition in disk.partitions:
            if Path(partition).exists():
                commands(["wipefs", "--all", "--force", partition])
        commands(["wipefs", "--all", "--force", disk.path])
        with open(disk.path, "r+b", buffering=0) as file:
            for offset, length in ((0, MIB), (disk.size - MIB, MIB), *disk.erase):
                zero(file.fileno(), offset, length)
            os.fsync(file.fileno())
        forget_partitions(disk.path, commands)
    settle(commands)


def is_map(path: str) -> bool:
    """Return whether a disk is a multipath map: its partitions are device-mapper devices made by kpartx."""
    return path.startswith("/dev/mapper/")


def forget_partitions(disk: str, commands: Commands) -> None:
    """Remove the devices of a disk's partitions; ignore the error of partx if there are none."""
    if is_map(disk):
        # udev also runs kpartx after a write to a map; two of them at a time conflict.
        settle(commands)
        commands(["kpartx", "-d", "-s", *KPARTX_NAMES, disk], check=False)
    else:
        commands(["partx", "--delete", disk], check=False)


def show_partitions(disk: str, commands: Commands) -> None:
    """Create the devices of a disk's partitions from its current table."""
    if is_map(disk):
        settle(commands)
        commands(["kpartx", "-a", "-u", "-s", *KPARTX_NAMES, disk])
    else:
        # sgdisk makes the kernel re-read the table; partx also works if a device was briefly busy.
        commands(["partx", "--update", disk], check=False)


def zero(fd: int, offset: int, length: int) -> None:
    """Overwrite a part of a disk with zeros; ``offset`` and ``length`` in bytes."""
    while length > 0:
        written = os.pwrite(fd, bytes(min(length, MIB)), offset)
        offset, length = offset + written, length - written


def sgdisk_arguments(table: Table) -> list[str]:
    """Return the sgdisk arguments that create a table, with sectors of the disk's size (pure)."""
    words = ["--clear", f"--disk-guid={table.guid}", "--set-alignment=1"]
    for p in table.partitions:
        first, last = p.start // table.sector, p.end // table.sector - 1
        words += [
            f"--new={p.number}:{first}:{last}",
            f"--typecode={p.number}:{p.type_code}",
            f"--change-name={p.number}:{p.name}",
            f"--partition-guid={p.number}:{p.guid}",
        ]
    return words


def partition(action: PartitionDisks, commands: Commands) -> None:
    """Write the tables, wait for the partitions' devices, and wipe old contents of the partitions.

    :raises UserError: when the devices do not appear.
    """
    for table in action.tables:
        commands(["sgdisk", *sgdisk_arguments(table), table.disk])
        show_partitions(table.disk, commands)
    settle(commands)
    devices = [partition_path(table.disk, p.number) for table in action.tables for p in table.partitions]
    wait_for(devices, "the partition")
    for device in devices:
        commands(["wipefs", "--all", "--force", device])


def wait_for(devices: list[str], what: str) -> None:
    """Wait until devices exist.

    :raises TimedOut: when one does not appear.
    """
    for device in devices:
        poll(Path(device).exists, SECONDS_FOR_DEVICES, LOOK_SECONDS, f"{what} {device} to appear", hint="see 'dmesg'")


def mdadm_arguments(array: Array) -> list[str]:
    """Return the mdadm arguments that create an array (pure).

    The home host ``any`` gives it the same name on every machine, in the installer and on the host (mdadm(8)).
    """
    words = ["--create", array.device, "--run", "--level=1", f"--raid-devices={len(array.members)}"]
    words += [f"--metadata={array.metadata}", "--homehost=any", f"--name={array.name}", f"--uuid={array.md_uuid}"]
    # mdadm asks about a bitmap unless specified. With one, a returning disk is resynchronized in seconds.
    words.append("--bitmap=internal")
    if array.data_offset:
        words.append(f"--data-offset={array.data_offset // 1024}K")
    return [*words, *array.members]


def make_arrays(action: MakeArrays, commands: Commands) -> None:
    """Create the mirrors and wait for their devices.

    :raises UserError: when one does not appear.
    """
    for array in action.arrays:
        commands(["mdadm", *mdadm_arguments(array)])
    settle(commands)
    wait_for([array.device for array in action.arrays], "the array")
    for array in action.arrays:
        commands(["wipefs", "--all", "--force", array.device])


def make_file_systems(action: MakeFileSystems, commands: Commands) -> None:
    """Create FAT32 on each ESP and ext4 for the system; the kernel writes inode tables later, which saves seconds."""
    for esp, serial in action.esps:
        commands(["mkfs.vfat", "-F", "32", "-n", "ESP", "-i", serial, esp])
    name = ["-L", "dom0kit-system", "-U", str(action.system_uuid)]
    lazy = ["-E", "lazy_itable_init=1,lazy_journal_init=1"]
    commands(["mkfs.ext4", "-q", "-F", *name, "-m", "1", "-O", EXT4_FEATURES, *lazy, action.system])
    settle(commands)


def make_volume_group(action: MakeVolumeGroup, commands: Commands) -> None:
    """Create physical volumes, the volume group, and the thin pool if configured."""
    for device in action.devices:
        commands(["pvcreate", "--yes", "--force", "--force", device])
    commands(["vgcreate", "--yes", action.name, *action.devices])
    if action.pool_metadata is not None:
        # LVM subtracts the metadata and its spare from the free space before it applies the percentage.
        size = ["--extents", "100%FREE", "--poolmetadatasize", f"{action.pool_metadata // MIB}m"]
        commands(["lvcreate", "--yes", "--type", "thin-pool", *size, "--zero", "y", "--name", "thin", action.name])


def settle(commands: Commands) -> None:
    """Wait until udev has processed all events; a timeout is logged."""
    udev.settle(commands, note=commands.note)
