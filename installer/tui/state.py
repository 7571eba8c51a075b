"""State of the screens, and the answers derived from it (pure)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from answerfiles.model import Answers
from answerfiles.yaml_writer import to_yaml as emit
from dom0kit.errors import UserError
from installer.host_tasks import Offer
from installer.model.deb_package import Package
from installer.model.hardware import Disk, Facts, Nic
from installer.model.image_manifest import Manifest
from installer.packages.package_store import kernel
from installer.plan.plan import Options, Plan, make_plan
from installer.tui.toolkit.forms import Value, Values

DEFAULTS: Mapping[str, Value] = {
    "keyboard.map": "us",
    "action.what": "install",
    "disk.mirror": False,
    "guests.kind": "lvm",
    "guests.group": "guests",
    "guests.more": False,
    "guests.disks": (),
    "card.bond": False,
    "bond.cards": (),
    "bond.mode": "active-backup",
    "ip.v4": "dhcp",
    "ip.v6": "none",
    "ip.vlan": "",
    "zone.region": "UTC",
    "pool.kind": "alone",
    "pool.toolstack": "ganeti",
    "pool.user": "root",
}
TOKEN_REFERENCE, PASSWORD_REFERENCE = "env:DOM0KIT_JOIN_TOKEN", "env:DOM0KIT_POOL_PASSWORD"
"""References that replace the secrets without a hash in an answer file."""


@dataclass(frozen=True)
class State:
    """All data that the screens work on.

    :param values: what was typed and chosen, by field name; kept when the user goes back.
    :param preset: names of screens that are skipped because their answers are preset.
    :param now: time of this machine's clock, in seconds since the epoch.
    :param epoch: build time of the image, in seconds since the epoch; an earlier clock is wrong.
    :param identity: UUID of the plan, constant while the installer runs.
    :param packages: additional packages, installed in the installer and for the host.
    :param toolstacks: toolstacks of the image that support pools: (name, version for the pool).
    :param offers: hosts on the disks that can be upgraded in place of an installation.
    :param zones: names of the tz database; empty if it is missing.
    """

    facts: Facts
    manifest: Manifest
    values: Values = field(default_factory=dict)
    preset: frozenset[str] = frozenset()
    now: float = 0.0
    epoch: float = 0.0
    identity: uuid.UUID = field(default_factory=uuid.uuid4)
    image: str = "/run/dom0kit/image"
    zones: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()
    toolstacks: tuple[tuple[str, str], ...] = (("ganeti", "ganeti"),)
    offers: tuple[Offer, ...] = ()

    def text(self, name: str) -> str:
        """Return the text of a field without surrounding blanks."""
        value = self.values.get(name, DEFAULTS.get(name, ""))
        return value.strip() if isinstance(value, str) else ""

    def is_checked(self, name: str) -> bool:
        """Return whether a check box is ticked."""
        return self.values.get(name, DEFAULTS.get(name, False)) is True

    def keys(self, name: str) -> tuple[str, ...]:
        """Return the ticked keys of a check list."""
        value = self.values.get(name, DEFAULTS.get(name, ()))
        return value if isinstance(value, tuple) else ()

    def words(self, name: str) -> tuple[str, ...]:
        """Return the words of a field that holds several, separated by blanks or commas."""
        return tuple(self.text(name).replace(",", " ").split())

    def with_values(self, values: Values) -> State:
        """Return the state with these values added."""
        return replace(self, values={**self.values, **values})

    def disk(self, path: str) -> Disk | None:
        """Return the disk with this path."""
        return next((disk for disk in self.facts.disks if disk.path == path), None)

    def nic(self, mac: str) -> Nic | None:
        """Return the network card with this MAC address."""
        return next((nic for nic in self.facts.nics if nic.mac == mac), None)

    @property
    def offer(self) -> Offer | None:
        """Return the host that the user has chosen to upgrade; None for an installation."""
        names = {offer_key(number): offer for number, offer in enumerate(self.offers)}
        return names.get(self.text("action.what"))

    def system_disks(self) -> tuple[Disk, ...]:
        """Return the target disk, or the two disks of the mirror."""
        paths = [self.text("disk.key"), self.text("mirror.key") if self.is_checked("disk.mirror") else ""]
        return tuple(disk for path in paths if path and (disk := self.disk(path)))

    def guest_disks(self) -> tuple[Disk, ...]:
        """Return the additional disks for guests, without the system disks."""
        if self.text("guests.kind") == "none" or not self.is_checked("guests.more"):
            return ()
        system = self.system_disks()
        return tuple(disk for path in self.keys("guests.disks") if (disk := self.disk(path)) and disk not in system)

    def chosen_disks(self) -> tuple[Disk, ...]:
        """Return all disks that will be erased."""
        return (*self.system_disks(), *self.guest_disks())

    def cards(self) -> tuple[str, ...]:
        """Return the MAC addresses of the management network: one, or those of the bond."""
        first = self.text("card.key")
        if not self.is_checked("card.bond"):
            return (first,)
        return tuple(dict.fromkeys((first, *self.keys("bond.cards"))))


def offer_key(number: int) -> str:
    """Return the value of the first choice that means a host on the disks."""
    return f"host-{number}"


def selector(disk: Disk, facts: Facts) -> dict[str, Any]:
    """Return the answers' selector for a disk: stable across boots, and matching no other disk.

    A multipath map is selected by its path, which holds the WWID, because its serial and WWN are
    also those of its paths. A disk with a single path is marked ``multipath: required`` because it
    is not a map right after boot.
    """
    if disk.kind == "mpath" and len(disk.paths) == 1 and (disk.serial or disk.wwn):
        return {**({"serial": disk.serial} if disk.serial else {"wwn": disk.wwn}), "multipath": "required"}
    others = [other for other in facts.disks if other.path != disk.path and not other.map]
    if disk.kind != "mpath":
        if disk.serial and disk.serial not in {other.serial for other in others}:
            return {"serial": disk.serial}
        if disk.wwn and disk.wwn not in {other.wwn for other in others}:
            return {"wwn": disk.wwn}
    lasting = [alias for alias in disk.aliases if "/by-id/" in alias or "/by-path/" in alias]
    return {"path": disk.path if disk.kind == "mpath" or not lasting else lasting[0]}


def document(state: State, *, include_secrets: bool = True) -> dict[str, Any]:
    """Return the answers as plain values, as in an answer file; the root password is hashed.

    :param include_secrets: include the pool's secrets, which have no hash; else references to them.
    """
    system = [selector(disk, state.facts) for disk in state.system_disks()]
    target: dict[str, Any] = {"mirror": system} if state.is_checked("disk.mirror") else {"disk": system[0] if system else None}
    # The confirmation screen names the disks that hold data; blank disks need no permission.
    if any(disk.contents or disk.volumes for disk in state.chosen_disks()):
        target["wipe"] = True
    value: dict[str, Any] = {"version": 1, "mode": "install", "host_name": state.text("name.host"), "target": target}
    value["guests"] = guests(state)
    value["network"] = {"management": management(state)}
    value["time"] = {"zone": state.text("zone.city") or "UTC"}
    if servers := state.words("zone.ntp"):
        value["time"]["ntp"] = list(servers)
    value["keyboard"] = state.text("keyboard.map")
    value["root"] = root(state)
    if sources := state.keys("packages.sources"):
        value["packages"] = [{"folder": source} for source in sources]
    value["pool"] = pool(state, include_secrets=include_secrets)
    # Defaults are written out, so that the file states every choice.
    value["finish"] = "reboot"
    return value


def guests(state: State) -> dict[str, Any] | str:
    """Return the guest storage."""
    kind = state.text("guests.kind")
    if kind == "none":
        return "none"
    value: dict[str, Any] = {"volume_group": state.text("guests.group")}
    if kind == "thin":
        value["thin"] = True
    if disks := state.guest_disks():
        value["disks"] = [selector(disk, state.facts) for disk in disks]
        if state.is_checked("guests.only"):
            value["on_target"] = False
    return value


def management(state: State) -> dict[str, Any]:
    """Return the management network."""
    cards = state.cards()
    value: dict[str, Any] = {}
    if len(cards) > 1:
        value["bond"] = {"nics": [{"mac": mac} for mac in cards], "mode": state.text("bond.mode")}
    else:
        value["mac"] = cards[0]
    value["ipv4"] = address(state, "ip.v4", "static")
    if state.text("ip.v6") != "none":
        value["ipv6"] = address(state, "ip.v6", "static6")
    if state.text("ip.vlan"):
        value["vlan"] = int(state.text("ip.vlan")) if state.text("ip.vlan").isdecimal() else state.text("ip.vlan")
    for key in ("dns", "search"):
        if words := state.words(f"name.{key}"):
            value[key] = list(words)
    return value


def address(state: State, kind: str, prefix: str) -> Any:
    """Return ``dhcp`` and the like, or a static address with its gateway."""
    if state.text(kind) != "static":
        return state.text(kind)
    value = {"address": state.text(f"{prefix}.address")}
    if gateway := state.text(f"{prefix}.gateway"):
        value["gateway"] = gateway
    return value


def root(state: State) -> dict[str, Any]:
    """Return the log-in settings of root."""
    value: dict[str, Any] = {}
    if state.text("root.hash"):
        value["password_hash"] = state.text("root.hash")
    if state.text("root.key"):
        value["ssh_keys"] = [state.text("root.key")]
    if state.is_checked("root.ask"):
        value["ask"] = True
    elif not state.text("root.hash"):
        value["lock"] = True
    return value


def pool(state: State, *, include_secrets: bool) -> dict[str, Any]:
    """Return the toolstack and the pool."""
    kind, toolstack = state.text("pool.kind"), state.text("pool.toolstack")
    value: dict[str, Any] = {"toolstack": toolstack}
    if kind == "create":
        value["create"] = {"name": state.text("pool.name")}
        if toolstack == "ganeti" and state.text("pool.address"):
            value["create"]["address"] = state.text("pool.address")
    elif kind == "join" and toolstack == "ganeti":
        value["join"] = {"token": state.text("pool.join.token") if include_secrets else TOKEN_REFERENCE}
    elif kind == "join":
        value["join"] = {"address": state.text("pool.master"), "user": state.text("pool.user")}
        value["join"]["password"] = state.text("pool.password") if include_secrets else PASSWORD_REFERENCE
        value["join"]["fingerprint"] = state.text("pool.fingerprint")
    return value


def secret_reference(state: State) -> str:
    """Return the reference that replaces the pool's secret in an answer file; "" if there is none."""
    if state.text("pool.kind") != "join":
        return ""
    return TOKEN_REFERENCE if state.text("pool.toolstack") == "ganeti" else PASSWORD_REFERENCE


def to_answers(state: State) -> Answers:
    """Return the validated answers.

    :raises pydantic.ValidationError: when a screen accepted a value that the model rejects.
    """
    return Answers.model_validate(document(state))


def to_yaml(state: State) -> str:
    """Return the answer file that repeats this installation unattended."""
    head = "# Written by the text-mode installer. It repeats this installation unattended.\n"
    if reference := secret_reference(state):
        head += f"# The pool's secret is left out: replace {reference} by hand or with 'dom0kit answers render'.\n"
    return head + emit(document(state, include_secrets=False))


def plan_of(state: State, clock: str = "") -> Plan:
    """Return the plan.

    :raises UserError: when the answers do not fit the machine.
    """
    options = Options(state.image, state.identity, clock, state.packages, kernel(), confirmed=True)
    return make_plan(state.facts, to_answers(state), state.manifest, options)


def plan_or_problem(state: State) -> Plan | str:
    """Return the plan, or the error text if there is none."""
    try:
        return plan_of(state)
    except UserError as error:
        return str(error)
    except ValueError as error:
        return f"The answers contradict each other: {error}"
