"""The networks as a netplan file: names and packet sizes of cards, addresses of the host's port.

The file says nothing of bridges and bonds, which are Open vSwitch's (:mod:`network.openvswitch`) and stay in its
database. To netplan their interfaces are plain ones that appear at some time: so it makes no units that would build
them once more at each boot, one command after the other, with other MAC addresses in between.
"""

from __future__ import annotations

import json
from typing import Any

from network.model import Card, HostPort, Layout, Switch
from network.networkd import ignored, text_of

COMMENT = "# Written by dom0kit from /etc/dom0kit/host.json. For permanent changes add a file 60-*.yaml next to it.\n"
QUIET = {"dhcp4": False, "dhcp6": False, "accept-ra": False, "link-local": [], "optional": True}
"""An interface without any address."""


def document(layout: Layout) -> dict[str, Any]:
    """Return the netplan configuration as a value."""
    ethernets: dict[str, Any] = {}
    for switch in layout.switches:
        for card in switch.cards:
            ethernets[card.name] = _card(card, switch)
        ethernets[switch.name] = dict(QUIET)
    for port in layout.ports:
        ethernets[port.name] = host_port(port, layout.mtu_of(port))
    return {"network": {"version": 2, "renderer": "networkd", "ethernets": ethernets}}


def text(layout: Layout) -> str:
    """Return the netplan file. JSON is YAML, and writing it needs no YAML library to be loaded at boot."""
    return COMMENT + json.dumps(document(layout), indent=2) + "\n"


def _card(card: Card, switch: Switch) -> dict[str, Any]:
    # netplan writes the match as PermanentMACAddress, which only hardware has: no bridge of the same address is caught.
    size = {} if switch.mtu is None else {"mtu": switch.mtu}
    return {"match": {"macaddress": card.mac}, "set-name": card.name, **size, **QUIET}


def host_port(port: HostPort, mtu: int | None = None) -> dict[str, Any]:
    """Return the settings of the interface with the host's addresses.

    The IPv6 addresses that the host gives itself end in the MAC address (EUI-64, networkd's own choice): they
    are known before the host exists, and there are no privacy addresses in addition.

    :param mtu: bytes; when it is configured, that of DHCP does not count. The size itself is in Open vSwitch's database.
    """
    ipv4, ipv6 = port.ipv4, port.ipv6
    value: dict[str, Any] = {
        "dhcp4": ipv4 == "dhcp",
        "dhcp6": ipv6 == "dhcp",
        "accept-ra": port.accepts_ra,
        "link-local": [] if ipv6 == "none" else ["ipv6"],
    }
    if ipv4 == "dhcp":
        value["dhcp-identifier"] = "mac"  # not the machine id: the lease stays when the host is installed again
    for family in (4, 6):
        if value[f"dhcp{family}"] and mtu is not None:
            value[f"dhcp{family}-overrides"] = {"use-mtu": False}
    if not port.names:
        value["optional"] = True  # an additional network must not keep the host's start waiting
    if port.static:
        value["addresses"] = [str(static.address) for static in port.static]
    routes: list[dict[str, Any]] = [
        {"to": "0.0.0.0/0" if static.address.version == 4 else "::/0", "via": str(static.gateway)}
        for static in port.static
        if static.gateway is not None and port.default_route
    ]
    for route in port.routes:
        metric = {} if route.metric is None else {"metric": route.metric}
        routes.append({"to": str(route.to), "via": str(route.via), **metric})
    if routes:
        value["routes"] = routes
    servers = {"addresses": list(port.dns), "search": list(port.search)}
    if filled := {key: names for key, names in servers.items() if names}:
        value["nameservers"] = filled
    return value


def drop_in_name(port: str) -> str:
    """Return where networkd looks for additions to netplan's file for this interface, without the leading slash."""
    return f"etc/systemd/network/10-netplan-{port}.network.d/50-dom0kit.conf"


def drop_in(port: HostPort) -> str | None:
    """Return what netplan cannot express, None when there is nothing of the kind: see :func:`networkd.ignored`."""
    return text_of(sections) if (sections := ignored(port)) else None
