"""The management interface of a XenServer answer file, and the services on it."""

from __future__ import annotations

import ipaddress
import re

from answerfiles.error_messages import found
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.xml_tree import Element
from answerfiles.yaml_positions import Path

MANAGEMENT: Path = ("network", "management")


def carry(notes: Notes) -> None:
    """Convert the management interface, DNS and the network back end."""
    interface = notes.first("admin-interface")
    if interface is None:
        notes.wrong(notes.root, "admin-interface is missing: the management network", breaks=MANAGEMENT)
    else:
        _card(notes, interface)
        _ipv4(notes, interface)
        _ipv6(notes, interface)
        _vlan(notes, interface)
    for index, server in enumerate(notes.all("name-server")):
        notes.put((*MANAGEMENT, "dns", index), server.text, server)
    backend = notes.first("network-backend")
    if backend is not None and notes.word(backend, ("openvswitch", "vswitch", "bridge")) == "bridge":
        notes.warn(backend, "'bridge' becomes Open vSwitch: dom0kit's bridges are made by nothing else")
    for element in notes.all("fcoe-interface"):
        notes.wrong(element, "FCoE is not supported; Fibre Channel, iSCSI and multipath are")


def _card(notes: Notes, interface: Element) -> None:
    name, mac = interface.attributes.get("name"), interface.attributes.get("hwaddr")
    if (name is None) == (mac is None):
        notes.wrong(interface, "exactly one of name and hwaddr says which network card it is")
    elif mac is not None:
        notes.put((*MANAGEMENT, "mac"), mac, interface, "hwaddr")
    elif name is not None:
        notes.put((*MANAGEMENT, "nic", "name"), name, interface, "name")
        if re.fullmatch(r"eth\d+", name):
            notes.warn(
                interface,
                f"{name} is the name under XenServer; Debian names cards otherwise, as eno1; hwaddr is sure",
                attribute="name",
            )


def _children(notes: Notes, interface: Element, *names: str) -> Element | None:
    there = [child for child in interface.children if child.name in names]
    for again in there[1:]:
        if again.name != there[0].name:
            notes.wrong(again, f"the old and the new name of the same: {there[0].name} is there already")
    return there[0] if there else None


def _vlan(notes: Notes, interface: Element) -> None:
    vlan = interface.attributes.get("vlan")
    if vlan is None:
        return
    if re.fullmatch(r"[0-9]{1,9}", vlan):
        notes.put((*MANAGEMENT, "vlan"), int(vlan), interface, "vlan")
    else:
        notes.wrong(interface, f"found {found(vlan)}; allowed: a number from 1 to 4094", attribute="vlan")


def _ipv4(notes: Notes, interface: Element) -> None:
    path: Path = (*MANAGEMENT, "ipv4")
    before = len(notes.problems)
    address = _children(notes, interface, "ipaddr", "ip")
    subnet = _children(notes, interface, "subnet", "subnet-mask")
    gateway = _children(notes, interface, "gateway")
    proto = notes.choice(interface, "proto", ("static", "dhcp", "none"), required=True)
    if proto is None or len(notes.problems) > before:
        notes.broken.add(MANAGEMENT)
        return
    if proto != "static":
        notes.put(path, proto, interface, "proto")
        for element in (address, subnet, gateway):
            if element is not None:
                notes.wrong(element, f"not with proto '{proto}', only with 'static'")
        return
    if address is None or subnet is None or gateway is None:
        given = {"ipaddr": address, "subnet": subnet, "gateway": gateway}
        absent = ", ".join(name for name, element in given.items() if element is None)
        notes.wrong(interface, f"proto 'static' wants ipaddr, subnet and gateway; missing: {absent}", breaks=path)
        return
    length = prefix_length(subnet.text)
    if length is None:
        notes.wrong(subnet, f"found {found(subnet.text)}; allowed: a network mask, as 255.255.255.0", breaks=path)
        return
    try:
        ipaddress.IPv4Address(address.text)
    except ValueError:
        notes.wrong(address, f"found {found(address.text or None)}; allowed: an IPv4 address, as 192.0.2.10", breaks=path)
        return
    notes.put((*path, "address"), f"{address.text}/{length}", address)
    notes.put((*path, "gateway"), gateway.text, gateway)


def prefix_length(mask: str) -> int | None:
    """Return the prefix length of a mask such as 255.255.255.0; None for a mask with gaps."""
    if not re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", mask) or any(int(part) > 255 for part in mask.split(".")):
        return None
    bits = "".join(f"{int(part):08b}" for part in mask.split("."))
    return bits.count("1") if "01" not in bits else None


def _ipv6(notes: Notes, interface: Element) -> None:
    path: Path = (*MANAGEMENT, "ipv6")
    address, gateway = _children(notes, interface, "ipv6"), _children(notes, interface, "gatewayv6")
    if "protov6" in interface.attributes:
        proto = notes.choice(interface, "protov6", ("static", "dhcp", "autoconf", "none"))
        if proto is None:
            notes.broken.add(MANAGEMENT)
            return
    else:
        proto = "none"
    if proto != "static":
        if "protov6" in interface.attributes:
            notes.put(path, proto, interface, "protov6")
        for element in (address, gateway):
            if element is not None:
                notes.wrong(element, f"not with protov6 '{proto}', only with 'static'")
        return
    if address is None:
        notes.wrong(interface, "protov6 'static' wants ipv6, as 2001:db8::10/64", attribute="protov6", breaks=path)
        return
    notes.put((*path, "address"), address.text, address)
    if gateway is not None:
        notes.put((*path, "gateway"), gateway.text, gateway)
