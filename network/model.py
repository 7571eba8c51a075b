"""The host's networks as data: bridges with their network cards, and the interface that has the host's addresses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from dom0kit.errors import UserError

if TYPE_CHECKING:
    from answerfiles.model.network import Bridge, Management, Network, Route, StaticAddress, StaticAddress6, Uplink, VlanPort

MANAGEMENT = "management"
"""What ``network.default_route`` of the answers calls the management network."""
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
    """A bridge with its cards.

    :param cards: none connects guests on this host alone.
    :param mtu: bytes; None: the cards' own.
    """

    name: str
    cards: tuple[Card, ...] = ()
    bond: Bonding | None = None
    mtu: int | None = None


@dataclass(frozen=True)
class HostPort:
    """An interface with addresses of the host: a bridge itself, or a port of it in a VLAN.

    :param mac: "" for one of Open vSwitch's own, where the bridge has no card.
    :param bridge: the bridge that it belongs to.
    :param mtu: bytes; None: that of the bridge.
    :param default_route: whether the default route is here; elsewhere gateways of DHCP and router advertisements do not count.
    :param names: whether DNS servers, search domains and time servers of DHCP count.
    """

    name: str
    mac: str
    ipv4: Literal["dhcp", "none"] | StaticAddress = "dhcp"
    ipv6: Literal["none", "autoconf", "dhcp"] | StaticAddress6 = "none"
    vlan: int | None = None
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    routes: tuple[Route, ...] = ()
    bridge: str = ""
    mtu: int | None = None
    default_route: bool = True
    names: bool = True

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
        return self.default_route and not isinstance(self.ipv6, str) and self.ipv6.gateway is None


@dataclass(frozen=True)
class Layout:
    """All networks of a host; the management bridge comes first.

    :param port: the interface of the management network.
    :param others: additional interfaces with addresses of the host.
    """

    switches: tuple[Switch, ...]
    port: HostPort
    others: tuple[HostPort, ...] = ()

    @property
    def ports(self) -> tuple[HostPort, ...]:
        """All interfaces with addresses of the host; that of the management network comes first."""
        return (self.port, *self.others)

    def switch_of(self, port: HostPort) -> Switch:
        """Return the bridge that an interface belongs to."""
        return next((switch for switch in self.switches if switch.name == port.bridge), self.management)

    def mtu_of(self, port: HostPort) -> int | None:
        """Return the size of an interface's packets in bytes; None if nothing is configured."""
        return port.mtu if port.mtu is not None else self.switch_of(port).mtu

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
    uplink = network.management
    management = _switch(uplink, uplink.bridge, _cards(uplink, uplink.bridge, PREFIX), PREFIX)
    if not management.cards:
        raise UserError("host.json does not say which network card is for management", "set network.management.mac there")
    others = [_switch(it, it.name, _cards(it, it.name, it.name), it.name) for it in network.bridges]
    port = _host_port(network.management, management.cards[0].mac, default_route=network.default_route == MANAGEMENT)
    layout = Layout((management, *others), port, tuple(_other_ports(network, (management, *others))))
    names = [switch.name for switch in layout.switches] + [card.name for card in layout.cards]
    names += [port.name for port in layout.ports if port.vlan is not None]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"the name {twice[0]} is used by a bridge and by another interface", "rename the bridge in host.json")
    return layout


def trial_layout(management: Management, cards: Iterable[Card]) -> Layout:
    """Return the layout of the management network alone, on cards that keep the names that the kernel gave them."""
    cards = tuple(cards)
    return Layout((_switch(management, management.bridge, cards, PREFIX),), _host_port(management, cards[0].mac))


def _switch(uplink: Uplink, bridge: str, cards: tuple[Card, ...], prefix: str) -> Switch:
    """Return the bridge of the host and of the trial: what it takes from the answers is in both."""
    return Switch(bridge, cards, _bonding(uplink, prefix), uplink.mtu)


def _cards(uplink: Uplink, bridge: str, prefix: str) -> tuple[Card, ...]:
    cards = []
    for number, selector in enumerate(uplink.selectors()):
        if selector.mac is None:
            raise UserError(f"host.json names a network card of {bridge} without its MAC address", "put nic: {mac: ...} there")
        cards.append(Card(selector.mac.lower(), card_name(prefix, number)))
    return tuple(cards)


def _bonding(uplink: Uplink, prefix: str) -> Bonding | None:
    return None if uplink.bond is None else Bonding(bond_name(prefix), uplink.bond.mode, uplink.bond.lacp_rate)


def _other_ports(network: Network, switches: tuple[Switch, ...]) -> Iterable[HostPort]:
    """Yield the interfaces of additional networks; labels are those of ``default_route`` in the answers."""
    uplinks: tuple[Management | Bridge, ...] = (network.management, *network.bridges)
    for uplink, switch in zip(uplinks, switches, strict=True):
        label = MANAGEMENT if uplink is network.management else switch.name
        found: list[tuple[str, Bridge | VlanPort]] = [(f"{label}.{vlan.vlan}", vlan) for vlan in uplink.vlans]
        if uplink is not network.management and (uplink.ipv4 != "none" or uplink.ipv6 != "none"):
            found.insert(0, (label, cast("Bridge", uplink)))
        for place, settings in found:
            yield HostPort(
                name=port_name(switch.name, settings.vlan, PREFIX if label == MANAGEMENT else switch.name),
                mac=switch.cards[0].mac if switch.cards else "",
                ipv4=settings.ipv4,
                ipv6=settings.ipv6,
                vlan=settings.vlan,
                routes=settings.routes,
                bridge=switch.name,
                mtu=settings.mtu,
                default_route=network.default_route == place,
                names=False,
            )


def _host_port(management: Management, mac: str, *, default_route: bool = True) -> HostPort:
    return HostPort(
        bridge=management.bridge,
        default_route=default_route,
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


def port_name(bridge: str, vlan: int | None, prefix: str = PREFIX) -> str:
    """Return the name of an interface with addresses of the host: ``storage``, or ``storage.30``; long names are cut."""
    if vlan is None:
        return bridge
    if len(prefix) + len(f".{vlan}") > LONGEST_NAME:
        prefix = prefix[:6] + hashlib.sha256(prefix.encode()).hexdigest()[:4]
    return f"{prefix}.{vlan}"
