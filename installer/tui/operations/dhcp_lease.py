"""DHCP lease of a network card, as proposals for input fields. Pure except for :func:`read_lease`.

The installation medium requests an address on every card, so prefix length, gateway and name servers are usually known before
the user enters them.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

from installer.hardware.naming import lease_name, lease_values

FIELDS = ("address", "gateway", "dns", "search", "host")
"""Proposed fields; in the state their names have the prefix ``lease.``."""


def parse_lease(text: str, own: str = "") -> dict[str, str]:
    """Return the proposals in a networkd lease file (``/run/systemd/netif/leases``); missing ones are empty.

    :param own: name of the running system, which some servers return as the host name.
    """
    values = lease_values(text)
    found = dict.fromkeys((f"lease.{name}" for name in FIELDS), "")
    try:
        interface = ipaddress.IPv4Interface(f"{values['ADDRESS']}/{values['NETMASK']}")
    except (KeyError, ValueError):
        return found
    found["lease.address"] = str(interface)
    found["lease.gateway"] = next(iter(values.get("ROUTER", "").split()), "")
    found["lease.dns"] = values.get("DNS", "")
    found["lease.search"] = values.get("DOMAINNAME", "")
    found["lease.host"] = lease_name(text, own)
    return found


def read_lease(nic: str, root: Path = Path("/")) -> dict[str, str]:
    """Return the proposals for a network card by its name; empty without a lease."""
    try:
        number = (root / "sys/class/net" / nic / "ifindex").read_text().strip()
        return parse_lease((root / "run/systemd/netif/leases" / number).read_text(errors="replace"), socket.gethostname())
    except OSError:
        return parse_lease("")
