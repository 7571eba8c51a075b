"""Open a host's system partition here, laid out as on the host itself: so what runs on hosts works on it as well.

It is mounted read-only first; the kernel brings its journal in order, as each start of the host does. Nothing of the guests'
volumes is opened.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.linux import udev
from installer.apply import partition_devices
from installer.apply.array_devices import find_array
from installer.apply.identify import arrays_write_to_ends, identify
from installer.apply.in_use import Use, read_uses
from installer.apply.release import read_trees
from installer.command_log import Commands
from installer.model.actions import OldDisk
from installer.model.hardware import Disk
from installer.model.partition_layout import SYSTEM, partition_path
from upgrade.choice import esps
from upgrade.outside import refusals
from upgrade.outside.found_host import FoundHost, md_uuid
from upgrade.store.images import MEDIUM, RUNNING, Store
from upgrade.trial.changes import SQUASHFS

ROOT = Path("/run/dom0kit/opened-host")
"""Root folder of the opened host; adding packages hides ``/run/dom0kit/host``, see :mod:`installer.packages.install_target`."""


@dataclass
class OpenedHost:
    """A host whose system partition is mounted.

    :param running: name of the image that the host starts.
    """

    host: FoundHost
    root: Path
    running: str
    commands: Commands

    @property
    def system(self) -> Path:
        """Return where its system partition is mounted."""
        return self.root / MEDIUM

    @property
    def store(self) -> Store:
        """Return its images."""

        def names() -> frozenset[str]:
            found = [copy.choice for copy in esps.read_copies(self.system) if copy.choice is not None]
            return frozenset(name for choice in found for name in (choice.image, choice.trial) if name)

        return Store(self.root, lambda: esps.newest(esps.read_copies(self.system)), names)

    @property
    def state(self) -> Path:
        """Return the folder of the state of the image that it starts."""
        return self.system / "state" / self.running

    def make_writable(self) -> None:
        """Allow writes from here on."""
        self.commands(["mount", "-o", "remount,rw", self.system])


@contextmanager
def opened(
    host: FoundHost, commands: Commands, *, root: Path = ROOT, squashfs: bool = True, image: str = ""
) -> Iterator[OpenedHost]:
    """Identify a host's disks again, and mount its system partition read-only; unmount it at the end.

    :param squashfs: mount the root of the image that the host starts as well.
    :param image: stands for the image that the host starts when it does not say it.
    :raises UserError: when a disk is another one than before, or in use, or cannot be mounted.
    """
    running = image or (host.confirmed.name if host.confirmed is not None else "")
    identify_disks(host.disks, commands)
    with ExitStack() as stack:
        device = stack.enter_context(system_device(host, commands))
        refuse_if_used(device, read_uses())
        medium = root / MEDIUM
        medium.mkdir(parents=True, exist_ok=True)
        commands(
            ["mount", "-t", "ext4", "-o", "ro,noatime", device, medium], hint="check it with 'e2fsck -f -n', and see 'dmesg'"
        )
        stack.callback(unmount, medium, commands)
        link = root / RUNNING
        link.unlink(missing_ok=True)
        link.symlink_to(medium / "images" / running)
        if squashfs:
            (root / SQUASHFS).mkdir(exist_ok=True)
            commands(["mount", "-t", "squashfs", "-o", "ro,loop", medium / "images" / running / "dom0.squashfs", root / SQUASHFS])
            stack.callback(unmount, root / SQUASHFS, commands)
        yield OpenedHost(host, root, running, commands)


def unmount(folder: Path, commands: Commands) -> None:
    """Unmount a folder; when something holds it, at least all of it is written."""
    os.sync()
    if commands(["umount", folder], check=False).returncode:
        commands(["umount", "--lazy", folder], check=False)


def identify_disks(disks: tuple[Disk, ...], commands: Commands) -> None:
    """Check that disks are those of the facts, see :func:`installer.apply.identify.identify`.

    :raises UserError: when one differs, or rejects writes.
    """
    old = tuple(OldDisk(disk.path, disk.size, (), (), disk.serial, disk.wwn, disk.digest) for disk in disks)
    trees = read_trees(old)
    unstable = {path for path, tree in trees.items() if arrays_write_to_ends(tree)}
    identify(old, trees, commands, unstable=unstable)
    for path, tree in trees.items():
        if tree.read_only:
            refusal = refusals.HOST_IN_USE
            raise UserError(refusal.text(f"{path} is write-protected"), "remove the write protection")


def refuse_if_used(device: str, uses: list[Use]) -> None:
    """Check that nothing has mounted a host's system partition.

    :raises UserError: when something has.
    """
    number = os.stat(device).st_rdev
    found = [use.text for use in uses if use.number == f"{os.major(number)}:{os.minor(number)}" and "mounted" in use.text]
    if found:
        raise refusals.HOST_IN_USE.error(f"the host's system partition {device} {found[0]}")


@contextmanager
def system_device(host: FoundHost, commands: Commands) -> Iterator[str]:
    """Yield the device of a host's system: a partition, or the array of a mirror, which is started if it does not run.

    :raises UserError: when there is none.
    """
    parts = [partition_path(disk.path, SYSTEM) for disk in host.disks]
    for disk, part in zip(host.disks, parts, strict=True):
        if not Path(part).exists():
            partition_devices.show(disk.path, commands)
            udev.settle(commands, note=commands.note)
    if not host.array:
        if not Path(parts[0]).exists():
            raise UserError(f"the system partition {parts[0]} of the host does not appear", "see 'dmesg'")
        yield parts[0]
        return
    array = md_uuid(host.array)
    if name := find_array(array, commands):
        state = Path("/sys/class/block", name, "md/array_state")
        if state.read_text().strip() == "inactive":
            # A disk of the mirror is missing, and udev still waits for it.
            commands(["mdadm", "--run", f"/dev/{name}"])
        yield f"/dev/{name}"
        return
    device = f"/dev/md/dom0kit-system-{host.system[:8]}"
    commands(["mdadm", "--assemble", "--run", f"--uuid={array}", device, *parts])
    try:
        yield device
    finally:
        commands(["mdadm", "--stop", device], check=False)
