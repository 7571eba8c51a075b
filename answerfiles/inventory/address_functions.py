"""Functions and filters of addresses for templates: ``address``, and those of Ansible's ``ansible.utils`` under their names."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

Interface = ipaddress.IPv4Interface | ipaddress.IPv6Interface


def _interface(value: Any) -> Interface:
    str(value)  # a name that is not defined says so here
    if isinstance(value, bool | int) or not isinstance(value, str):
        raise ValueError(f"found {value!r}; allowed: an address or a network as text, as 192.0.2.10/24")
    try:
        return ipaddress.ip_interface(value.strip())
    except ValueError:
        raise ValueError(f"found {value!r}; allowed: an address or a network, as 192.0.2.10/24") from None


def _number(value: Any, what: str) -> int:
    str(value)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"found {value!r}; allowed as {what}: a whole number")
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"found {value!r}; allowed as {what}: a whole number") from None


def _nth(value: Any, n: Any) -> Interface:
    network = _interface(value).network
    number = _number(n, "the address's place in the network")
    place = number + network.num_addresses if number < 0 else number
    if not 0 <= place < network.num_addresses:
        raise ValueError(f"the network {network} has {network.num_addresses} addresses and no number {number}")
    return ipaddress.ip_interface((network[place], network.prefixlen))


def address(network: Any, n: Any) -> str:
    """Return the nth address of a network with the network's length: ``address('10.0.0.0/24', 10)`` is ``10.0.0.10/24``.

    :param n: from 0, which is the network's own address; negative numbers count from the end.
    :raises ValueError: when the network has no such address, or it is the network's own or its broadcast address.
    """
    found = _nth(network, n)
    inside = found.network
    if found.version == 4 and inside.num_addresses > 2 and found.ip in (inside.network_address, inside.broadcast_address):
        raise ValueError(f"{found.ip} is the first or last address of {inside}, which no host can have")
    return str(found)


def nthhost(value: Any, n: Any) -> str:
    """Return the nth address of a network without its length."""
    return str(_nth(value, n).ip)


def ipmath(value: Any, n: Any) -> str:
    """Return the address so many after an address."""
    return str(_interface(value).ip + _number(n, "a number of addresses"))


def ipsubnet(value: Any, length: Any, index: Any = 0) -> str:
    """Return a network inside of a network: the one at ``index`` of those with this length."""
    network = _interface(value).network
    bits = _number(length, "a network's length")
    if not network.prefixlen <= bits <= network.max_prefixlen:
        raise ValueError(f"found the length {bits}; allowed in {network}: {network.prefixlen} to {network.max_prefixlen}")
    number, count = _number(index, "a network's place"), 1 << (bits - network.prefixlen)
    if not -count <= number < count:
        raise ValueError(f"{network} has {count} networks of the length {bits} and no number {number}")
    first = int(network.network_address) + (number % count << (network.max_prefixlen - bits))
    return f"{type(network.network_address)(first)}/{bits}"


QUERIES: dict[str, Callable[[Interface], Any]] = {
    "address": lambda found: str(found.ip),
    "ip": lambda found: str(found.ip),
    "host": str,
    "host/prefix": str,
    "address/prefix": str,
    "ip/prefix": str,
    "network": lambda found: str(found.network.network_address),
    "network/prefix": lambda found: str(found.network),
    "subnet": lambda found: str(found.network),
    "netmask": lambda found: str(found.network.netmask),
    "broadcast": lambda found: str(found.network.broadcast_address),
    "prefix": lambda found: found.network.prefixlen,
    "size": lambda found: found.network.num_addresses,
    "version": lambda found: found.version,
    "first_usable": lambda found: str(found.network[1 if found.network.num_addresses > 2 else 0]),
    "last_usable": lambda found: str(found.network[-2 if found.network.num_addresses > 2 else -1]),
}


def ipaddr(value: Any, query: Any = "host") -> Any:
    """Return a part of an address or network; a number is the address at that place, with the network's length."""
    if isinstance(query, int) and not isinstance(query, bool):
        return str(_nth(value, query))
    if query not in QUERIES:
        raise ValueError(f"ipaddr has no {query!r}; allowed: a number, {', '.join(QUERIES)}")
    return QUERIES[query](_interface(value))


FUNCTIONS: dict[str, Callable[..., Any]] = {"address": address}
FILTERS: dict[str, Callable[..., Any]] = {
    "ipaddr": ipaddr,
    "ipmath": ipmath,
    "ipsubnet": ipsubnet,
    "nthhost": nthhost,
    "address": address,
}
