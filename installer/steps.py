"""The actions of an installation, in their order. Pure."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from answerfiles.model import Answers
from installer import actions, layout, menus
from installer.actions import Action
from installer.bootloader import LABEL, SECOND_LABEL
from installer.choose import Chosen
from installer.iscsi_host import make_part
from installer.layout import GIB, MIB, Partition, partition_path
from installer.machine import Disk, Facts
from installer.manifest import Manifest
from installer.obstacles import own_groups

POOL_METADATA_LEAST = 32 * MIB
POOL_METADATA_MOST = 15 * GIB
"""A thin pool's metadata cannot be larger than 15.81 GiB (lvmthin(7))."""
ERASE = 1 * MIB


@dataclass(frozen=True)
class Options:
    """What a plan needs beside facts and answers.

    :param image: the folder with the image's files.
    :param identity: the system file system's UUID; all other identifiers derive from it.
    :param clock: the time to write into the completion marker, as text.
    """

    image: str
    identity: uuid.UUID
    clock: str = ""


def seeds(identity: uuid.UUID) -> tuple[uuid.UUID, uuid.UUID]:
    """What the identifiers of the first and of the second disk derive from."""
    return identity, uuid.uuid5(identity, "second disk")


def mirrored(identity: uuid.UUID, disks: tuple[Disk, ...], partitions: tuple[Partition, ...]) -> tuple[actions.Array, ...]:
    """The arrays of a mirror: the system, and the guests' space when there is any; nothing for a single disk.

    Their names end in a part of the identity, for another mirror of dom0kit may be in the same machine.
    """
    if len(disks) == 1:
        return ()
    tail = identity.hex[:8]
    system = actions.Array(f"dom0kit-system-{tail}", uuid.uuid5(identity, "system array"), "1.0", members(disks, layout.SYSTEM))
    guests = actions.Array(
        f"dom0kit-guests-{tail}",
        uuid.uuid5(identity, "guests array"),
        "1.2",
        members(disks, layout.GUESTS),
        layout.ARRAY_DATA_OFFSET,
    )
    return (system, guests) if any(p.number == layout.GUESTS for p in partitions) else (system,)


def members(disks: tuple[Disk, ...], number: int) -> tuple[str, ...]:
    """A partition's device on each disk."""
    return tuple(partition_path(disk.path, number) for disk in disks)


def to_erase(partitions: tuple[Partition, ...]) -> tuple[tuple[int, int], ...]:
    """Both ends of each partition that is to come, and where an array's data begins, as (offset, length) in bytes."""
    places = []
    for p in partitions:
        start = layout.ARRAY_DATA_OFFSET + ERASE if p.number == layout.GUESTS else ERASE
        places += [(p.start, min(start, p.size)), (p.end - ERASE, ERASE)]
    return tuple(places)


def mdadm_conf(arrays: tuple[actions.Array, ...]) -> str:
    """The host's ``mdadm.conf``: its arrays by their identity; empty without any. Without an address the monitor would end."""
    if not arrays:
        return ""
    lines = [f"ARRAY {array.device} metadata={array.metadata} UUID={array.md_uuid}" for array in arrays]
    return "\n".join(["# Written by the installer of dom0kit.", "HOMEHOST <system>", "MAILADDR root", *lines]) + "\n"


def pool_metadata(answers: Answers, partitions: tuple[Partition, ...], chosen: Chosen) -> int | None:
    """Bytes for the metadata of the thin pool; None without one.

    64 bytes for each chunk of 64 KiB, the smallest chunk: it need not grow when all of the pool is used (thin_metadata_size(8)).
    """
    if isinstance(answers.guests, str) or not answers.guests.thin:
        return None
    size = partitions[-1].size + sum(disk.size for disk in chosen.guests)
    wanted = -(-size // 1024 // (4 * MIB)) * 4 * MIB
    return min(max(wanted, POOL_METADATA_LEAST), POOL_METADATA_MOST)


def disk_wwid(disk: Disk) -> str:
    """The WWID of a multipath map: its name, for the image's maps have no friendly ones."""
    return disk.path.removeprefix("/dev/mapper/")


def boot_menu(manifest: Manifest, identity: uuid.UUID, answers: Answers, disks: tuple[Disk, ...]) -> str:
    """The host's ``grub.cfg``; on a multipath map it names the map."""
    device = partition_path(disks[0].path, layout.SYSTEM) if len(disks) == 1 and disks[0].kind == "mpath" else ""
    return menus.installed_menu(manifest, identity, answers.dom0, answers.serial_console, device=device)


def boot_entries(disks: tuple[Disk, ...]) -> tuple[actions.BootEntry, ...]:
    """The firmware's entries, the first one first.

    The usual entry names the partition by its GUID, which firmware looks for on every disk that it has brought up. Firmware
    that only brings up what an entry names needs one for each path of a multipath map.
    """
    entries = []
    for disk, label in zip(disks, (LABEL, SECOND_LABEL), strict=False):
        paths = disk.paths if disk.kind == "mpath" else (disk.path,)
        entries.append(actions.BootEntry(disk.path, layout.ESP, label))
        if len(paths) > 1:
            entries += [
                actions.BootEntry(path, layout.ESP, f"{label} (path {number})", by_path=True)
                for number, path in enumerate(paths, 1)
            ]
    return tuple(entries)


def list_actions(
    *,
    facts: Facts,
    answers: Answers,
    manifest: Manifest,
    options: Options,
    chosen: Chosen,
    tables: tuple[tuple[Partition, ...], ...],
) -> tuple[Action, ...]:
    """The actions in their order; boot menu and completion marker come last.

    :param tables: the partitions of each disk of the system.
    """
    identity, disks, partitions = options.identity, chosen.system, tables[0]
    core = next(p for p in partitions if p.number == layout.BIOS_GRUB)
    arrays = mirrored(identity, disks, partitions)
    system = arrays[0].device if arrays else partition_path(disks[0].path, layout.SYSTEM)
    marker = {
        "format": 1,
        "product": manifest.product,
        "version": manifest.version,
        "id": manifest.id,
        "host_name": answers.host_name,
        "installed": options.clock,
    }
    erase = {disk.path: to_erase(partitions) for disk in disks}
    steps: list[Action] = [
        actions.Stage(options.image, manifest.files),
        actions.Wipe(
            disks=tuple(actions.OldDisk(d.path, d.size, d.partitions, erase.get(d.path, ())) for d in chosen.all),
            volume_groups=tuple(sorted(own_groups(chosen, facts))),
            arrays=tuple(dict.fromkeys(array for disk in chosen.all for array in disk.arrays)),
        ),
        actions.PartitionDisks(
            tuple(
                actions.Table(disk.path, disk.sector, uuid.uuid5(seed, "disk"), table)
                for disk, table, seed in zip(disks, tables, seeds(identity), strict=False)
            )
        ),
    ]
    if arrays:
        steps.append(actions.MakeArrays(arrays))
    steps += [
        actions.MakeFileSystems(
            esps=tuple(
                (esp, uuid.uuid5(seed, "esp").hex[:8].upper())
                for esp, seed in zip(members(disks, layout.ESP), seeds(identity), strict=False)
            ),
            system=system,
            system_uuid=identity,
        ),
        actions.InstallBootLoaders(
            targets=tuple(
                actions.BootTarget(disk.path, esp, core.start if disk.sector == 512 else None, core.size)
                for disk, esp in zip(disks, members(disks, layout.ESP), strict=True)
            ),
            early_config=menus.early_config(identity),
            unfinished_menu=menus.unfinished_menu(manifest, answers.serial_console),
        ),
        actions.CopyImage(options.image, manifest.version, manifest.files),
        actions.WriteState(manifest.version, answers.to_json(reveal=True), mdadm_conf(arrays)),
    ]
    group = answers.volume_group()
    if group is not None:
        own = arrays[1].device if arrays else partition_path(disks[0].path, layout.GUESTS)
        devices = (own, *(disk.path for disk in chosen.guests))
        steps.append(actions.MakeVolumeGroup(devices, group, pool_metadata(answers, partitions, chosen)))
    maps, iscsi = tuple(disk_wwid(disk) for disk in facts.disks if disk.kind == "mpath"), make_part(facts, chosen, answers)
    if maps or iscsi:
        needed = tuple(disk_wwid(disk) for disk in disks if disk.kind == "mpath")
        initrd = next(file for file in manifest.files if file.name == "initrd.img")
        steps.append(actions.WriteHostPart(manifest.version, initrd, maps, needed, group if needed else None, iscsi))
    steps.append(
        actions.Finish(
            version=manifest.version,
            menu=boot_menu(manifest, identity, answers, disks),
            entries=boot_entries(disks) if facts.firmware == "uefi" else (),
            marker=json.dumps(marker, indent=2, sort_keys=True) + "\n",
        )
    )
    return tuple(steps)
