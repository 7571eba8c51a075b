"""Networks: the management network and additional bridges, each with its network cards."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, ValidationInfo, field_validator, model_validator

from answerfiles.checks.addresses import edge, unusable, unusable_for_host
from answerfiles.checks.refusal import refuse
from answerfiles.field_types import DnsServer, Flag, HostName, Interface, Ip4, Ip6, IpAddress, IpNetwork, Mac, Mtu, Name, Vlan
from answerfiles.model import network_checks
from answerfiles.model.record import Record

IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _of_a_host(value: IpInterface) -> IpInterface:
    if reason := unusable_for_host(value):
        raise refuse("address", f"an address that a host can have; {reason}")
    return value


def _gateway_inside(value: ipaddress.IPv4Address | ipaddress.IPv6Address | None, address: IpInterface | None) -> None:
    if value is None:
        return
    if reason := unusable(value, link_local=True):
        raise refuse("gateway", f"the address of a router; {reason}")
    if address is None:
        return
    if value not in address.network and not (value.version == 6 and value.is_link_local):
        raise refuse("gateway", f"a gateway inside the network {address.network}")
    if value == address.ip:
        raise refuse("gateway", "a gateway other than the host's own address")
    if value.version == 4 and (reason := edge(value, address.network)):
        raise refuse("gateway", f"the address of a router; {reason}")


class FixedAddress(Record):
    """Checks of a fixed address of either family."""

    EXAMPLE: ClassVar[str]
    address: IpInterface
    gateway: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None

    @field_validator("address", mode="before")
    @classmethod
    def _length(cls, value: Any) -> Any:
        if isinstance(value, ipaddress.IPv4Interface | ipaddress.IPv6Interface):
            return value
        if not isinstance(value, str) or "/" not in value or "%" in value:
            raise refuse("address", f"an address with its network's length, as {cls.EXAMPLE}")
        return value

    @field_validator("address")
    @classmethod
    def _host(cls, value: IpInterface) -> IpInterface:
        return _of_a_host(value)

    @field_validator("gateway")
    @classmethod
    def _inside(
        cls, value: ipaddress.IPv4Address | ipaddress.IPv6Address | None, info: ValidationInfo
    ) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
        _gateway_inside(value, info.data.get("address"))
        return value


class StaticAddress(FixedAddress):
    """A fixed IPv4 address."""

    EXAMPLE: ClassVar[str] = "192.0.2.10/24"
    address: ipaddress.IPv4Interface = Field(description="the address with its network's length, as 192.0.2.10/24")
    gateway: Ip4 | None = Field(default=None, description="the default gateway, inside the network")


class StaticAddress6(FixedAddress):
    """A fixed IPv6 address."""

    EXAMPLE: ClassVar[str] = "2001:db8::10/64"
    address: ipaddress.IPv6Interface = Field(description="the address with its network's length, as 2001:db8::10/64")
    gateway: Ip6 | None = Field(
        default=None, description="the default gateway, inside the network or link-local; otherwise router advertisements"
    )


def _word_or_static(record: type[Record]) -> Callable[[Any], str]:
    def tag(value: Any) -> str:
        return "static" if isinstance(value, dict | record) else "word"

    return tag


Ipv4 = Annotated[
    Annotated[Literal["dhcp", "none"], Tag("word")] | Annotated[StaticAddress, Tag("static")],
    Discriminator(_word_or_static(StaticAddress)),
]
Ipv6 = Annotated[
    Annotated[Literal["none", "autoconf", "dhcp"], Tag("word")] | Annotated[StaticAddress6, Tag("static")],
    Discriminator(_word_or_static(StaticAddress6)),
]


class NicSelector(Record):
    """Names one network card by its properties; all that are given must hold, and exactly one card may match."""

    mac: Mac | None = Field(default=None, description="the MAC address")
    driver: Name | None = Field(default=None, description="the kernel's driver, as ixgbe")
    slot: Name | None = Field(default=None, description="the PCI address, as 0000:03:00.0")
    name: Interface | None = Field(default=None, description="the kernel's name, as eno1")
    carrier: Flag | None = Field(default=None, description="whether a cable is connected")

    @model_validator(mode="after")
    def _at_least_one(self) -> NicSelector:
        if not self.given():
            raise refuse("selector", "at least one of " + ", ".join(NicSelector.model_fields))
        return self

    def __str__(self) -> str:
        return ", ".join(
            f"{name}: {str(value).lower() if isinstance(value, bool) else value}" for name, value in self.given().items()
        )


class Bond(Record):
    """Two or more network cards as one."""

    nics: tuple[NicSelector, ...] = Field(min_length=2, max_length=8, description="the network cards, two to eight")
    mode: Literal["active-backup", "balance-slb", "lacp"] = Field(
        default="active-backup",
        description="active-backup: one works, the others wait; balance-slb: by guest's MAC; lacp: 802.3ad with the switch",
    )
    lacp_rate: Literal["slow", "fast"] = Field(default="slow", description="LACP messages every 30 s or every second")


class Route(Record):
    """A route in addition to the default route."""

    to: IpNetwork = Field(description="the network, as 198.51.100.0/24")
    via: IpAddress = Field(description="the gateway")
    metric: int | None = Field(default=None, strict=True, ge=0, le=4294967295, description="a lower metric is preferred")

    @model_validator(mode="after")
    def _same_family(self) -> Route:
        if self.to.version != self.via.version:
            raise refuse("route", f"a gateway of IPv{self.to.version}, like the network")
        return self


class Uplink(Record):
    """Uplink of a bridge: one network card, or a bond of several."""

    mac: Mac | None = Field(default=None, description="the network card by its MAC address; short for nic: {mac: ...}")
    nic: NicSelector | None = Field(default=None, description="the network card by a rule that exactly one fulfils")
    bond: Bond | None = Field(default=None, description="several network cards as one")
    mtu: Mtu | None = Field(default=None, description="the largest packet in bytes, 576 to 9216")

    @model_validator(mode="after")
    def _at_most_one(self) -> Uplink:
        if sum(value is not None for value in (self.mac, self.nic, self.bond)) > 1:
            raise refuse("uplink", "at most one of mac, nic and bond")
        return self

    def selectors(self) -> tuple[NicSelector, ...]:
        """Return the selected network cards; empty when none are specified."""
        if self.bond is not None:
            return self.bond.nics
        if self.mac is not None:
            return (NicSelector(mac=self.mac),)
        return () if self.nic is None else (self.nic,)


class VlanPort(Record):
    """A VLAN on the same uplink in which the host has addresses of its own."""

    vlan: Vlan = Field(description="the VLAN's number, for frames with a tag")
    ipv4: Ipv4 = Field(default="none", description="dhcp, none, or a fixed address")
    ipv6: Ipv6 = Field(default="none", description="none, autoconf (router advertisements), dhcp, or a fixed address")
    mtu: Mtu | None = Field(default=None, description="the largest packet in bytes, at most the uplink's; that one without it")
    routes: tuple[Route, ...] = Field(default=(), description="routes over this VLAN")

    @model_validator(mode="after")
    def _an_address(self) -> VlanPort:
        if self.ipv4 == "none" and self.ipv6 == "none":
            raise refuse("vlan", "an address: ipv4, ipv6 or both other than 'none'; guests use any VLAN without it")
        return self


class Management(Uplink):
    """The network that the host is managed over; without mac, nic and bond it is the machine's only network card."""

    ipv4: Ipv4 = Field(default="dhcp", description="'dhcp', 'none', or address and gateway")
    ipv6: Ipv6 = Field(default="none", description="'none', 'autoconf', 'dhcp', or address and gateway")
    vlan: Vlan | None = Field(default=None, description="the VLAN of the management network, 1 to 4094; untagged without it")
    dns: tuple[DnsServer, ...] = Field(default=(), description="DNS servers")
    search: tuple[HostName, ...] = Field(default=(), description="DNS search domains")
    routes: tuple[Route, ...] = Field(default=(), description="additional routes")
    bridge: Interface = Field(default="xenbr0", description="name of the bridge")
    vlans: tuple[VlanPort, ...] = Field(default=(), description="additional VLANs on the same uplink with addresses of the host")

    @model_validator(mode="after")
    def _an_address(self) -> Management:
        if self.ipv4 == "none" and self.ipv6 == "none":
            raise refuse("management", "an address: ipv4, ipv6 or both other than 'none'")
        if self.mtu is not None and self.mtu < 1280 and self.ipv6 != "none":
            raise refuse("management", "an mtu of at least 1280 with IPv6")
        return self


class Bridge(Uplink):
    """An additional bridge for guests, storage or migration; without mac, nic and bond it connects guests of this host only."""

    name: Interface = Field(description="name of the bridge")
    vlan: Vlan | None = Field(default=None, description="the VLAN of the host's addresses below; guests are not affected")
    ipv4: Ipv4 = Field(default="none", description="the host's own address on the bridge: dhcp, none, or a fixed one")
    ipv6: Ipv6 = Field(default="none", description="none, autoconf (router advertisements), dhcp, or a fixed address")
    routes: tuple[Route, ...] = Field(default=(), description="routes over this bridge")
    vlans: tuple[VlanPort, ...] = Field(default=(), description="additional VLANs with addresses of the host")

    @model_validator(mode="after")
    def _an_address_to_tag(self) -> Bridge:
        if self.ipv4 == "none" and self.ipv6 == "none" and (self.vlan is not None or self.routes):
            raise refuse("bridge", "vlan and routes only with an address of the host: ipv4, ipv6 or both")
        return self


class Network(Record):
    """The host's networks."""

    management: Management = Field(default=Management(), description="the management network")
    bridges: tuple[Bridge, ...] = Field(default=(), description="additional bridges")
    default_route: Name = Field(
        default=network_checks.MANAGEMENT,
        description="where the default route is: management, a bridge's name, or either with an additional VLAN, as storage.30",
    )

    @model_validator(mode="after")
    def _names_and_cards_once(self) -> Network:
        names = [self.management.bridge, *(bridge.name for bridge in self.bridges)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise refuse("bridges", f"each bridge once; {', '.join(twice)} is repeated")
        macs = [s.mac for uplink in (self.management, *self.bridges) for s in uplink.selectors() if s.mac is not None]
        if taken := sorted({mac for mac in macs if macs.count(mac) > 1}):
            raise refuse("bridges", f"each network card once; {', '.join(taken)} is repeated")
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Network:
        network_checks.check(self)
        return self
