"""What is known and chosen so far, and the answers that follow from it. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from answerfiles.model import Answers
from answerfiles.yaml_writer import to_yaml as emit
from dom0kit.errors import UserError
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
"""What a file of answers has in place of a secret that has no hash."""


@dataclass(frozen=True)
class State:
    """All that the screens work on.

    :param values: what was typed and chosen, by field name; kept also when a person goes back.
    :param preset: names of screens whose answers are known from elsewhere.
    :param now: seconds since 1970 by this machine's clock.
    :param epoch: when the image was made, in seconds since 1970: no right clock is before it.
    :param identity: of the plan, the same as long as the installer runs.
    :param packages: further packages that are installed here, for the host.
    :param toolstacks: those of the image that know pools, each with name and version for the pool.
    :param zones: names of the tz database; empty where it is absent.
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

    def text(self, name: str) -> str:
        """A field's text, without blanks around it."""
        value = self.values.get(name, DEFAULTS.get(name, ""))
        return value.strip() if isinstance(value, str) else ""

    def on(self, name: str) -> bool:
        """Whether a box is ticked."""
        return self.values.get(name, DEFAULTS.get(name, False)) is True

    def keys(self, name: str) -> tuple[str, ...]:
        """What is ticked in a check list."""
        value = self.values.get(name, DEFAULTS.get(name, ()))
        return value if isinstance(value, tuple) else ()

    def words(self, name: str) -> tuple[str, ...]:
        """The words of a field with several of them, between blanks or commas."""
        return tuple(self.text(name).replace(",", " ").split())

    def having(self, values: Values) -> State:
        """The state with more values."""
        return replace(self, values={**self.values, **values})

    def disk(self, path: str) -> Disk | None:
        """The disk with a path."""
        return next((disk for disk in self.facts.disks if disk.path == path), None)

    def nic(self, mac: str) -> Nic | None:
        """The card with a MAC address."""
        return next((nic for nic in self.facts.nics if nic.mac == mac), None)

    def system_disks(self) -> tuple[Disk, ...]:
        """The chosen disk, or the two of a mirror."""
        paths = [self.text("disk.key"), self.text("mirror.key") if self.on("disk.mirror") else ""]
        return tuple(disk for path in paths if path and (disk := self.disk(path)))

    def guest_disks(self) -> tuple[Disk, ...]:
        """Further disks for guests; none of them holds the system."""
        if self.text("guests.kind") == "none" or not self.on("guests.more"):
            return ()
        system = self.system_disks()
        return tuple(disk for path in self.keys("guests.disks") if (disk := self.disk(path)) and disk not in system)

    def chosen_disks(self) -> tuple[Disk, ...]:
        """All disks that will be erased."""
        return (*self.system_disks(), *self.guest_disks())

    def cards(self) -> tuple[str, ...]:
        """MAC addresses of the management network: one, or those of a bond."""
        first = self.text("card.key")
        if not self.on("card.bond"):
            return (first,)
        return tuple(dict.fromkeys((first, *self.keys("bond.cards"))))


def selector(disk: Disk, facts: Facts) -> dict[str, Any]:
    """How the answers name a disk: by what stays the same over boots and matches no other disk.

    A multipath map goes by its own path, which holds the WWID: serial and WWN are those of its paths as well. One with a single
    path is declared: on a machine that has just been started it is no map yet.
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


def document(state: State, *, open_secrets: bool = True) -> dict[str, Any]:
    """The answers as plain values, as a file of answers would have them; root's password is its hash.

    :param open_secrets: with what opens the pool, which has no hash; references to it without.
    """
    system = [selector(disk, state.facts) for disk in state.system_disks()]
    target: dict[str, Any] = {"mirror": system} if state.on("disk.mirror") else {"disk": system[0] if system else None}
    # The last screen asked for it by name; a disk that is blank needs no such permission.
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
    value["pool"] = pool(state, open_secrets=open_secrets)
    # With the defaults written out the file says all that was chosen.
    value["finish"] = "reboot"
    return value


def guests(state: State) -> dict[str, Any] | str:
    """Space for guests."""
    kind = state.text("guests.kind")
    if kind == "none":
        return "none"
    value: dict[str, Any] = {"volume_group": state.text("guests.group")}
    if kind == "thin":
        value["thin"] = True
    if disks := state.guest_disks():
        value["disks"] = [selector(disk, state.facts) for disk in disks]
    return value


def management(state: State) -> dict[str, Any]:
    """The management network."""
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
    """``dhcp`` and its like, or a fixed address with its gateway."""
    if state.text(kind) != "static":
        return state.text(kind)
    value = {"address": state.text(f"{prefix}.address")}
    if gateway := state.text(f"{prefix}.gateway"):
        value["gateway"] = gateway
    return value


def root(state: State) -> dict[str, Any]:
    """How the administrator logs in."""
    value: dict[str, Any] = {}
    if state.text("root.hash"):
        value["password_hash"] = state.text("root.hash")
    if state.text("root.key"):
        value["ssh_keys"] = [state.text("root.key")]
    if not state.text("root.hash"):
        value["lock"] = True
    return value


def pool(state: State, *, open_secrets: bool) -> dict[str, Any]:
    """Toolstack and pool."""
    kind, toolstack = state.text("pool.kind"), state.text("pool.toolstack")
    value: dict[str, Any] = {"toolstack": toolstack}
    if kind == "create":
        value["create"] = {"name": state.text("pool.name")}
        if toolstack == "ganeti" and state.text("pool.address"):
            value["create"]["address"] = state.text("pool.address")
    elif kind == "join" and toolstack == "ganeti":
        value["join"] = {"token": state.text("pool.join.token") if open_secrets else TOKEN_REFERENCE}
    elif kind == "join":
        value["join"] = {"address": state.text("pool.master"), "user": state.text("pool.user")}
        value["join"]["password"] = state.text("pool.password") if open_secrets else PASSWORD_REFERENCE
        value["join"]["fingerprint"] = state.text("pool.fingerprint")
    return value


def closed_secret(state: State) -> str:
    """The reference that stands for what opens the pool in a file of answers; empty when there is none."""
    if state.text("pool.kind") != "join":
        return ""
    return TOKEN_REFERENCE if state.text("pool.toolstack") == "ganeti" else PASSWORD_REFERENCE


def to_answers(state: State) -> Answers:
    """The answers.

    :raises pydantic.ValidationError: when a screen let something through that the model refuses.
    """
    return Answers.model_validate(document(state))


def to_yaml(state: State) -> str:
    """The file of answers that installs the same without anybody at the machine."""
    head = "# Written by the installer's screens. It installs this machine in the same way without questions.\n"
    if reference := closed_secret(state):
        head += f"# What opens the pool is left out: write it in place of {reference}, or let 'dom0kit answers render' do it.\n"
    return head + emit(document(state, open_secrets=False))


def plan_of(state: State, clock: str = "") -> Plan:
    """The plan.

    :raises UserError: when machine and answers do not go together.
    """
    options = Options(state.image, state.identity, clock, state.packages, kernel())
    return make_plan(state.facts, to_answers(state), state.manifest, options)


def plan_or_problem(state: State) -> Plan | str:
    """The plan, or why there is none."""
    try:
        return plan_of(state)
    except UserError as error:
        return str(error)
    except ValueError as error:
        return f"The answers do not fit together: {error}"
