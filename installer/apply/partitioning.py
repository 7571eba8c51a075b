"""Partition disks, create arrays, file systems and volume groups."""

from __future__ import annotations

import os

from dom0kit.units import MIB
from installer.apply import partition_devices
from installer.apply.array_devices import wait_for_array
from installer.apply.partition_devices import settle, wait_for
from installer.apply.release import open_exclusively
from installer.command_log import Commands
from installer.model.actions import Array, MakeArrays, MakeFileSystems, MakeVolumeGroup, PartitionDisks, Table
from installer.model.partition_layout import partition_path

# GRUB's ext2 driver supports neither, and newer versions of e2fsprogs may enable them.
EXT4_FEATURES = "^metadata_csum_seed,^orphan_file"


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
    """Write the tables, wait until the kernel has the same partitions, and wipe old contents of the partitions.

    :raises UserError: when a disk is in use, or the kernel's partitions differ from the table.
    """
    for table in action.tables:
        os.close(open_exclusively(table.disk, commands))
        commands(["sgdisk", *sgdisk_arguments(table), table.disk])
        partition_devices.show(table.disk, commands)
    settle(commands)
    devices = [partition_path(table.disk, p.number) for table in action.tables for p in table.partitions]
    wait_for(devices, "the partition")
    for table in action.tables:
        partition_devices.agree(table, commands)
    for device in devices:
        commands(["wipefs", "--all", "--force", device])


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
    for array in action.arrays:
        wait_for_array(array, commands)
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
