"""IP addresses that a host, a gateway or a server can have (pure)."""

from __future__ import annotations

import ipaddress

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpInterface = ipaddress.IPv4Interface | ipaddress.IPv6Interface
THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
CLASS_E = ipaddress.IPv4Network("240.0.0.0/4")
SHORTEST = {4: 8, 6: 16}
"""The shortest network length that a host's network has; a shorter one is a slip of the keyboard."""


def unusable(address: IpAddress, *, link_local: bool = False) -> str:
    """Return why no machine can be reached by an address; "" when one can.

    :param link_local: whether an IPv6 link-local address is usable, as for a gateway, whose interface is known.
    """
    mapped = getattr(address, "ipv4_mapped", None)
    reasons = {
        "it stands for no address": address.is_unspecified,
        "no machine has an address of 0.0.0.0/8 or 240.0.0.0/4": address.version == 4
        and (address in CLASS_E or address in THIS_NETWORK),
        "it is a multicast address": address.is_multicast,
        "it is a loopback address, by which each machine reaches itself": address.is_loopback,
        f"it stands for the IPv4 address {mapped}": mapped is not None,
        "it is a link-local address, which is valid on one cable only": address.version == 6
        and address.is_link_local
        and not link_local,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def unusable_for_host(value: IpInterface) -> str:
    """Return why a host cannot have an address with its network's length; "" when it can."""
    address, network = value.ip, value.network
    if reason := unusable(address):
        return reason
    if address.is_link_local:
        return "it is a link-local address, by which no other network reaches the host"
    if network.prefixlen < SHORTEST[value.version]:
        return f"a network of length {network.prefixlen} is larger than any that exists"
    return edge(address, network)


def edge(address: IpAddress, network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    """Return why an address belongs to a network itself and to no machine in it; "" when a machine can have it."""
    if network.num_addresses <= 2:
        return ""
    if network.version == 4 and address in (network.network_address, network.broadcast_address):
        return f"neither the first nor the last address of {network} is a host's"
    if network.version == 6 and address == network.network_address:
        return f"the first address of {network} is that of its routers"
    return ""
