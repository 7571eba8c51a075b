"""Execute a plan, one step per action."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dom0kit.events import Reporter, Step
from dom0kit.fs import sync_folder, write_atomic
from installer.apply import host_initramfs, image_copy, partitioning, wiping
from installer.apply.device_errors import Places, device_errors
from installer.bootloader import grub
from installer.command_log import Commands
from installer.model import actions
from installer.model.actions import Action
from installer.packages import install_target
from installer.plan.plan import Plan

MOUNT_POINT = Path("/run/dom0kit/target")


@dataclass
class Work:
    """Shared state of the actions while they run.

    :param logs: files to copy to the installed host.
    :param mounted: whether the system's file system is mounted at ``system``.
    :param uefi: whether the firmware has boot entries.
    :param after: called with ``written`` when everything but bootability is on the disk.
    :param begin: called immediately before the first write to a disk.
    """

    commands: Commands
    system: Path = MOUNT_POINT
    logs: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mounted: bool = False
    uefi: bool = False
    after: Callable[[str], None] = lambda stage: None
    begin: Callable[[], None] = lambda: None

    def mount(self, device: str) -> None:
        """Mount the system's file system."""
        self.system.mkdir(parents=True, exist_ok=True)
        self.commands(["mount", "-t", "ext4", "-o", "noatime", device, self.system])
        self.mounted = True

    def unmount(self) -> None:
        """Unmount it, which flushes all writes."""
        if self.mounted:
            self.commands(["umount", self.system])
            self.mounted = False


def apply(plan: Plan, reporter: Reporter, work: Work) -> list[str]:
    """Install; after a failed step, the disk has a menu that reports it, and nothing stays mounted.

    :returns: warnings about problems that do not affect the host.
    :raises UserError: when a step fails.
    """
    image = next((Path(action.folder) for action in plan.actions if isinstance(action, actions.Stage)), Path("/"))
    work.uefi = plan.firmware == "uefi"
    places = Places((*plan.disks, *plan.guest_disks), work.system, image)
    with clean_up(work):
        for action in plan.actions:
            if isinstance(action, actions.Wipe):
                work.begin()
            if isinstance(action, actions.Finish):
                work.after("written")
            with reporter.step(action.title) as step, device_errors(action.title, places, work.commands):
                carry_out(action, work, step)
    return work.warnings


@contextmanager
def clean_up(work: Work) -> Iterator[None]:
    """Unmount everything in any case; an error of the clean-up never replaces the first error."""
    try:
        yield
    except BaseException as error:
        work.commands.note(f"failed: {error}")
        if work.mounted:
            os.sync()
            if work.commands(["umount", work.system], check=False).returncode:
                work.commands(["umount", "--lazy", work.system], check=False)
            work.mounted = False
        raise
    work.unmount()


def carry_out(action: Action, work: Work, step: Step) -> None:
    """Execute one action."""
    match action:
        case actions.Stage():
            image_copy.stage(action, step, work.commands)
        case actions.Wipe():
            wipe(action, work)
        case actions.PartitionDisks():
            partitioning.partition(action, work.commands)
        case actions.MakeArrays():
            partitioning.make_arrays(action, work.commands)
        case actions.MakeFileSystems():
            partitioning.make_file_systems(action, work.commands)
            work.mount(action.system)
        case actions.InstallBootLoaders():
            grub.install(action, work.system, work.commands)
        case actions.CopyImage():
            image_copy.copy_image(action, work.system, step, work.commands)
        case actions.WriteState():
            image_copy.write_state(action, work.system)
        case actions.AddPackages():
            install_target.add(action, work.system, work.commands)
        case actions.MakeVolumeGroup():
            partitioning.make_volume_group(action, work.commands)
        case actions.WriteHostPart():
            host_initramfs.write_host_part(action, work.system, work.commands)
        case actions.Finish():
            finish(action, work)


def wipe(action: actions.Wipe, work: Work) -> None:
    """Erase the disks, then the firmware's boot entries for the partitions that were on them."""
    erased = wiping.wipe(action, work.commands)
    if work.uefi:
        grub.remove_boot_entries(erased, work.commands)


def finish(action: actions.Finish, work: Work) -> None:
    """Make the host bootable once everything is on the disk; the marker is the last file."""
    os.sync()
    write_atomic(work.system / "images" / action.image / "boot.cfg", action.entry)
    write_atomic(work.system / "boot/grub/host.env", action.settings)
    for esp in action.esps:
        grub.write_choice(esp, action.choice, work.commands)
    write_atomic(work.system / "boot/grub/grub.cfg", action.menu)
    warning = grub.set_boot_entries(action, work.commands)
    if warning:
        work.warnings.append(warning)
        work.commands.note(f"warning: {warning}")
    image_copy.keep_logs(work.logs, work.system, action.image)
    state = work.system / "state" / action.image
    write_atomic(state / "installed.json", action.marker)
    sync_folder(state.parent)
    work.unmount()
