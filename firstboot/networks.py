"""The management network as netplan sees it: one NIC, bound by its MAC address, in one Open vSwitch bridge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError

PORT = "mgmt0"
"""The management NIC's name on every host; kernel names change with slots and kernels."""


@dataclass(frozen=True)
class Management:
    """What the bridge needs to know; ``address`` is ``192.0.2.10/24``, or None for DHCP."""

    mac: str
    bridge: str
    address: str | None = None
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True)
class Nic:
    """A network card as the kernel has named it."""

    name: str
    mac: str


def netplan_document(management: Management) -> dict[str, Any]:
    """The netplan configuration as a value.

    The bridge bears the NIC's MAC address, in Open vSwitch's database and for networkd, so that a DHCP lease stays
    the same over boots and over guests' ports coming and going. The match cannot catch the bridge: netplan
    writes it as PermanentMACAddress, which only hardware has.
    """
    mac = management.mac.lower()
    bridge: dict[str, Any] = {
        "interfaces": [PORT],
        "macaddress": mac,
        "openvswitch": {"other-config": {"hwaddr": mac}},
        "dhcp4": management.address is None,
        "dhcp6": False,
    }
    if management.address is None:
        bridge["dhcp-identifier"] = "mac"
    else:
        bridge["addresses"] = [management.address]
        if management.gateway:
            bridge["routes"] = [{"to": "default", "via": management.gateway}]
    servers = {"addresses": list(management.dns), "search": list(management.search)}
    if filled := {key: value for key, value in servers.items() if value}:
        bridge["nameservers"] = filled
    nic = {"match": {"macaddress": mac}, "set-name": PORT, "dhcp4": False, "dhcp6": False, "link-local": []}
    return {"network": {"version": 2, "renderer": "networkd", "ethernets": {PORT: nic}, "bridges": {management.bridge: bridge}}}


def netplan_text(management: Management) -> str:
    """The netplan file. JSON is YAML, and writing it needs no YAML library to be loaded at boot."""
    comment = "# Written by dom0kit from /etc/dom0kit/host.json. To change it for good, add a file 60-*.yaml beside it.\n"
    return comment + json.dumps(netplan_document(management), indent=2) + "\n"


def bridge_command(management: Management) -> list[str]:
    """Make the bridge, its MAC address and its port in one transaction.

    netplan's unit makes them one after the other; in between the bridge has a random MAC address, and networkd may ask
    for a lease with it: the host then had another address at its first boot than at all later ones.
    """
    bridge = management.bridge
    words = ["ovs-vsctl", "--may-exist", "add-br", bridge]
    words += ["--", "set", "Bridge", bridge, f'other-config:hwaddr="{management.mac.lower()}"']
    return [*words, "--", "--may-exist", "add-port", bridge, PORT]


def read_nics(root: Path) -> list[Nic]:
    """The network cards that the kernel shows: those with hardware behind them, so neither bridges nor guests' ports."""
    nics = []
    for folder in sorted((root / "sys/class/net").glob("*")):
        if (folder / "device").exists():
            nics.append(Nic(folder.name, (folder / "address").read_text().strip().lower()))
    return nics


def find_nic(nics: Iterable[Nic], mac: str) -> Nic | None:
    """The card with this address; one that bears the management name already comes first."""
    found = sorted((nic for nic in nics if nic.mac == mac.lower()), key=lambda nic: nic.name != PORT)
    return found[0] if found else None


def rename_commands(nic: Nic) -> list[list[str]]:
    """The commands that give the card its name now; at later boots udev does it from netplan's .link file."""
    if nic.name == PORT:
        return []
    return [["ip", "link", "set", "dev", nic.name, "down"], ["ip", "link", "set", "dev", nic.name, "name", PORT]]


def missing_nic(mac: str, nics: Sequence[Nic]) -> UserError:
    """What to say when the card is not there."""
    present = ", ".join(f"{nic.name} ({nic.mac})" for nic in nics) or "none"
    return UserError(
        f"no network card has the management address {mac}; present: {present}",
        "put the card back, or set network.management.mac in /etc/dom0kit/host.json",
    )


def first_ipv4(text: str) -> str | None:
    """The first global IPv4 address in the output of ``ip -json -4 address show``."""
    try:
        links = json.loads(text or "[]")
    except ValueError:
        return None
    for link in links:
        for address in link.get("addr_info", []):
            if address.get("family") == "inet" and address.get("scope") == "global":
                return str(address["local"])
    return None
