"""The host's networks as data: bridges with their network cards, and the interface that has the host's addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dom0kit.errors import UserError

if TYPE_CHECKING:
    from answerfiles.model.network import Management, Network, Route, StaticAddress, StaticAddress6, Uplink

PREFIX = "mgmt"
"""Prefix of the management cards' names, ``mgmt0``, ``mgmt1``, ...: kernel names change with slots and kernels."""
LONGEST_NAME = 15
"""Longest name of an interface in characters (IFNAMSIZ without the closing zero)."""

Mode = Literal["active-backup", "balance-slb", "lacp"]


@dataclass(frozen=True)
class Card:
    """A network card by its MAC address, in lower case, and the name of its interface."""

    mac: str
    name: str


@dataclass(frozen=True)
class Bonding:
    """Several cards as one; ``port`` is the name in Open vSwitch, where no network device has it."""

    port: str
    mode: Mode
    lacp_rate: Literal["slow", "fast"] = "slow"


@dataclass(frozen=True)
class Switch:
    """A bridge with its cards; one without cards connects guests on this host alone. ``mtu`` in bytes."""

    name: str
    cards: tuple[Card, ...] = ()
    bond: Bonding | None = None
    mtu: int | None = None


@dataclass(frozen=True)
class HostPort:
    """The interface with the host's addresses: the bridge itself, or a port of it in a VLAN."""

    name: str
    mac: str
    ipv4: Literal["dhcp", "none"] | StaticAddress = "dhcp"
    ipv6: Literal["none", "autoconf", "dhcp"] | StaticAddress6 = "none"
    vlan: int | None = None
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()

    @property
    def static(self) -> tuple[StaticAddress | StaticAddress6, ...]:
        """The fixed addresses, IPv4 first."""
        return tuple(value for value in (self.ipv4, self.ipv6) if not isinstance(value, str))

    @property
    def accepts_ra(self) -> bool:
        """Whether router advertisements are processed: not when the gateway is fixed as well."""
        return self.ipv6 in ("autoconf", "dhcp") or self.only_gateway_by_ra

    @property
    def only_gateway_by_ra(self) -> bool:
        """Whether of router advertisements only the gateway counts: the address is fixed, so no second one is wanted."""
        return not isinstance(self.ipv6, str) and self.ipv6.gateway is None


@dataclass(frozen=True)
class Layout:
    """All networks of a host; the management bridge comes first."""

    switches: tuple[Switch, ...]
    port: HostPort

    @property
    def management(self) -> Switch:
        """The bridge of the management network."""
        return self.switches[0]

    @property
    def cards(self) -> tuple[Card, ...]:
        """All cards, those for management first."""
        return tuple(card for switch in self.switches for card in switch.cards)


def host_layout(network: Network) -> Layout:
    """Return the layout of the networks in answers.

    :raises UserError: when a card is not named by its MAC address, or two interfaces would have one name.
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
        raise UserError(f"the name {twice[0]} is used by a bridge and by another interface", "rename the bridge in host.json")
    return layout


def trial_layout(management: Management, cards: Iterable[Card]) -> Layout:
    """Return the layout of the management network alone, on cards that keep the names that the kernel gave them."""
    cards = tuple(cards)
    switch = Switch(management.bridge, cards, _bonding(management, PREFIX), management.mtu)
    return Layout((switch,), _host_port(management, cards[0].mac))


def _switch(uplink: Uplink, bridge: str, prefix: str) -> Switch:
    cards = []
    for number, selector in enumerate(uplink.selectors()):
        if selector.mac is None:
            raise UserError(f"host.json names a network card of {bridge} without its MAC address", "put nic: {mac: ...} there")
        cards.append(Card(selector.mac.lower(), card_name(prefix, number)))
    return Switch(bridge, tuple(cards), _bonding(uplink, prefix), uplink.mtu)


def _bonding(uplink: Uplink, prefix: str) -> Bonding | None:
    return None if uplink.bond is None else Bonding(bond_name(prefix), uplink.bond.mode, uplink.bond.lacp_rate)


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
    """Return a card's name: ``mgmt1``, or ``storage-1`` in the bridge ``storage``; long names are cut and get a hash."""
    if prefix == PREFIX:
        return f"{PREFIX}{number}"
    if len(prefix) > LONGEST_NAME - 2:
        prefix = prefix[:8] + hashlib.sha256(prefix.encode()).hexdigest()[:4]
    return f"{prefix}-{number}"


def bond_name(prefix: str) -> str:
    """Return the name of a bond in Open vSwitch."""
    return f"{prefix}-bond"


def port_name(bridge: str, vlan: int | None) -> str:
    """Return the name of the interface with the host's addresses."""
    return bridge if vlan is None else f"{PREFIX}.{vlan}"
