"""Take the stacks on disks apart from the top, and hold the disks exclusively while they are erased.

1. Identify the disks; name everything that uses them. Nothing is changed if there is anything.
2. Deactivate volumes and stop arrays in the order of the kernel's tree, until nothing stands on the disks.
3. Open each disk with O_EXCL, and have the kernel forget its partitions: it refuses if anything has one open.
4. Identify the disks once more. From here on they may be written to.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux import udev
from dom0kit.polling import TimedOut, poll
from installer.apply import in_use, partition_devices
from installer.apply.block_tree import Device, kernel_name, partitions, read_device, stacked, walk
from installer.apply.identify import arrays_write_to_ends, identify
from installer.command_log import Commands
from installer.model import refusals
from installer.model.actions import OldDisk

SECONDS_IN_USE = 10.0
"""Wait for programs that open a disk for a moment, such as udev's rules or mdadm(8), before the disk counts as in use.

Kind: protocol. Reason: probes of a new or changed device end within a second after udev has processed all events; who holds a
disk for longer uses it. Expiry: an error that names who uses the disk; nothing is changed.
"""
LOOK_SECONDS = 0.5
"""Pause between two looks at who uses a disk.

Kind: pace. Reason: one look reads the open files of all processes. Expiry: the next look.
"""
ROUNDS = 3
"""How often the stacks are taken apart: udev's rules may assemble an array again when its members are released."""
HINT = "release it, or select another disk; 'lsblk' and 'fuser -v' show more"


@dataclass(frozen=True)
class Held:
    """A disk that is open exclusively.

    :param fd: file descriptor for reading and writing.
    :param tree: what was on it before it was taken apart.
    """

    disk: OldDisk
    fd: int
    tree: Device


@contextmanager
def exclusively(disks: tuple[OldDisk, ...], commands: Commands, root: Path = Path("/")) -> Iterator[tuple[Held, ...]]:
    """Hold disks exclusively, with nothing on them and without partitions in the kernel.

    :raises UserError: when a disk is in use or not the one of the plan; what is on it has not been changed.
    """
    before = read_trees(disks, root)
    unstable = {path for path, tree in before.items() if arrays_write_to_ends(tree)}
    identify(disks, before, commands, root, unstable=unstable)
    for path, tree in before.items():
        if tree.read_only:
            raise UserError(
                refusals.DISK_READ_ONLY.text(f"nothing was changed, because {path} is write-protected"),
                refusals.DISK_READ_ONLY.hint,
            )
    refuse_if_in_use(disks, commands, root)
    take_apart(disks, commands, root)
    held: list[Held] = []
    try:
        try:
            for disk in disks:
                held.append(hold(disk, before[disk.path], commands, root))
            identify(disks, read_trees(disks, root), commands, root, unstable=unstable)
        except BaseException:
            for disk in disks:
                partition_devices.restore(disk.path, commands)
            raise
        yield tuple(held)
    finally:
        for one in held:
            os.close(one.fd)


def read_trees(disks: Iterable[OldDisk], root: Path = Path("/")) -> dict[str, Device]:
    """Return the kernel's trees by the disks' paths."""
    return {disk.path: read_device(kernel_name(disk.path, root / "sys"), root / "sys") for disk in disks}


def refuse(texts: Iterable[str]) -> None:
    """Fail because disks are in use.

    :raises UserError: when there are reasons.
    """
    found = list(dict.fromkeys(texts))
    if found:
        raise UserError(refusals.DISK_IN_USE.text(f"nothing was changed, because a disk is in use: {'; '.join(found)}"), HINT)


def refuse_if_in_use(disks: tuple[OldDisk, ...], commands: Commands, root: Path = Path("/")) -> None:
    """Fail if anything uses the disks that is not taken apart here; a brief look at them is waited for.

    :raises UserError: with every use by name.
    """
    trees = list(read_trees(disks, root).values())
    refuse(in_use.problems(trees, in_use.read_uses(root)))
    udev.settle(commands, note=commands.note)
    found: list[str] = []

    def released() -> bool:
        trees = list(read_trees(disks, root).values())
        found[:] = in_use.problems(trees, in_use.openers(root / "proc")) or claims(trees)
        return not found

    with suppress(TimedOut):
        poll(released, SECONDS_IN_USE, LOOK_SECONDS, "the disks to be released")
    refuse(found)


def claims(trees: list[Device]) -> list[str]:
    """Return the topmost devices that the kernel has open exclusively."""
    tops = [device for device in walk(trees) if not device.above]
    tops += [tree for tree in trees if not stacked([tree]) and tree not in tops]
    found = []
    for device in tops:
        try:
            os.close(os.open(f"/dev/{device.name}", os.O_RDONLY | os.O_EXCL | os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as error:
            if error.errno == errno.EBUSY:
                found.append(f"{device.path} is held by the kernel: a file system, pool or volume that this system does not see")
    return found


def take_apart(disks: tuple[OldDisk, ...], commands: Commands, root: Path = Path("/")) -> None:
    """Deactivate volumes and stop arrays from the top, until nothing stands on the disks.

    :raises UserError: when something stays, with its name and what the last commands said.
    """
    errors: list[str] = []
    for _ in range(ROUNDS):
        above = stacked(read_trees(disks, root).values())
        if not above:
            return
        errors.clear()
        for group in dict.fromkeys(device.group for device in above if device.is_volume):
            if not spans(group, above, root):
                commands(["vgchange", "--activate", "n", "--select", f"vg_uuid={group}"], check=False)
        for device in stacked(read_trees(disks, root).values()):
            result = commands(command(device), check=False)
            if result.returncode:
                errors.append(
                    (result.errors.strip() or result.output.strip() or f"exit code {result.returncode}").splitlines()[-1]
                )
        udev.settle(commands, note=commands.note)
    if above := stacked(read_trees(disks, root).values()):
        refuse([f"{device.path} cannot be removed from it" for device in above] + errors)


def spans(group: str, above: list[Device], root: Path) -> bool:
    """Return whether active volumes of a group stand elsewhere: a clone on a disk that stays has the same UUIDs."""
    own = {device.name for device in above}
    uuid = "LVM-" + group.replace("-", "")
    nodes = (root / "sys/class/block").glob("dm-*/dm/uuid")
    return any(node.read_text().startswith(uuid) and node.parent.parent.name not in own for node in nodes)


def command(device: Device) -> list[str]:
    """Return the command that removes a device from the kernel (pure)."""
    if device.kind == "md":
        return ["mdadm", "--stop", device.path]
    return ["dmsetup", "remove", "--retry", device.path.removeprefix("/dev/mapper/")]


def hold(disk: OldDisk, tree: Device, commands: Commands, root: Path = Path("/")) -> Held:
    """Open a disk exclusively, and have the kernel forget its partitions.

    The partitions of a multipath map are devices on it, which have to go before it can be opened.

    :raises UserError: when anything holds the disk or a partition.
    """
    fd = None if partition_devices.is_map(disk.path) else open_exclusively(disk.path, commands)
    try:
        forget(disk, commands, root)
        if fd is None:
            fd = open_exclusively(disk.path, commands)
        number = os.fstat(fd).st_rdev
        if f"{os.major(number)}:{os.minor(number)}" != tree.number:
            refuse([f"{disk.path} was replaced by another device at this moment"])
    except BaseException:
        if fd is not None:
            os.close(fd)
        raise
    return Held(disk, fd, tree)


def forget(disk: OldDisk, commands: Commands, root: Path) -> None:
    """Have the kernel forget a disk's partitions, which it does only if nothing has one open.

    :raises UserError: when one stays, with who holds it.
    """
    said: list[str] = []
    left: list[Device] = []

    def gone() -> bool:
        left[:] = partitions(read_trees([disk], root)[disk.path])
        if left:
            said[:] = partition_devices.forget(disk.path, commands)
            left[:] = partitions(read_trees([disk], root)[disk.path])
        return not left

    with suppress(TimedOut):
        poll(gone, SECONDS_IN_USE, LOOK_SECONDS, f"the partitions of {disk.path} to go")
    if left:
        trees = list(read_trees([disk], root).values())
        refuse(in_use.problems(trees, in_use.read_uses(root)) or said or [f"{device.path} stays" for device in left])


def open_exclusively(path: str, commands: Commands) -> int:
    """Open a disk with O_EXCL for reading and writing; a brief look at it by others is waited for.

    :raises UserError: when it is in use, or cannot be written to.
    """
    last: list[OSError] = []

    def opened() -> int | None:
        try:
            return os.open(path, os.O_RDWR | os.O_EXCL | os.O_CLOEXEC)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            last[:] = [error]
            return None

    try:
        return poll(opened, SECONDS_IN_USE, LOOK_SECONDS, f"{path} to be released")
    except TimedOut:
        commands.note(f"open {path}: {last[0]}")
        raise UserError(
            refusals.DISK_IN_USE.text(f"nothing was changed, because {path} is held by the kernel or by another program"), HINT
        ) from None
    except OSError as error:
        raise UserError(
            f"cannot open {path} for writing: {error.strerror}", "check the disk: 'dmesg' shows its last errors"
        ) from error
