"""Installation preconditions: errors and warnings (pure)."""

from __future__ import annotations

from answerfiles.checks.image_fields import missing_names
from answerfiles.model import Answers
from dom0kit.units import MIB, human_bytes
from installer.bootloader import menus
from installer.model import partition_layout, refusals
from installer.model.deb_package import Package
from installer.model.hardware import Disk, Facts
from installer.model.image_manifest import Manifest
from installer.model.partition_layout import Partition
from installer.plan import disk_sets, lvm
from installer.selection.disks import Chosen, twin_warnings
from installer.selection.nics import Uplink

MEMORY_SPARE = 512 * MIB
"""Memory in bytes that Xen and the first guest need in addition to dom0's."""
STATE_LEAST = 1024 * MIB
IMAGES_KEPT = 2


def name_problems(answers: Answers, manifest: Manifest) -> list[str]:
    """Return what the answers name and the image lacks, when its manifest lists what it has."""
    return [refusals.NAME_NOT_IN_IMAGE.text(text) for text in missing_names(answers, manifest.names)] if manifest.names else []


def disk_problems(chosen: Chosen, facts: Facts, answers: Answers) -> list[str]:
    """Return why the selected disks must not be written to."""
    problems = [problem for disk in chosen.all for problem in one_disk_problems(disk, answers)]
    for disk in chosen.system:
        if disk.sector != 512 and facts.firmware == "bios":
            problems.append(
                refusals.DISK_SECTORS_UNBOOTABLE.text(
                    f"a BIOS cannot boot from {disk.path} with sectors of {disk.sector} bytes; use UEFI"
                )
            )
    problems += sector_problems(chosen, answers) + array_problems(chosen, facts)
    return problems + disk_sets.set_problems(chosen, facts) + lvm.group_problems(chosen, facts, answers)


def one_disk_problems(disk: Disk, answers: Answers) -> list[str]:
    """Return why a disk must not be written to, whatever its purpose."""
    problems = []
    if disk.unreadable:
        problems.append(
            refusals.DISK_UNREADABLE.text(f"{disk.describe()} cannot be read: {disk.unreadable}; what is on it is unknown")
        )
    if disk.mounts:
        problems.append(refusals.DISK_IN_USE.text(f"{disk.describe()} is mounted on {', '.join(disk.mounts)}"))
    if (disk.contents or disk.volumes) and not answers.target.wipe and not disk.mounts:
        found = "; ".join(disk.contents) or ", ".join(path for _, path in disk.volumes)
        problems.append(
            refusals.DISK_NOT_EMPTY.text(f"{disk.describe()} is not empty ({found}); set `target.wipe: true` to erase it")
        )
    return problems


def sector_problems(chosen: Chosen, answers: Answers) -> list[str]:
    """Return an error if sector sizes differ: neither a mirror nor LVM combines 512 and 4096 bytes."""
    of_group = chosen.all if answers.guests_on_target() else chosen.guests
    for disks, what in ((chosen.system, "the two disks of a mirror"), (of_group, f"the volume group {answers.volume_group()}")):
        if len({disk.sector for disk in disks}) > 1:
            sizes = ", ".join(f"{disk.path} has {disk.sector} bytes" for disk in disks)
            return [refusals.DISK_SECTORS_DIFFER.text(f"{what} must have the same sector size: {sizes}")]
    return []


def array_problems(chosen: Chosen, facts: Facts) -> list[str]:
    """Return RAID arrays that also use disks outside the selection."""
    own = {disk.path for disk in chosen.all}
    problems = []
    for array in dict.fromkeys(array for disk in chosen.all for array in disk.arrays):
        here = [disk.path for disk in chosen.all if array in disk.arrays]
        others = [disk.path for disk in facts.disks if array in disk.arrays and disk.path not in own and not disk.map]
        if others:
            problems.append(
                refusals.RAID_SPANS_OTHER_DISKS.text(
                    f"the array {array} on {', '.join(here)} also uses {', '.join(others)}, which is not selected\n"
                    f"  stop it first: mdadm --stop {array}, then mdadm --zero-superblock on its members"
                )
            )
    return problems


def size_problems(partitions: tuple[Partition, ...], manifest: Manifest, packages: tuple[Package, ...] = ()) -> list[str]:
    """Return an error if two images, the packages and the host's state do not fit."""
    system = next(p for p in partitions if p.number == partition_layout.SYSTEM)
    need = IMAGES_KEPT * manifest.size + STATE_LEAST + sum(package.size + package.installed for package in packages)
    if need <= system.size:
        return []
    return [
        refusals.IMAGE_TOO_LARGE.text(
            f"the system partition has {human_bytes(system.size)}, two images and the host's state need {human_bytes(need)}"
        )
    ]


def memory_problems(facts: Facts, answers: Answers, manifest: Manifest) -> list[str]:
    """Return an error if dom0 needs more memory than the machine has; unknown under Xen, which shows dom0's share only."""
    wanted = menus.dom0_memory_mib(manifest, answers.dom0) * MIB
    if answers.dom0.memory is None or facts.under_xen or not facts.memory or wanted <= facts.memory:
        return []
    return [
        refusals.DOM0_MEMORY_TOO_LARGE.text(f"dom0.memory is {human_bytes(wanted)}, this machine has {human_bytes(facts.memory)}")
    ]


def list_warnings(
    facts: Facts, answers: Answers, manifest: Manifest, chosen: Chosen, uplinks: tuple[Uplink, ...]
) -> tuple[str, ...]:
    """Return what will work badly later, without preventing the installation."""
    warnings = []
    dom0 = menus.dom0_memory_mib(manifest, answers.dom0) * MIB
    if facts.memory and not facts.under_xen and facts.memory < dom0 + MEMORY_SPARE:
        warnings.append(
            f"low memory: {human_bytes(facts.memory)}; dom0 ({human_bytes(dom0)}) plus one small guest need "
            f"{human_bytes(dom0 + MEMORY_SPARE)}"
        )
    if answers.dom0.cpus and facts.cpus and not facts.under_xen and answers.dom0.cpus > facts.cpus:
        warnings.append(f"dom0.cpus is {answers.dom0.cpus}, this machine has {facts.cpus}; dom0 will have {facts.cpus}")
    if facts.virtualization == "":
        warnings.append("the processor has no VT-x or AMD-V, or the firmware disables it: only PV guests will run")
    for uplink in uplinks:
        warnings += [
            f"no link on {nic.name} {nic.mac} ({uplink.describe().partition(':')[0]})"
            for nic, _ in uplink.cards
            if nic.carrier is False
        ]
    if len({disk.size for disk in chosen.system}) > 1:
        small = min(disk.size for disk in chosen.system)
        warnings.append(f"the disks of the mirror differ in size: only {human_bytes(small)} of each are used")
    warnings += [
        f"{disk.describe()}: only a single path, the host loses the disk if it fails"
        for disk in chosen.all
        if disk.kind == "mpath" and len(disk.paths) == 1
    ]
    if len(chosen.system) > 1 and chosen.guests and answers.guests_on_target():
        names = ", ".join(disk.path for disk in chosen.guests)
        warnings.append(f"the system is mirrored but {names} is not: guests that use it are lost if it fails")
    return (
        *warnings,
        *lvm.group_warnings(chosen, facts),
        *twin_warnings(facts, chosen),
        *disk_sets.copy_warnings(chosen, facts),
    )
