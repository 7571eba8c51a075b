"""Read the system's iSCSI sessions: targets and disks from sysfs, network cards from ip(8)."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from installer.hardware.sysfs import read
from installer.model.hardware import IscsiSession

SESSIONS = "sys/class/iscsi_session"
ADDRESSES = ["ip", "-json", "-details", "address"]

Link = Mapping[str, Any]


def read_sessions(root: Path, output: Callable[[list[str]], str]) -> tuple[IscsiSession, ...]:
    """Return all sessions in the order of their creation.

    :param output: returns the standard output of a command; called only if there is a session.
    """
    entries = sorted((root / SESSIONS).glob("session*"), key=lambda entry: int(entry.name.removeprefix("session")))
    if not entries:
        return ()
    links = parse_links(output(ADDRESSES))
    found = []
    for entry in entries:
        session, own = _from_sysfs(entry)
        card = card_of(own, links)
        gateway = (
            "" if on_link(session["address"], links) else _gateway(output(["ip", "-json", "route", "get", session["address"]]))
        )
        found.append(IscsiSession(**session, **card, gateway=gateway))
    return tuple(found)


def _from_sysfs(entry: Path) -> tuple[dict[str, Any], str]:
    """Return a session's fields in sysfs, and its local address."""
    device = (entry / "device").resolve()
    connections = sorted(device.glob("connection*/iscsi_connection/connection*"))
    connection = connections[0] if connections else device
    # The requested address; the portal may have redirected the session.
    address = read(connection / "persistent_address") or read(connection / "address")
    port = read(connection / "persistent_port") or read(connection / "port")
    group = read(entry / "tpgt")
    own = next((read(host / "ipaddress") for host in sorted(device.parent.glob("iscsi_host/host*"))), "")
    disks = sorted(disk.name for disk in device.glob("target*/*/block/*"))
    return {
        "target": read(entry / "targetname"),
        "address": address,
        "port": int(port) if port.isdigit() else 3260,
        "group": int(group) if group.isdigit() else 1,
        "disks": tuple(f"/dev/{disk}" for disk in disks),
    }, own


def parse_links(text: str) -> list[Link]:
    """Parse ``ip -json -details address``; ip(8) also prints empty objects."""
    return [link for link in json.loads(text or "[]") if link.get("ifname")]


def card_of(address: str, links: list[Link]) -> dict[str, Any]:
    """Return the interface with an address as fields of a session; empty if there is none."""
    for link in links:
        for info in link.get("addr_info", []):
            if info.get("local") == address:
                kind = link.get("linkinfo", {})
                vlan = int(kind.get("info_data", {}).get("id", 0)) if kind.get("info_kind") == "vlan" else 0
                return {
                    "card": str(link["ifname"]),
                    "mac": str(link.get("address", "")).lower(),
                    "local": f"{address}/{info['prefixlen']}",
                    "vlan": vlan,
                    "mtu": int(link.get("mtu", 1500)),
                    "leased": bool(info.get("dynamic")),
                }
    return {}


def on_link(address: str, links: list[Link]) -> bool:
    """Return whether an address is in a network of an interface."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    networks = (
        ipaddress.ip_interface(f"{info['local']}/{info['prefixlen']}").network
        for link in links
        for info in link.get("addr_info", [])
        if "local" in info
    )
    return any(parsed in network for network in networks)


def _gateway(text: str) -> str:
    """Return the router in the output of ``ip -json route get``."""
    return next((str(route["gateway"]) for route in json.loads(text or "[]") if route.get("gateway")), "")
