"""What DHCP has told a network card, as proposals for the screens. Pure but for :func:`read_lease`.

The system of the medium asks for an address on every card, so the network's length, its gateway and its name servers are mostly
known before anybody types them.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

FIELDS = ("address", "gateway", "dns", "search", "host")
"""What is proposed; in the state each has ``lease.`` in front."""


def parse_lease(text: str, own: str = "") -> dict[str, str]:
    """The proposals in one of networkd's files below ``/run/systemd/netif/leases``; what is not told is empty.

    :param own: the name of the running system: servers that know no better one say it back.
    """
    told = dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))
    found = dict.fromkeys((f"lease.{name}" for name in FIELDS), "")
    try:
        interface = ipaddress.IPv4Interface(f"{told['ADDRESS']}/{told['NETMASK']}")
    except (KeyError, ValueError):
        return found
    found["lease.address"] = str(interface)
    found["lease.gateway"] = next(iter(told.get("ROUTER", "").split()), "")
    found["lease.dns"] = told.get("DNS", "")
    found["lease.search"] = told.get("DOMAINNAME", "")
    host = told.get("HOSTNAME", "")
    if host.partition(".")[0] != own.partition(".")[0]:
        found["lease.host"] = full_name(host, told.get("DOMAINNAME", ""))
    return found


def full_name(host: str, domain: str) -> str:
    """A host's name with its domain."""
    return f"{host}.{domain}" if host and domain and "." not in host else host


def read_lease(card: str, root: Path = Path("/")) -> dict[str, str]:
    """The proposals for a card by its name; empty ones when DHCP has told it nothing."""
    try:
        number = (root / "sys/class/net" / card / "ifindex").read_text().strip()
        return parse_lease((root / "run/systemd/netif/leases" / number).read_text(errors="replace"), socket.gethostname())
    except OSError:
        return parse_lease("")
