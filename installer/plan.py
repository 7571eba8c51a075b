"""From facts and answers to a plan: everything is decided here, and nothing is touched. Pure."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.units import human_bytes, table
from installer import actions, layout, menus
from installer.actions import Action
from installer.choose import choose_disk, choose_nic
from installer.layout import MIB, DoesNotFit, Partition, lay_out, partition_path
from installer.machine import Disk, Facts, state
from installer.manifest import Manifest

MEMORY_SPARE = 512 * MIB
"""Besides dom0's own memory, Xen and the first guest need this much, in bytes."""
STATE_LEAST = 1024 * MIB
IMAGES_KEPT = 2
NVRAM_LABEL = "dom0kit"


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


class PlanError(UserError):
    """The machine and the answers do not go together; holds every problem."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        if len(problems) == 1:
            text = problems[0]
        else:
            text = "\n".join([f"the installation has {len(problems)} obstacles", *(f"- {problem}" for problem in problems)])
        super().__init__(text, "nothing was changed on any disk; 'dom0kit facts' shows what this machine has")


@dataclass(frozen=True)
class Plan:
    """A complete, checked installation; sizes in bytes."""

    host_name: str
    disk: Disk
    nic_mac: str
    firmware: str
    manifest: Manifest
    identity: uuid.UUID
    partitions: tuple[Partition, ...]
    volume_group: str | None
    finish: str
    menu: str
    answers: str
    actions: tuple[Action, ...] = field(repr=False)
    warnings: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The plan as plain values; secrets are masked."""
        return {
            "host_name": self.host_name,
            "disk": {"path": self.disk.path, "size": self.disk.size, "sector": self.disk.sector, "now": state(self.disk)},
            "management_mac": self.nic_mac,
            "firmware": self.firmware,
            "image": {"product": self.manifest.product, "version": self.manifest.version, "id": self.manifest.id},
            "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in self.manifest.files],
            "partitions": [
                {"number": p.number, "name": p.name, "start": p.start, "size": p.size, "guid": str(p.guid)}
                for p in self.partitions
            ],
            "system_uuid": str(self.identity),
            "volume_group": self.volume_group,
            "grub_cfg": self.menu,
            "host_json": json.loads(self.answers),
            "actions": [action.title for action in self.actions],
            "warnings": list(self.warnings),
            "finish": self.finish,
        }

    def render(self) -> str:
        """The plan for a person; secrets are not in it."""
        content = {
            layout.BIOS_GRUB: "GRUB for BIOS",
            layout.ESP: "FAT32, GRUB for UEFI",
            layout.SYSTEM: f"ext4, image {self.manifest.version} and the host's state",
            layout.GUESTS: f"LVM volume group {self.volume_group}",
        }
        partitions: list[tuple[str, ...]] = [
            (str(p.number), p.name, human_bytes(p.start), human_bytes(p.size), content[p.number]) for p in self.partitions
        ]
        files: list[tuple[str, ...]] = [(f.name, human_bytes(f.size), f.sha256[:16]) for f in self.manifest.files]
        lines = [
            f"install {self.manifest.product} {self.manifest.version} as {self.host_name}",
            f"on {self.disk.describe()}, which holds now: {state(self.disk)}",
            f"firmware {self.firmware}, managed through {self.nic_mac}, then {self.finish}",
            "",
            table(("no", "partition", "start", "size", "content"), partitions),
            "",
            table(("file", "size", "sha256"), files),
            "",
            "steps: " + ", ".join(action.title for action in self.actions),
            *(f"warning: {warning}" for warning in self.warnings),
        ]
        return "\n".join(lines)


def make_plan(facts: Facts, answers: Answers, manifest: Manifest, options: Options) -> Plan:
    """Join facts and answers.

    :raises PlanError: with every problem at once.
    """
    problems: list[str] = []
    disk = choose_disk(facts, answers.target.selectors()[0])
    nic = choose_nic(facts, answers.network.management.mac)
    if isinstance(nic, str):
        problems.append(nic)
    partitions: tuple[Partition, ...] = ()
    if isinstance(disk, str):
        problems.append(disk)
    else:
        problems += disk_problems(disk, facts, answers)
        try:
            partitions = lay_out(disk.size, disk.sector, guests=answers.volume_group() is not None, seed=options.identity)
        except DoesNotFit as error:
            for_guests = ", guests included" if answers.volume_group() else ""
            problems.append(f"{disk.describe()} is too small: at least {human_bytes(error.need)} are needed{for_guests}")
        else:
            problems += size_problems(partitions, manifest)
    if problems:
        raise PlanError(problems)
    assert not isinstance(disk, str)
    assert not isinstance(nic, str)
    # The host is bound to its card by MAC from here on, also when the answers left it out.
    management = answers.network.management.model_copy(update={"mac": nic.mac})
    resolved = answers.model_copy(update={"network": answers.network.model_copy(update={"management": management})})
    return Plan(
        host_name=answers.host_name,
        disk=disk,
        nic_mac=nic.mac,
        firmware=facts.firmware,
        manifest=manifest,
        identity=options.identity,
        partitions=partitions,
        volume_group=answers.volume_group(),
        finish=answers.finish,
        menu=menus.installed_menu(manifest, options.identity),
        answers=resolved.to_json(),
        actions=list_actions(facts=facts, answers=resolved, manifest=manifest, options=options, disk=disk, partitions=partitions),
        warnings=tuple(list_warnings(facts, manifest)),
    )


def disk_problems(disk: Disk, facts: Facts, answers: Answers) -> list[str]:
    """Why this disk must not be installed on."""
    problems = []
    if disk.is_medium:
        problems.append(f"{disk.describe()} is the disk that this system was started from")
    elif disk.mounts:
        problems.append(f"{disk.describe()} is in use: mounted on {', '.join(disk.mounts)}")
    if disk.read_only:
        problems.append(f"{disk.describe()} is write-protected")
    if (disk.contents or disk.volumes) and not answers.target.wipe and not disk.mounts:
        found = "; ".join(disk.contents) or ", ".join(path for _, path in disk.volumes)
        problems.append(f"{disk.describe()} is not blank, it has: {found}\n  'wipe: true' under target allows to erase it")
    if disk.sector != 512 and facts.firmware == "bios":
        problems.append(f"a BIOS cannot start from {disk.path} with its sectors of {disk.sector} bytes; UEFI can")
    here = own_groups(disk, facts)
    elsewhere = {pv.group: pv.path for pv in facts.physical_volumes if pv.group and pv.path not in own_devices(disk)}
    for group in sorted(here & elsewhere.keys()):
        problems.append(f"volume group {group} is on {disk.path} and also on {elsewhere[group]}, which would be left incomplete")
    wanted = answers.volume_group()
    if wanted in elsewhere and wanted not in here:
        problems.append(f"there is a volume group {wanted} already, on {elsewhere[wanted]}; choose another name under guests")
    return problems


def own_devices(disk: Disk) -> set[str]:
    """The disk, its partitions and what is stacked on them."""
    return {disk.path, *disk.partitions, *disk.aliases, *(path for _, path in disk.volumes)}


def own_groups(disk: Disk, facts: Facts) -> set[str]:
    """Volume groups with a physical volume on the disk."""
    return {pv.group for pv in facts.physical_volumes if pv.group and pv.path in own_devices(disk)}


def size_problems(partitions: tuple[Partition, ...], manifest: Manifest) -> list[str]:
    """Whether the image, the next one and the host's state fit."""
    system = next(p for p in partitions if p.number == layout.SYSTEM)
    need = IMAGES_KEPT * manifest.size + STATE_LEAST
    if need <= system.size:
        return []
    return [f"the system partition has {human_bytes(system.size)}, two images and the host's state need {human_bytes(need)}"]


def list_warnings(facts: Facts, manifest: Manifest) -> list[str]:
    """What will work badly or not at all later, without keeping the installation from working."""
    warnings = []
    need = manifest.dom0_memory_mib * MIB + MEMORY_SPARE
    if facts.memory and facts.memory < need:
        warnings.append(f"{human_bytes(facts.memory)} of RAM are little: dom0 and one small guest need {human_bytes(need)}")
    if facts.virtualization == "":
        warnings.append("the processor has no VT-x or AMD-V, or the firmware hides it: only PV guests will run")
    return warnings


def list_actions(
    *,
    facts: Facts,
    answers: Answers,
    manifest: Manifest,
    options: Options,
    disk: Disk,
    partitions: tuple[Partition, ...],
) -> tuple[Action, ...]:
    """The actions in their order; boot menu and completion marker come last."""
    device = {p.number: partition_path(disk.path, p.number) for p in partitions}
    core = next(p for p in partitions if p.number == layout.BIOS_GRUB)
    identity = options.identity
    group = answers.volume_group()
    marker = {
        "format": 1,
        "product": manifest.product,
        "version": manifest.version,
        "id": manifest.id,
        "host_name": answers.host_name,
        "installed": options.clock,
    }
    steps: list[Action] = [
        actions.Stage(options.image, manifest.files),
        actions.Wipe(
            disk=disk.path,
            size=disk.size,
            partitions=disk.partitions,
            volume_groups=tuple(sorted(own_groups(disk, facts))),
            arrays=tuple(path for kind, path in disk.volumes if kind.startswith("raid")),
        ),
        actions.PartitionDisk(disk.path, disk.sector, uuid.uuid5(identity, "disk"), partitions),
        actions.MakeFileSystems(
            esp=device[layout.ESP],
            esp_serial=uuid.uuid5(identity, "esp").hex[:8].upper(),
            system=device[layout.SYSTEM],
            system_uuid=identity,
        ),
        actions.InstallBootLoaders(
            disk=disk.path,
            esp=device[layout.ESP],
            early_config=menus.early_config(identity),
            unfinished_menu=menus.unfinished_menu(manifest),
            core_start=core.start if disk.sector == 512 else None,
            core_size=core.size,
        ),
        actions.CopyImage(options.image, manifest.version, manifest.files),
        actions.WriteState(manifest.version, answers.to_json(reveal=True)),
    ]
    if group is not None:
        steps.append(actions.MakeVolumeGroup(device[layout.GUESTS], group))
    steps.append(
        actions.Finish(
            disk=disk.path,
            version=manifest.version,
            menu=menus.installed_menu(manifest, identity),
            nvram_label=NVRAM_LABEL if facts.firmware == "uefi" else None,
            esp_number=layout.ESP,
            marker=json.dumps(marker, indent=2, sort_keys=True) + "\n",
        )
    )
    return tuple(steps)
