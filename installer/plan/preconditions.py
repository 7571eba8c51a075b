"""What keeps an installation from being made, and what will work badly afterwards. Pure."""

from __future__ import annotations

from answerfiles.model import Answers
from dom0kit.units import MIB, human_bytes
from installer.bootloader import menus
from installer.model import partition_layout
from installer.model.deb_package import Package
from installer.model.hardware import Disk, Facts
from installer.model.image_manifest import Manifest
from installer.model.partition_layout import Partition
from installer.selection.disks import Chosen
from installer.selection.nics import Uplink

MEMORY_SPARE = 512 * MIB
"""Besides dom0's own memory, Xen and the first guest need this much, in bytes."""
STATE_LEAST = 1024 * MIB
IMAGES_KEPT = 2


def mode_problems(answers: Answers) -> list[str]:
    """Whether this installer can do what is asked for at all."""
    if answers.mode == "install":
        return []
    return [f"mode: {answers.mode} is not there yet; 'mode: install' is, which makes a new host"]


def disk_problems(chosen: Chosen, facts: Facts, answers: Answers) -> list[str]:
    """Why these disks must not be written to."""
    problems = [problem for disk in chosen.all for problem in one_disk_problems(disk, answers)]
    for disk in chosen.system:
        if disk.sector != 512 and facts.firmware == "bios":
            problems.append(f"a BIOS cannot start from {disk.path} with its sectors of {disk.sector} bytes; UEFI can")
    return problems + sector_problems(chosen, answers) + array_problems(chosen, facts) + group_problems(chosen, facts, answers)


def one_disk_problems(disk: Disk, answers: Answers) -> list[str]:
    """Why this disk must not be written to, whatever it is for."""
    problems = []
    if disk.mounts:
        problems.append(f"{disk.describe()} is in use: mounted on {', '.join(disk.mounts)}")
    if disk.read_only:
        problems.append(f"{disk.describe()} is write-protected")
    if (disk.contents or disk.volumes) and not answers.target.wipe and not disk.mounts:
        found = "; ".join(disk.contents) or ", ".join(path for _, path in disk.volumes)
        problems.append(f"{disk.describe()} is not blank, it has: {found}\n  'wipe: true' under target allows to erase it")
    return problems


def sector_problems(chosen: Chosen, answers: Answers) -> list[str]:
    """Disks whose sectors differ where they must not: neither a mirror nor LVM takes 512 and 4096 bytes together."""
    for disks, what in ((chosen.system, "the two disks of a mirror"), (chosen.all, f"the volume group {answers.volume_group()}")):
        if len({disk.sector for disk in disks}) > 1:
            sizes = ", ".join(f"{disk.path} has {disk.sector} bytes" for disk in disks)
            return [f"{what} must have sectors of one size: {sizes}"]
    return []


def array_problems(chosen: Chosen, facts: Facts) -> list[str]:
    """Software RAID arrays that would lose a disk that nobody spoke of."""
    own = {disk.path for disk in chosen.all}
    problems = []
    for array in dict.fromkeys(array for disk in chosen.all for array in disk.arrays):
        here = [disk.path for disk in chosen.all if array in disk.arrays]
        others = [disk.path for disk in facts.disks if array in disk.arrays and disk.path not in own and not disk.map]
        if others:
            problems.append(
                f"the array {array} on {', '.join(here)} is also on {', '.join(others)}, which was not chosen\n"
                f"  take it apart before, e.g. with 'mdadm --stop {array}' and 'mdadm --zero-superblock'"
            )
    return problems


def group_problems(chosen: Chosen, facts: Facts, answers: Answers) -> list[str]:
    """Volume groups that would be left incomplete, and a name that is taken."""
    problems = []
    own = own_devices(chosen)
    here = own_groups(chosen, facts)
    elsewhere = {pv.group: pv.path for pv in facts.physical_volumes if pv.group and pv.path not in own}
    names = ", ".join(disk.path for disk in chosen.all)
    for group in sorted(here & elsewhere.keys()):
        problems.append(f"volume group {group} is on {names} and also on {elsewhere[group]}, which would be left incomplete")
    wanted = answers.volume_group()
    if wanted in elsewhere and wanted not in here:
        problems.append(f"there is a volume group {wanted} already, on {elsewhere[wanted]}; choose another name under guests")
    return problems


def own_devices(chosen: Chosen) -> frozenset[str]:
    """The chosen disks, their partitions and what is stacked on them."""
    return frozenset().union(*(disk.devices for disk in chosen.all))


def own_groups(chosen: Chosen, facts: Facts) -> set[str]:
    """Volume groups with a physical volume on the chosen disks."""
    own = own_devices(chosen)
    return {pv.group for pv in facts.physical_volumes if pv.group and pv.path in own}


def size_problems(partitions: tuple[Partition, ...], manifest: Manifest, packages: tuple[Package, ...] = ()) -> list[str]:
    """Whether the image, the next one and the host's state fit, with further packages and what is in them."""
    system = next(p for p in partitions if p.number == partition_layout.SYSTEM)
    need = IMAGES_KEPT * manifest.size + STATE_LEAST + sum(package.size + package.installed for package in packages)
    if need <= system.size:
        return []
    return [f"the system partition has {human_bytes(system.size)}, two images and the host's state need {human_bytes(need)}"]


def memory_problems(facts: Facts, answers: Answers, manifest: Manifest) -> list[str]:
    """Whether dom0 would have more memory than there is. Under Xen only dom0's own share can be seen, which says nothing."""
    asked = menus.dom0_memory_mib(manifest, answers.dom0) * MIB
    if answers.dom0.memory is None or facts.under_xen or not facts.memory or asked <= facts.memory:
        return []
    return [f"dom0.memory is {human_bytes(asked)}, this machine has {human_bytes(facts.memory)}"]


def list_warnings(
    facts: Facts, answers: Answers, manifest: Manifest, chosen: Chosen, uplinks: tuple[Uplink, ...]
) -> tuple[str, ...]:
    """What will work badly or not at all later, without keeping the installation from working."""
    warnings = []
    dom0 = menus.dom0_memory_mib(manifest, answers.dom0) * MIB
    if facts.memory and not facts.under_xen and facts.memory < dom0 + MEMORY_SPARE:
        warnings.append(
            f"{human_bytes(facts.memory)} of RAM are little: dom0 with {human_bytes(dom0)} and one small guest need "
            f"{human_bytes(dom0 + MEMORY_SPARE)}"
        )
    if answers.dom0.cpus and facts.cpus and not facts.under_xen and answers.dom0.cpus > facts.cpus:
        warnings.append(f"dom0.cpus is {answers.dom0.cpus}, this machine has {facts.cpus}: dom0 gets {facts.cpus}")
    if facts.virtualization == "":
        warnings.append("the processor has no VT-x or AMD-V, or the firmware hides it: only PV guests will run")
    for uplink in uplinks:
        warnings += [
            f"no cable is connected to {nic.name} {nic.mac} ({uplink.describe().partition(':')[0]})"
            for nic, _ in uplink.cards
            if nic.carrier is False
        ]
    if len({disk.size for disk in chosen.system}) > 1:
        small = min(disk.size for disk in chosen.system)
        warnings.append(f"the disks of the mirror differ in size: {human_bytes(small)} of each are used")
    warnings += [
        f"{disk.describe()}: the host can lose it with one cable until another path is there"
        for disk in chosen.all
        if disk.kind == "mpath" and len(disk.paths) == 1
    ]
    if len(chosen.system) > 1 and chosen.guests:
        names = ", ".join(disk.path for disk in chosen.guests)
        warnings.append(f"the system is mirrored, {names} is not: guests with space there are lost with that disk")
    return tuple(warnings)
