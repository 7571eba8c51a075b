"""The host and port of a URL (pure)."""

from __future__ import annotations

import ipaddress
import re


def authority_fault(url: str) -> str:
    """Return what is wrong with the host or port of an http or https URL; "" when it can be reached.

    Placeholders in braces stand for parts of a name.
    """
    authority = re.sub(r"\{\w+\}", "x", re.split(r"[/?#]", url.partition("://")[2], maxsplit=1)[0])
    match = re.fullmatch(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::([0-9]*))?", authority)
    if match is None:
        return "an IPv6 address is in square brackets, and a port is a number"
    host, port = match[1], match[2]
    if port is not None and not (port.isdigit() and 1 <= int(port[:9]) <= 65535 and len(port) <= 5):
        return f"a port is a number from 1 to 65535, not {port or 'nothing'}"
    return host_fault(host)


def host_fault(host: str) -> str:
    """Return what is wrong with the host of a URL."""
    if host.startswith("["):
        try:
            address: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            return f"{host} is not an IPv6 address"
    elif re.fullmatch(r"[0-9.]+", host):
        try:
            address = ipaddress.IPv4Address(host)
        except ValueError:
            return f"{host} is not an IPv4 address"
    else:
        label = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
        good = len(host) <= 253 and re.fullmatch(rf"{label}(?:\.{label})*\.?", host)
        return "" if good else f"{host[:60]!r} is not a host name"
    return f"{host} is no server's address" if address.is_unspecified or address.is_multicast else ""
