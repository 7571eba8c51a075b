"""Checks over all networks of a host: VLANs, addresses, the default route, routes (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from answerfiles.checks.refusal import refuse

if TYPE_CHECKING:
    from answerfiles.model.network import Bridge, Management, Network, StaticAddress, StaticAddress6, VlanPort

MANAGEMENT = "management"
SMALLEST_MTU_OF_IPV6 = 1280


@dataclass(frozen=True)
class Port:
    """A place where the host may have addresses.

    :param label: ``management`` or the bridge's name, followed by a dot and the number of an additional VLAN.
    """

    label: str
    settings: Management | Bridge | VlanPort
    uplink: Management | Bridge

    @property
    def addressed(self) -> bool:
        """Return whether the host has an address here."""
        return self.settings.ipv4 != "none" or self.settings.ipv6 != "none"

    @property
    def static(self) -> tuple[StaticAddress | StaticAddress6, ...]:
        """Return the fixed addresses."""
        return tuple(value for value in (self.settings.ipv4, self.settings.ipv6) if not isinstance(value, str))


def ports(network: Network) -> Iterator[Port]:
    """Yield all places for addresses; the management network comes first."""
    named: list[tuple[str, Management | Bridge]] = [(MANAGEMENT, network.management)]
    named += [(bridge.name, bridge) for bridge in network.bridges]
    for name, uplink in named:
        yield Port(name, uplink, uplink)
        for vlan in uplink.vlans:
            yield Port(f"{name}.{vlan.vlan}", vlan, uplink)


def check(network: Network) -> None:
    """Check everything that one port alone cannot know.

    :raises PydanticCustomError: for the first contradiction.
    """
    uplinks: list[Management | Bridge] = [network.management, *network.bridges]
    for uplink in uplinks:
        numbers = [vlan.vlan for vlan in uplink.vlans] + ([uplink.vlan] if uplink.vlan is not None else [])
        if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
            raise refuse("vlans", f"each VLAN of an uplink once; {twice[0]} is repeated")
    found = [port for port in ports(network) if port.addressed]
    for port in found:
        _size(port)
        if port.label != MANAGEMENT:
            _routes(port)
    _default_route(network.default_route, found)
    _networks(found)


def _size(port: Port) -> None:
    mtu = port.settings.mtu if port.settings.mtu is not None else port.uplink.mtu
    if mtu is not None and mtu < SMALLEST_MTU_OF_IPV6 and port.settings.ipv6 != "none":
        raise refuse("mtu", f"an mtu of at least {SMALLEST_MTU_OF_IPV6} with IPv6 on {port.label}")
    if mtu is not None and port.uplink.mtu is not None and mtu > port.uplink.mtu:
        raise refuse("mtu", f"on {port.label} an mtu of at most that of its uplink, {port.uplink.mtu}")


def _routes(port: Port) -> None:
    for route in port.settings.routes:
        how = port.settings.ipv4 if route.to.version == 4 else port.settings.ipv6
        if how == "none":
            raise refuse("route", f"a route on {port.label} only with an IPv{route.to.version} address there")
        if isinstance(how, str) or route.via.is_link_local:
            continue
        if route.via not in how.address.network:
            raise refuse("route", f"on {port.label} a route via a gateway in {how.address.network}, not {route.via}")
        if route.via == how.address.ip:
            raise refuse("route", f"on {port.label} a route via another machine than the host itself")


def _default_route(wanted: str, found: list[Port]) -> None:
    labels = [port.label for port in found]
    if wanted not in labels:
        raise refuse("default_route", f"default_route as one of {', '.join(labels)}: where the host has an address")
    for port in found:
        if port.label != wanted and any(address.gateway is not None for address in port.static):
            raise refuse("default_route", f"a gateway only on {wanted}, which has the default route; on {port.label} use routes")


def _networks(found: list[Port]) -> None:
    seen = [(port.label, address.address) for port in found for address in port.static]
    for number, (label, own) in enumerate(seen):
        for other_label, other in seen[:number]:
            if own.version == other.version and own.network.overlaps(other.network):
                raise refuse("addresses", f"networks that do not overlap: {own} on {label} and {other} on {other_label} do")
