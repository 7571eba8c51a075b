"""Wiping, partitioning and making file systems: the acting side of the disk's actions."""

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
"""Pause between two looks for a device.

Kind: pace. Reason: one stat(2). Expiry: the next look.
"""

# As udev's rules call it (60-kpartx.rules): WWID-part3.
KPARTX_NAMES = ("-p", "-part")

# GRUB's ext2 driver reads neither of these, and newer versions of e2fsprogs may switch them on.
EXT4_FEATURES = "^metadata_csum_seed,^orphan_file"


def wipe(action: Wipe, commands: Commands) -> None:
    """Let go of the disks, then remove the signatures of file systems, RAID and LVM from them.

    Only ends are overwritten: seconds, whatever the size.
    """
    for group in action.volume_groups:
        commands(["vgchange", "--activate", "n", group])
    for array in action.arrays:
        # What is inside would come back with the next array at the same place. One that did not start cannot be read.
        commands(["wipefs", "--all", "--force", array], check=False)
        # udev looks at the array again, and while it does, the array cannot be stopped.
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
    """Whether a disk is a multipath map: its partitions are devices of device-mapper, which kpartx makes, not the kernel."""
    return path.startswith("/dev/mapper/")


def forget_partitions(disk: str, commands: Commands) -> None:
    """Remove the devices of a disk's partitions; there may be none, which is an error to partx."""
    if is_map(disk):
        # udev runs kpartx as well when a map was written to; two of them at a time fall over each other.
        settle(commands)
        commands(["kpartx", "-d", "-s", *KPARTX_NAMES, disk], check=False)
    else:
        commands(["partx", "--delete", disk], check=False)


def show_partitions(disk: str, commands: Commands) -> None:
    """Make the devices of a disk's partitions as they are in its table now."""
    if is_map(disk):
        settle(commands)
        commands(["kpartx", "-a", "-u", "-s", *KPARTX_NAMES, disk])
    else:
        # sgdisk asks the kernel to read the table again; partx also works where a device was busy for a moment.
        commands(["partx", "--update", disk], check=False)


def zero(fd: int, offset: int, length: int) -> None:
    """Overwrite a part of a disk with zeros; ``offset`` and ``length`` in bytes."""
    while length > 0:
        written = os.pwrite(fd, bytes(min(length, MIB)), offset)
        offset, length = offset + written, length - written


def sgdisk_arguments(table: Table) -> list[str]:
    """The arguments that make a table, sectors counted in the disk's own size. Pure."""
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
    """Write the tables and wait for the partitions' devices; old content of the partitions is wiped as well.

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
    """Wait until devices are there.

    :raises TimedOut: when one does not appear.
    """
    for device in devices:
        poll(Path(device).exists, SECONDS_FOR_DEVICES, LOOK_SECONDS, f"{what} {device} to appear", hint="see 'dmesg'")


def mdadm_arguments(array: Array) -> list[str]:
    """The arguments that make an array. Pure.

    The home host ``any`` gives it the same name on every machine, in the installer as on the host (mdadm(8)).
    """
    words = ["--create", array.device, "--run", "--level=1", f"--raid-devices={len(array.members)}"]
    words += [f"--metadata={array.metadata}", "--homehost=any", f"--name={array.name}", f"--uuid={array.md_uuid}"]
    # mdadm asks about a bitmap unless it is told. With one, a disk that comes back is synchronised in seconds.
    words.append("--bitmap=internal")
    if array.data_offset:
        words.append(f"--data-offset={array.data_offset // 1024}K")
    return [*words, *array.members]


def make_arrays(action: MakeArrays, commands: Commands) -> None:
    """Make the mirrors and wait for their devices.

    :raises UserError: when one does not appear.
    """
    for array in action.arrays:
        commands(["mdadm", *mdadm_arguments(array)])
    settle(commands)
    wait_for([array.device for array in action.arrays], "the array")
    for array in action.arrays:
        commands(["wipefs", "--all", "--force", array.device])


def make_file_systems(action: MakeFileSystems, commands: Commands) -> None:
    """FAT32 for each ESP, ext4 for the system; inode tables are written later by the kernel, which saves seconds."""
    for esp, serial in action.esps:
        commands(["mkfs.vfat", "-F", "32", "-n", "ESP", "-i", serial, esp])
    name = ["-L", "dom0kit-system", "-U", str(action.system_uuid)]
    lazy = ["-E", "lazy_itable_init=1,lazy_journal_init=1"]
    commands(["mkfs.ext4", "-q", "-F", *name, "-m", "1", "-O", EXT4_FEATURES, *lazy, action.system])
    settle(commands)


def make_volume_group(action: MakeVolumeGroup, commands: Commands) -> None:
    """Physical volumes on the devices, the group on them, and the thin pool when there is to be one."""
    for device in action.devices:
        commands(["pvcreate", "--yes", "--force", "--force", device])
    commands(["vgcreate", "--yes", action.name, *action.devices])
    if action.pool_metadata is not None:
        # LVM takes the metadata and its spare off the free space before it counts the percentage.
        size = ["--extents", "100%FREE", "--poolmetadatasize", f"{action.pool_metadata // MIB}m"]
        commands(["lvcreate", "--yes", "--type", "thin-pool", *size, "--zero", "y", "--name", "thin", action.name])


def settle(commands: Commands) -> None:
    """Wait until udev has processed what happened; a wait that is given up is in the log."""
    udev.settle(commands, note=commands.note)
