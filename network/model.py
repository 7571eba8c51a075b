"""The networks of the answers, laid out: which card gets which name, in which bridge, and where the host's address is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from dom0kit.errors import UserError

if TYPE_CHECKING:
    from answerfiles.model.network import Management, Network, Route, StaticAddress, StaticAddress6, Uplink

PREFIX = "mgmt"
"""The management cards are ``mgmt0``, ``mgmt1``, ...; kernel names change with slots and kernels."""
LONGEST_NAME = 15
"""Characters of an interface's name (IFNAMSIZ without the closing zero)."""

Mode = Literal["active-backup", "balance-slb", "lacp"]


@dataclass(frozen=True)
class Card:
    """A network card by its MAC address, in lower case, and the name that it gets."""

    mac: str
    name: str


@dataclass(frozen=True)
class Bonding:
    """How several cards are one; ``port`` is the name in Open vSwitch, where no network device bears it."""

    port: str
    mode: Mode
    lacp_rate: Literal["slow", "fast"] = "slow"


@dataclass(frozen=True)
class Switch:
    """A bridge with its cards; no card joins guests on this host alone. ``mtu`` in bytes."""

    name: str
    cards: tuple[Card, ...] = ()
    bond: Bonding | None = None
    mtu: int | None = None


@dataclass(frozen=True)
class HostPort:
    """The interface that bears the host's addresses: the bridge itself, or a port of it in a VLAN."""

    name: str
    mac: str
    ipv4: Literal["dhcp", "none"] | StaticAddress = "dhcp"
    ipv6: Literal["none", "autoconf", "dhcp"] | StaticAddress6 = "none"
    vlan: int | None = None
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True)
class Layout:
    """All of it; the management bridge comes first."""

    switches: tuple[Switch, ...]
    port: HostPort

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards, those for management first."""
        return tuple(card for switch in self.switches for card in switch.cards)


def lay_out(network: Network) -> Layout:
    """The layout of the answers' networks.

    :raises UserError: when a card is not named by its MAC address, or two things would have one name.
    """
    management = _switch(network.management, network.management.bridge, PREFIX)
    if not management.cards:
        raise UserError("host.json does not say which network card is for management", "set network.management.mac there")
    others = [_switch(bridge, bridge.name, bridge.name) for bridge in network.bridges]
    layout = Layout((management, *others), _host_port(network.management, management.cards[0].mac))
    names = [switch.name for switch in layout.switches] + [card.name for card in layout.cards]
    if layout.port.vlan is not None:
        names.append(layout.port.name)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"the name {twice[0]} is for a bridge and for something else", "name the bridge otherwise in host.json")
    return layout


def _switch(uplink: Uplink, bridge: str, prefix: str) -> Switch:
    macs = [selector.mac for selector in uplink.selectors()]
    cards = []
    for number, mac in enumerate(macs):
        if mac is None:
            raise UserError(f"host.json names a network card of {bridge} without its MAC address", "put nic: {mac: ...} there")
        cards.append(Card(mac.lower(), card_name(prefix, number)))
    bond = None
    if uplink.bond is not None:
        bond = Bonding(f"{prefix}-bond", uplink.bond.mode, uplink.bond.lacp_rate)
    return Switch(bridge, tuple(cards), bond, uplink.mtu)


def _host_port(management: Management, mac: str) -> HostPort:
    return HostPort(
        name=port_name(management.bridge, management.vlan),
        mac=mac,
        ipv4=management.ipv4,
        ipv6=management.ipv6,
        vlan=management.vlan,
        dns=tuple(management.dns),
        search=tuple(management.search),
        routes=management.routes,
    )


def card_name(prefix: str, number: int) -> str:
    """A card's name: ``mgmt1``, or ``storage-1`` in the bridge ``storage``; long names are cut and get a hash."""
    if prefix == PREFIX:
        return f"{PREFIX}{number}"
    if len(prefix) > LONGEST_NAME - 2:
        prefix = prefix[:8] + hashlib.sha256(prefix.encode()).hexdigest()[:4]
    return f"{prefix}-{number}"


def port_name(bridge: str, vlan: int | None) -> str:
    """The interface with the host's address."""
    return bridge if vlan is None else f"{PREFIX}.{vlan}"


def told_management(told: Mapping[str, Any]) -> Mapping[str, Any]:
    """The management network of ``host.json`` as it stands, without loading the model; empty when it is not there."""
    network = told.get("network")
    management = network.get("management") if isinstance(network, dict) else None
    return management if isinstance(management, dict) else {}


def told_port(told: Mapping[str, Any]) -> str:
    """The interface with the host's address."""
    management = told_management(told)
    return port_name(str(management.get("bridge") or "xenbr0"), management.get("vlan"))


def told_families(told: Mapping[str, Any]) -> tuple[int, ...]:
    """The address families that are asked for: 4, 6 or both."""
    management = told_management(told)
    wanted = {4: management.get("ipv4", "dhcp"), 6: management.get("ipv6", "none")}
    return tuple(family for family, value in wanted.items() if value != "none")


def told_bonds(told: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of all bonds in Open vSwitch."""
    network = told.get("network")
    bridges = network.get("bridges") or [] if isinstance(network, dict) else []
    named = [(PREFIX, told_management(told)), *((str(bridge.get("name")), bridge) for bridge in bridges)]
    return tuple(f"{name}-bond" for name, uplink in named if uplink.get("bond"))
