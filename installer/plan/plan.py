"""Make a plan from facts and answers: all decisions, no changes (pure)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from answerfiles.model import Answers, Network
from answerfiles.model.network_checks import ports
from dom0kit.linux import boot_choice
from dom0kit.units import human_bytes, table
from installer.model import partition_layout, refusals
from installer.model.actions import Action, Array
from installer.model.deb_package import Package
from installer.model.hardware import Disk, Facts, state
from installer.model.image_manifest import Manifest
from installer.model.partition_layout import DoesNotFit, Partition, lay_out
from installer.plan import preconditions
from installer.plan.build_actions import Job, Options, host_settings, list_actions, mirrored, pool_metadata, seeds
from installer.plan.console import with_console
from installer.plan.host_name import name_host, named
from installer.plan.own_installation import OwnInstallation, firmware_warnings, keep_own
from installer.plan.plan_error import PlanError
from installer.pool_preflight import TITLE, AdmissionCheck, make_admission_check, token_problems
from installer.selection.disks import Chosen, choose_disks
from installer.selection.nics import Uplink, choose_uplinks, resolve
from installer.storage_network import iscsi_host_config

__all__ = ["Options", "OwnInstallation", "Plan", "PlanError", "make_plan"]


@dataclass(frozen=True)
class Plan:
    """A complete, checked installation; sizes in bytes.

    :param disks: the target disk, or the two of a mirror.
    :param guest_disks: additional disks that the volume group uses as a whole.
    :param partitions: those of the first disk; on the second, only the GUIDs differ.
    :param arrays: RAID arrays of a mirror.
    :param packages: packages in addition to those of the image.
    :param uplinks: the management network's cards, then those of each additional bridge.
    :param question: the pool's admission check before the first action; None without a pool to join.
    :param addresses: the host's addresses in additional networks, a line for each.
    :param name_source: the rule that named the host; "" when the answers have the name itself.
    """

    host_name: str
    disks: tuple[Disk, ...]
    guest_disks: tuple[Disk, ...]
    uplinks: tuple[Uplink, ...]
    firmware: str
    manifest: Manifest
    identity: uuid.UUID
    partitions: tuple[Partition, ...]
    arrays: tuple[Array, ...]
    volume_group: str | None
    thin: bool
    finish: str
    boot_settings: bytes
    answers: str
    actions: tuple[Action, ...] = field(repr=False)
    warnings: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    question: AdmissionCheck | None = None
    name_source: str = ""
    addresses: tuple[str, ...] = ()

    @property
    def disk(self) -> Disk:
        """Return the target disk, or the first disk of a mirror."""
        return self.disks[0]

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the titles of all steps in order."""
        return (*([TITLE] if self.question else []), *(action.title for action in self.actions))

    @property
    def nic_mac(self) -> str:
        """Return the MAC address of the management network's first card."""
        return self.uplinks[0].cards[0][0].mac

    @property
    def has_guests_partition(self) -> bool:
        """Return whether the target disk has a partition for guests."""
        return any(p.number == partition_layout.GUESTS for p in self.partitions)

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the paths of all disks that will be erased."""
        return tuple(disk.path for disk in (*self.disks, *self.guest_disks))

    def to_json(self) -> dict[str, Any]:
        """Return the plan as plain values; secrets are masked."""
        return {
            "host_name": self.host_name,
            "host_name_source": self.name_source or None,
            "disk": disk_json(self.disk),
            "disks": [disk_json(disk) for disk in self.disks],
            "guest_disks": [disk_json(disk) for disk in self.guest_disks],
            "arrays": [
                {"device": a.device, "uuid": a.md_uuid, "metadata": a.metadata, "members": list(a.members)} for a in self.arrays
            ],
            "management_mac": self.nic_mac,
            "uplinks": [
                {
                    "bridge": uplink.bridge,
                    "role": uplink.role,
                    "bond": uplink.bond or None,
                    "cards": [{"name": nic.name, "mac": nic.mac, "reason": reason} for nic, reason in uplink.cards],
                }
                for uplink in self.uplinks
            ],
            "firmware": self.firmware,
            "image": {"product": self.manifest.product, "version": self.manifest.version, "id": self.manifest.id},
            "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in self.manifest.files],
            "partitions": [
                {"number": p.number, "name": p.name, "start": p.start, "size": p.size, "guid": str(p.guid)}
                for p in self.partitions
            ],
            "system_uuid": str(self.identity),
            "volume_group": self.volume_group,
            "thin": self.thin,
            "packages": [package.to_json() for package in self.packages],
            "boot_settings": boot_choice.values(self.boot_settings),
            "host_json": json.loads(self.answers),
            "actions": list(self.steps),
            "question": self.question.describe() if self.question else None,
            "warnings": list(self.warnings),
            "finish": self.finish,
        }

    def render(self) -> str:
        """Return the plan as readable text, without secrets."""
        mirror = ", mirrored" if self.arrays else ""
        content = {
            partition_layout.BIOS_GRUB: "GRUB for BIOS",
            partition_layout.ESP: "FAT32, GRUB for UEFI",
            partition_layout.SYSTEM: f"ext4, image {self.manifest.version} and the host's state{mirror}",
            partition_layout.GUESTS: f"LVM volume group {self.volume_group}{', thin pool thin' if self.thin else ''}{mirror}",
        }
        partitions: list[tuple[str, ...]] = [
            (str(p.number), p.name, human_bytes(p.start), human_bytes(p.size), content[p.number]) for p in self.partitions
        ]
        also = "also " if self.has_guests_partition else ""
        files: list[tuple[str, ...]] = [(f.name, human_bytes(f.size), f.sha256[:16]) for f in self.manifest.files]
        on = [f"{disk.describe()}, contents: {state(disk)}" for disk in self.disks]
        lines = [
            f"install {self.manifest.product} {self.manifest.version} as {self.host_name}",
            *([f"named by {self.name_source}"] if self.name_source else []),
            f"on {on[0]}",
            *(f"and on {text}" for text in on[1:]),
            *(f"array {a.device} (RAID 1) of {' and '.join(a.members)}" for a in self.arrays),
            *(f"guests {also}on {disk.describe()}, contents: {state(disk)}" for disk in self.guest_disks),
            *(uplink.describe() for uplink in self.uplinks),
            *self.addresses,
            *(f"package {package.describe()}" for package in self.packages),
            *([self.question.describe()] if self.question else []),
            f"firmware {self.firmware}, then {self.finish}",
            "",
            table(("no", "partition", "start", "size", "content"), partitions),
            "",
            table(("file", "size", "sha256"), files),
            "",
            "steps: " + ", ".join(self.steps),
            *(f"warning: {warning}" for warning in self.warnings),
        ]
        return "\n".join(lines)


def describe_addresses(network: Network) -> tuple[str, ...]:
    """Return the host's addresses in additional networks, and where the default route is when it is in one of them."""
    lines = []
    for port in list(ports(network))[1:]:
        how = {"IPv4": port.settings.ipv4, "IPv6": port.settings.ipv6}
        words = [f"{name} {value if isinstance(value, str) else value.address}" for name, value in how.items() if value != "none"]
        vlan = f", VLAN {port.settings.vlan}" if port.settings.vlan is not None else ""
        if words:
            default = ", default route" if network.default_route == port.label else ""
            lines.append(f"address on {port.label}: {', '.join(words)}{vlan}{default}")
    return tuple(lines)


def disk_json(disk: Disk) -> dict[str, Any]:
    """Return a disk as plain values."""
    return {"path": disk.path, "size": disk.size, "sector": disk.sector, "now": state(disk)}


def make_plan(facts: Facts, answers: Answers, manifest: Manifest, options: Options) -> Plan:
    """Make the plan for a machine.

    :raises PlanError: with all problems at once.
    :raises OwnInstallation: when the disks carry a finished installation of this host; it comes before any other problem.
    """
    answers = with_console(answers, facts)
    chosen, disk_problems = choose_disks(facts, answers)
    uplinks, card_problems = choose_uplinks(facts, answers)
    naming, name_problems = name_host(answers, facts, uplinks)
    if chosen is not None and not options.confirmed:
        keep_own(facts, chosen, named(answers, naming), options.order)
    problems = [
        *card_problems,
        *([] if card_problems else name_problems),
        *disk_problems,
        *preconditions.memory_problems(facts, answers, manifest),
        *preconditions.name_problems(answers, manifest),
        *token_problems(answers),
    ]
    tables: tuple[tuple[Partition, ...], ...] = ()
    if chosen is not None:
        problems += preconditions.disk_problems(chosen, facts, answers)
        tables, more = make_tables(chosen, answers, manifest, options)
        problems += more
    if problems or chosen is None:
        raise PlanError(problems)
    resolved = named(resolve(answers, uplinks), naming)
    if problems := iscsi_host_config.card_problems(facts, chosen, resolved):
        raise PlanError(problems)
    job = Job(facts, resolved, manifest, options, chosen, tables)
    return Plan(
        host_name=naming.name,
        name_source=naming.source,
        addresses=describe_addresses(resolved.network),
        disks=chosen.system,
        guest_disks=chosen.guests,
        uplinks=uplinks,
        firmware=facts.firmware,
        manifest=manifest,
        identity=options.identity,
        partitions=tables[0],
        arrays=mirrored(options.identity, chosen.system, tables[0]),
        volume_group=answers.volume_group(),
        thin=pool_metadata(answers, tables[0], chosen) is not None,
        finish=answers.finish,
        boot_settings=host_settings(job),
        answers=resolved.to_json(),
        actions=list_actions(job),
        warnings=(*([naming.warning] if naming.warning else []), *list_warnings(job, uplinks)),
        packages=options.packages,
        question=make_admission_check(resolved, uplinks),
    )


def list_warnings(job: Job, uplinks: tuple[Uplink, ...]) -> Iterator[str]:
    """Yield what will work badly later, without preventing the installation."""
    facts, answers, chosen = job.facts, job.answers, job.chosen
    yield from firmware_warnings(facts, chosen)
    yield from preconditions.list_warnings(facts, answers, job.manifest, chosen, uplinks)
    yield from iscsi_host_config.warnings(iscsi_host_config.make_part(facts, chosen, answers))
    yield from iscsi_host_config.idle_cards(facts, answers)


def make_tables(
    chosen: Chosen, answers: Answers, manifest: Manifest, options: Options
) -> tuple[tuple[tuple[Partition, ...], ...], list[str]]:
    """Return the partitions of each system disk, and problems.

    The tables of a mirror have the same sizes, those of the smaller disk.
    """
    small = min(chosen.system, key=lambda disk: disk.size)
    # A table for the larger sectors fits both; different sector sizes in a mirror are reported separately.
    sector = max(disk.sector for disk in chosen.system)
    guests, mirror = answers.guests_on_target(), len(chosen.system) > 1
    try:
        tables = tuple(
            lay_out(small.size, sector, guests=guests, seed=seed, mirror=mirror)
            for _, seed in zip(chosen.system, seeds(options.identity), strict=False)
        )
    except DoesNotFit as error:
        for_guests = ", guests included" if guests else ""
        text = f"{small.describe()} is too small: at least {human_bytes(error.need)} are required{for_guests}"
        return (), [refusals.DISK_TOO_SMALL.text(text)]
    return tables, preconditions.size_problems(tables[0], manifest, options.packages)
