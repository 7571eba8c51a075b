"""Actions of an installation in their order (pure)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace

from answerfiles.model import AllPathsDown, Answers
from dom0kit.linux import boot_choice
from dom0kit.units import GIB, MIB
from installer.bootloader import menus
from installer.bootloader.grub import LABEL, SECOND_LABEL
from installer.model import actions, partition_layout
from installer.model.actions import Action
from installer.model.deb_package import Package
from installer.model.hardware import Disk, Facts
from installer.model.image_manifest import Manifest
from installer.model.partition_layout import Partition, partition_path
from installer.plan.lvm import active_groups
from installer.plan.own_installation import completion_marker
from installer.selection.disks import Chosen
from installer.storage_network.iscsi_host_config import make_part

POOL_METADATA_LEAST = 32 * MIB
POOL_METADATA_MOST = 15 * GIB
"""Upper limit of a thin pool's metadata: 15.81 GiB (lvmthin(7))."""
ERASE = 1 * MIB
POLLING_SECONDS = 5
"""Interval of multipathd's path checker, `polling_interval` of the image's multipath.conf.

Kind: pace. Reason: no_path_retry counts checks, so that queue_seconds of the answers is divided by it. Expiry: the next check.
"""


@dataclass(frozen=True)
class Options:
    """Input of a plan in addition to facts and answers.

    :param image: folder with the image's files.
    :param identity: UUID of the system's file system; all other identifiers derive from it.
    :param clock: time to write into the completion marker, as text.
    :param packages: additional packages, downloaded and checked.
    :param kernel: release of the image's kernel, for drivers in packages.
    :param order: the network boot's order to install: "" for another medium, ``new``, or the time of an explicit order.
    :param confirmed: a user at the machine has confirmed that the disks are erased, whatever they carry.
    """

    image: str
    identity: uuid.UUID
    clock: str = ""
    packages: tuple[Package, ...] = ()
    kernel: str = ""
    order: str = ""
    confirmed: bool = False


def seeds(identity: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID]:
    """Return the seeds from which the identifiers of the first and the second disk derive."""
    return identity, uuid.uuid5(identity, "second disk")


def mirrored(identity: uuid.UUID, disks: tuple[Disk, ...], partitions: tuple[Partition, ...]) -> tuple[actions.Array, ...]:
    """Return the arrays of a mirror: system, and guests if configured; none for a single disk.

    Their names end in a part of the identity: the machine may have another mirror of dom0kit.
    """
    if len(disks) == 1:
        return ()
    tail = identity.hex[:8]
    system = actions.Array(
        f"dom0kit-system-{tail}", uuid.uuid5(identity, "system array"), "1.0", members(disks, partition_layout.SYSTEM)
    )
    guests = actions.Array(
        f"dom0kit-guests-{tail}",
        uuid.uuid5(identity, "guests array"),
        "1.2",
        members(disks, partition_layout.GUESTS),
        partition_layout.ARRAY_DATA_OFFSET,
    )
    return (system, guests) if any(p.number == partition_layout.GUESTS for p in partitions) else (system,)


def members(disks: tuple[Disk, ...], number: int) -> tuple[str, ...]:
    """Return the device of a partition on each disk."""
    return tuple(partition_path(disk.path, number) for disk in disks)


def to_erase(partitions: tuple[Partition, ...]) -> tuple[tuple[int, int], ...]:
    """Return the areas to clear as (offset, length) in bytes: both ends of each new partition, and array data starts."""
    places = []
    for p in partitions:
        start = partition_layout.ARRAY_DATA_OFFSET + ERASE if p.number == partition_layout.GUESTS else ERASE
        places += [(p.start, min(start, p.size)), (p.end - ERASE, ERASE)]
    return tuple(places)


def mdadm_conf(arrays: tuple[actions.Array, ...]) -> str:
    """Return the host's ``mdadm.conf``, "" without arrays; the monitor requires MAILADDR."""
    if not arrays:
        return ""
    lines = [f"ARRAY {array.device} metadata={array.metadata} UUID={array.md_uuid}" for array in arrays]
    return "\n".join(["# Written by the installer of dom0kit.", "HOMEHOST <system>", "MAILADDR root", *lines]) + "\n"


def pool_metadata(answers: Answers, partitions: tuple[Partition, ...], chosen: Chosen) -> int | None:
    """Return the size in bytes of the thin pool's metadata; None without a thin pool.

    64 bytes for each chunk of 64 KiB, the smallest chunk size: it need not grow when the pool is full (thin_metadata_size(8)).
    """
    if isinstance(answers.guests, str) or not answers.guests.thin:
        return None
    size = sum(p.size for p in partitions if p.number == partition_layout.GUESTS) + sum(disk.size for disk in chosen.guests)
    wanted = -(-size // 1024 // (4 * MIB)) * 4 * MIB
    return min(max(wanted, POOL_METADATA_LEAST), POOL_METADATA_MOST)


def disk_wwid(disk: Disk) -> str:
    """Return the WWID of a multipath map: its name, because the image's maps have no friendly names."""
    return disk.path.removeprefix("/dev/mapper/")


def host_settings(job: Job) -> bytes:
    """Return the host's own settings of its boot menu; on a multipath map they name the map."""
    disks, answers = job.disks, job.answers
    device = partition_path(disks[0].path, partition_layout.SYSTEM) if len(disks) == 1 and disks[0].kind == "mpath" else ""
    return menus.host_settings(
        job.manifest, job.options.identity, answers.dom0, answers.serial_console, device=device, mirror=len(disks) > 1
    )


def boot_entries(disks: tuple[Disk, ...]) -> tuple[actions.BootEntry, ...]:
    """Return the firmware's boot entries in order.

    The usual entry names the partition by its GUID, which firmware looks up on all connected disks. Firmware
    that connects only what an entry names needs one entry for each path of a multipath map.
    """
    entries = []
    for disk, label in zip(disks, (LABEL, SECOND_LABEL), strict=False):
        paths = disk.paths if disk.kind == "mpath" else (disk.path,)
        entries.append(actions.BootEntry(disk.path, partition_layout.ESP, label))
        if len(paths) > 1:
            entries += [
                actions.BootEntry(path, partition_layout.ESP, f"{label} (path {number})", by_path=True)
                for number, path in enumerate(paths, 1)
            ]
    return tuple(entries)


def policy_text(answers: Answers) -> str:
    """Return the host's multipath ``conf.d`` file for requests without a path; "" for the image's defaults."""
    wanted = answers.san.all_paths_down
    if wanted == AllPathsDown():
        return ""
    checks = "fail" if wanted.queue_seconds == 0 else str(-(-wanted.queue_seconds // POLLING_SECONDS))
    return (
        "# Written by the installer of dom0kit from san.all_paths_down; a file that comes later in the alphabet wins.\n"
        f"overrides {{\n    no_path_retry {'queue' if wanted.forever else checks}\n}}\n"
    )


@dataclass(frozen=True)
class Job:
    """Input of all actions.

    :param tables: the partitions of each system disk; those of a mirror differ only in their GUIDs.
    """

    facts: Facts
    answers: Answers
    manifest: Manifest
    options: Options
    chosen: Chosen
    tables: tuple[tuple[Partition, ...], ...]

    @property
    def disks(self) -> tuple[Disk, ...]:
        """Return the system disks."""
        return self.chosen.system

    @property
    def partitions(self) -> tuple[Partition, ...]:
        """Return the partitions of the first disk."""
        return self.tables[0]

    @property
    def arrays(self) -> tuple[actions.Array, ...]:
        """Return the arrays of a mirror."""
        return mirrored(self.options.identity, self.disks, self.partitions)

    def device(self, array: int, number: int) -> str:
        """Return the device of a file system or physical volume: an array of the mirror, or a partition."""
        return self.arrays[array].device if self.arrays else partition_path(self.disks[0].path, number)


def list_actions(job: Job) -> tuple[Action, ...]:
    """Return the actions in order; boot menu and completion marker come last."""
    options, manifest = job.options, job.manifest
    steps: list[Action | None] = [
        actions.Stage(options.image, manifest.files),
        wipe(job),
        partition(job),
        actions.MakeArrays(job.arrays) if job.arrays else None,
        file_systems(job),
        boot_loaders(job),
        actions.CopyImage(options.image, manifest.name, manifest.files),
        actions.WriteState(manifest.name, job.answers.to_json(reveal=True), mdadm_conf(job.arrays)),
        add_packages(job),
        volume_group(job),
        host_part(job),
        finish(job),
    ]
    return tuple(step for step in steps if step is not None)


def wipe(job: Job) -> actions.Wipe:
    """Clear all selected disks; on system disks also where the new partitions begin and end."""
    erase = {disk.path: to_erase(job.partitions) for disk in job.disks}
    return actions.Wipe(
        disks=tuple(
            actions.OldDisk(d.path, d.size, d.partitions, erase.get(d.path, ()), d.serial, d.wwn, d.digest)
            for d in job.chosen.all
        ),
        volume_groups=active_groups(job.chosen, job.facts),
        arrays=tuple(dict.fromkeys(array for disk in job.chosen.all for array in disk.arrays)),
    )


def partition(job: Job) -> actions.PartitionDisks:
    """Create a partition table on each system disk."""
    return actions.PartitionDisks(
        tuple(
            actions.Table(disk.path, disk.sector, uuid.uuid5(seed, "disk"), table)
            for disk, table, seed in zip(job.disks, job.tables, seeds(job.options.identity), strict=False)
        )
    )


def file_systems(job: Job) -> actions.MakeFileSystems:
    """Create an ESP on each disk, and the system's file system."""
    esps = zip(members(job.disks, partition_layout.ESP), seeds(job.options.identity), strict=False)
    return actions.MakeFileSystems(
        esps=tuple((esp, uuid.uuid5(seed, "esp").hex[:8].upper()) for esp, seed in esps),
        system=job.device(0, partition_layout.SYSTEM),
        system_uuid=job.options.identity,
    )


def boot_loaders(job: Job) -> actions.InstallBootLoaders:
    """Install GRUB on each disk, with a menu that reports an unfinished installation."""
    core = next(p for p in job.partitions if p.number == partition_layout.BIOS_GRUB)
    return actions.InstallBootLoaders(
        targets=tuple(
            actions.BootTarget(disk.path, esp, core.start if disk.sector == 512 else None, core.size)
            for disk, esp in zip(job.disks, members(job.disks, partition_layout.ESP), strict=True)
        ),
        early_config=menus.early_config(job.options.identity),
        unfinished_menu=menus.unfinished_menu(job.manifest, job.answers.serial_console),
    )


def volume_group(job: Job) -> actions.MakeVolumeGroup | None:
    """Create the guests' volume group, if configured."""
    name = job.answers.volume_group()
    if name is None:
        return None
    own = (job.device(1, partition_layout.GUESTS),) if job.answers.guests_on_target() else ()
    devices = (*own, *(disk.path for disk in job.chosen.guests))
    return actions.MakeVolumeGroup(devices, name, pool_metadata(job.answers, job.partitions, job.chosen))


def add_packages(job: Job) -> actions.AddPackages | None:
    """Add the additional packages, if any, under Debian's file names."""
    if not job.options.packages:
        return None
    named = tuple(replace(package, file=package.file_name) for package in job.options.packages)
    files = tuple(package.file for package in job.options.packages)
    return actions.AddPackages(job.manifest.name, job.options.kernel, named, files)


def early_packages(job: Job) -> actions.AddPackages | None:
    """Return the packages if their drivers or firmware may be needed before the root is mounted."""
    kernel = job.options.kernel
    return add_packages(job) if any(p.firmware or p.for_kernel(kernel) for p in job.options.packages) else None


def host_part(job: Job) -> actions.WriteHostPart | None:
    """Write the host-specific initramfs overlay; None without multipath maps, iSCSI and additional drivers.

    If the guests' volume group is on a map, LVM is restricted to named devices.
    """
    maps = tuple(disk_wwid(disk) for disk in job.facts.disks if disk.kind == "mpath")
    policy, early = policy_text(job.answers), early_packages(job)
    iscsi = make_part(job.facts, job.chosen, job.answers)
    if not maps and not policy and early is None and not iscsi:
        return None
    needed = tuple(disk_wwid(disk) for disk in job.disks if disk.kind == "mpath")
    of_group = job.chosen.all if job.answers.guests_on_target() else job.chosen.guests
    on_maps = any(disk.kind == "mpath" for disk in of_group)
    initrd = next(file for file in job.manifest.files if file.name == "initrd.img")
    group = job.answers.volume_group() if on_maps else None
    return actions.WriteHostPart(job.manifest.name, initrd, maps, needed, group, policy, early, iscsi)


def finish(job: Job) -> actions.Finish:
    """Write the boot menu, the firmware's boot entries, and the completion marker."""
    manifest = job.manifest
    return actions.Finish(
        image=manifest.name,
        menu=menus.host_menu(),
        entry=menus.image_entry(manifest),
        settings=host_settings(job),
        choice=boot_choice.to_bytes(boot_choice.Choice(job.options.identity, 1, manifest.name)),
        esps=members(job.disks, partition_layout.ESP),
        entries=boot_entries(job.disks) if job.facts.firmware == "uefi" else (),
        marker=completion_marker(manifest, job.answers, job.facts, job.options.order, job.options.clock),
    )
