"""Devices of partitions: made and removed by the kernel for disks, by kpartx for multipath maps; compared with the plan."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux import udev
from dom0kit.polling import TimedOut, poll
from dom0kit.units import SECTOR
from installer.apply import in_use
from installer.apply.block_tree import SYS, Device, kernel_name, partitions, read_device
from installer.command_log import Commands
from installer.model.actions import Table
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
SECONDS_TO_AGREE = 20.0
"""Wait until the kernel's partitions are those of the table.

Kind: cap. Reason: udev's rules have a new partition open for a moment, and the kernel does not change it meanwhile. Expiry: an
error that names the partitions that differ and who holds them.
"""
SECONDS_BETWEEN = 1.0
"""Pause between two attempts to have the kernel read a table again.

Kind: pace. Reason: each attempt runs partx(8). Expiry: the next attempt.
"""

# udev's rules (60-kpartx.rules) name it WWID-part3.
KPARTX_NAMES = ("-p", "-part")


@dataclass(frozen=True)
class Entry:
    """An entry of a partition table as it is on a disk; ``start`` and ``size`` in bytes, ``guid`` is "" without one."""

    start: int
    size: int
    guid: str = ""


def is_map(path: str) -> bool:
    """Return whether a disk is a multipath map: its partitions are device-mapper devices made by kpartx."""
    return path.startswith("/dev/mapper/")


def forget(disk: str, commands: Commands) -> list[str]:
    """Remove the devices of a disk's partitions; return what the program said if it failed, as without any partition."""
    if is_map(disk):
        # udev also runs kpartx after a write to a map; two of them at a time conflict.
        settle(commands)
        result = commands(["kpartx", "-d", "-s", *KPARTX_NAMES, disk], check=False)
    else:
        result = commands(["partx", "--delete", disk], check=False)
    return result.errors.strip().splitlines() if result.returncode else []


def show(disk: str, commands: Commands) -> list[str]:
    """Create the devices of a disk's partitions from its current table; return what the program said if it failed."""
    if is_map(disk):
        settle(commands)
        result = commands(["kpartx", "-a", "-u", "-s", *KPARTX_NAMES, disk], check=False)
    else:
        # sgdisk makes the kernel re-read the table; partx also works if a device was briefly busy.
        result = commands(["partx", "--update", disk], check=False)
    return result.errors.strip().splitlines() if result.returncode else []


def restore(disk: str, commands: Commands) -> None:
    """Have the kernel see the partitions of an unchanged disk again."""
    if is_map(disk):
        show(disk, commands)
    elif read_table(disk, commands):
        # Not --update, which passes over what follows a gap in the numbers.
        commands(["partx", "--add", disk], check=False)


def read_table(disk: str, commands: Commands) -> list[Entry]:
    """Return the entries of a disk's table, whatever the kernel sees of them."""
    words = ["partx", "--raw", "--noheadings", "--output", "START,SECTORS,UUID", disk]
    entries = []
    for line in commands(words, check=False).output.splitlines():
        start, size, *guid = line.split()
        if start.isdigit() and size.isdigit():
            entries.append(Entry(int(start) * SECTOR, int(size) * SECTOR, "".join(guid).lower()))
    return entries


def wait_for(devices: Iterable[str], what: str) -> None:
    """Wait until devices exist.

    :raises TimedOut: when one does not appear.
    """
    for device in devices:
        poll(Path(device).exists, SECONDS_FOR_DEVICES, LOOK_SECONDS, f"{what} {device} to appear", hint="see 'dmesg'")


def agree(table: Table, commands: Commands, root: Path = SYS) -> None:
    """Compare the kernel's partitions with a table that was just written, and have it read again while they differ.

    :raises UserError: when they still differ, with who holds them.
    """
    found: list[str] = []
    said: list[str] = []

    def equal() -> bool:
        tree = read_device(kernel_name(table.disk, root), root)
        found[:] = differences(table, tree)
        if found:
            said[:] = show(table.disk, commands)
        return not found

    with suppress(TimedOut):
        poll(equal, SECONDS_TO_AGREE, SECONDS_BETWEEN, f"the partitions of {table.disk}")
    if found:
        holders = in_use.problems([read_device(kernel_name(table.disk, root), root)], in_use.read_uses())
        raise UserError(
            f"the kernel does not see the new partitions of {table.disk}: {'; '.join([*found, *holders, *said])}",
            "release what holds them, or restart the machine, then install again",
        )


def differences(table: Table, tree: Device) -> list[str]:
    """Return in what the kernel's partitions differ from a table (pure).

    The start of a multipath map's partition is not in sysfs; kpartx sets it together with the size.
    """
    now = {device.path: device for device in partitions(tree)}
    found = []
    for part in table.partitions:
        path = partition_path(table.disk, part.number)
        device = now.pop(path, None)
        if device is None:
            found.append(f"{path} is missing")
            continue
        start = part.start if is_map(table.disk) else device.start
        if (start, device.size) != (part.start, part.size):
            found.append(f"{path} begins at byte {start} with {device.size} bytes, the table says {part.start} with {part.size}")
    return found + [f"{path} is not in the table" for path in now]


def settle(commands: Commands) -> None:
    """Wait until udev has processed all events; a timeout is logged."""
    udev.settle(commands, note=commands.note)
