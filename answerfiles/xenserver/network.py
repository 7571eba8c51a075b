"""The management interface of a XenServer answer file, and the services on it."""

from __future__ import annotations

import ipaddress
import re

from answerfiles.error_messages import found
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.xml_tree import Element
from answerfiles.yaml_positions import Path

MANAGEMENT: Path = ("network", "management")
SEPARATOR = re.compile(r"[\s,;]+")
ETH = re.compile(r"eth\d+")
MADE = re.compile(r"(?:xenbr|virbr|br|ovs|vif|tap|tun|docker|dummy|wg|wlan|veth)-?\d[\d.]*|br-\w+|ovs-system|lo|xapi\w*")
TAGGED = re.compile(r"\w+\.\d{1,4}|vlan\d{1,4}")


def carry(notes: Notes) -> None:
    """Convert the management interface, DNS and the network back end."""
    interface = notes.first("admin-interface")
    if interface is None:
        text = "admin-interface is missing: the management network"
        notes.wrong(notes.root, text, codes.MISSING, hint="add <admin-interface name='eth0' proto='dhcp'/>", breaks=MANAGEMENT)
    else:
        _card(notes, interface)
        _ipv4(notes, interface)
        _ipv6(notes, interface)
        _vlan(notes, interface)
    for index, (element, server) in enumerate(each_word(notes, notes.all("name-server"))):
        notes.put((*MANAGEMENT, "dns", index), server, element)
    backend = notes.first("network-backend")
    if backend is not None and notes.word(backend, ("openvswitch", "vswitch", "bridge")) == "bridge":
        notes.warn(backend, "'bridge' becomes Open vSwitch: dom0kit's bridges are made by nothing else", codes.CHANGED)
    for element in notes.all("fcoe-interface"):
        text = "FCoE is not supported; Fibre Channel, iSCSI and multipath are"
        notes.wrong(element, text, codes.UNSUPPORTED, hint="remove it")


def each_word(notes: Notes, elements: list[Element]) -> list[tuple[Element, str]]:
    """Return every entry of elements that hold one each, or several between commas or blanks; entries once."""
    words: dict[str, Element] = {}
    for element in elements:
        inside = [word for word in SEPARATOR.split(element.text) if word]
        if not inside:
            notes.warn(element, "left out: it is empty", codes.IGNORED)
        elif len(inside) > 1:
            notes.warn(element, f"{len(inside)} in one element are read as if each had its own", codes.CHANGED)
        for word in inside:
            words.setdefault(word, element)
    return [(element, word) for word, element in words.items()]


def _card(notes: Notes, interface: Element) -> None:
    name, mac = interface.attributes.get("name"), interface.attributes.get("hwaddr")
    if mac is not None:
        notes.put((*MANAGEMENT, "mac"), mac, interface, "hwaddr")
        if name is not None:
            text = f"{found(name)} is left out: hwaddr says for sure which network card it is"
            notes.warn(interface, text, codes.IGNORED, attribute="name")
    elif name is None:
        text = "name or hwaddr is missing, which says which network card it is"
        notes.wrong(interface, text, codes.MISSING, hint="add hwaddr, the card's MAC address", breaks=MANAGEMENT)
    elif why := _no_card(name):
        text = f"found {found(name)}; {why[0]}"
        notes.wrong(interface, text, codes.CARD, attribute="name", hint=why[1], breaks=MANAGEMENT)
    elif name == "eth0":
        text = (
            "eth0 is XenServer's name of the first card; the machine's only card is taken, and with several the "
            "installer refuses; hwaddr is sure"
        )
        notes.warn(interface, text, codes.KERNEL_NAME, attribute="name")
    else:
        notes.put((*MANAGEMENT, "nic", "name"), name, interface, "name")
        if ETH.fullmatch(name):
            text = f"{name} is the name under XenServer; Debian names cards otherwise, as eno1; hwaddr is sure"
            notes.warn(interface, text, codes.KERNEL_NAME, attribute="name")


def _no_card(name: str) -> tuple[str, str] | None:
    """Return why a name cannot be a network card's, and what to do; None when it can."""
    lower = name.lower()
    if re.fullmatch(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}", lower):
        return "a MAC address", f"write hwaddr='{name}' in place of name"
    if lower.startswith(("bond", "team")) and lower.rstrip("0123456789.") in ("bond", "team"):
        return "a bond, which is made of cards", "give hwaddr of one card here, or network.management.bond with all in YAML"
    if TAGGED.fullmatch(lower):
        return "a card's VLAN", "give hwaddr of the card, and the number in vlan"
    if MADE.fullmatch(lower):
        return "made by the host, no network card", "give hwaddr, the card's MAC address"
    if lower != name and (ETH.fullmatch(lower) or re.fullmatch(r"en[a-z]\w*|em\d+|p\d+p\d+", lower)):
        return "names of cards are in lower case", f"write {lower}"
    return None


def _vlan(notes: Notes, interface: Element) -> None:
    vlan = interface.attributes.get("vlan")
    if vlan is None:
        return
    if re.fullmatch(r"[0-9]{1,9}", vlan):
        notes.put((*MANAGEMENT, "vlan"), int(vlan), interface, "vlan")
    else:
        notes.wrong(interface, f"found {found(vlan)}; allowed: a number from 1 to 4094", codes.VALUE, attribute="vlan")


def _child(interface: Element, name: str) -> Element | None:
    return next((child for child in interface.children if child.name == name), None)


def _unused(notes: Notes, elements: tuple[Element | None, ...], attribute: str, proto: str) -> None:
    """Warn about addresses that the installers do not read either; empty ones are in every template."""
    for element in elements:
        if element is not None and element.text:
            notes.warn(element, f"left out: {attribute} is '{proto}', and only 'static' has addresses", codes.IGNORED)


def _ipv4(notes: Notes, interface: Element) -> None:
    path: Path = (*MANAGEMENT, "ipv4")
    address, subnet, gateway = (_child(interface, name) for name in ("ipaddr", "subnet", "gateway"))
    proto = notes.choice(interface, "proto", ("static", "dhcp", "none"), required=True, breaks=MANAGEMENT)
    if proto is None:
        return
    if proto != "static":
        notes.put(path, proto, interface, "proto")
        _unused(notes, (address, subnet, gateway), "proto", proto)
        return
    given = {"ipaddr": address, "subnet": subnet, "gateway": gateway}
    absent = [name for name, element in given.items() if element is None or (not element.text and name != "gateway")]
    if absent:
        text = f"proto 'static' wants ipaddr, subnet and gateway; missing: {', '.join(absent)}"
        notes.wrong(interface, text, codes.MISSING, hint="add them, or write proto='dhcp'", breaks=path)
        return
    assert address is not None
    assert subnet is not None
    assert gateway is not None
    length = prefix_length(subnet.text)
    if length is None:
        text = f"found {found(subnet.text)}; allowed: a network mask, as 255.255.255.0"
        notes.wrong(subnet, text, codes.VALUE, breaks=path)
        return
    try:
        ipaddress.IPv4Address(address.text)
    except ValueError:
        text = f"found {found(address.text or None)}; allowed: an IPv4 address, as 192.0.2.10"
        notes.wrong(address, text, codes.VALUE, breaks=path)
        return
    notes.put((*path, "address"), f"{address.text}/{length}", address)
    if gateway.text:
        notes.put((*path, "gateway"), gateway.text, gateway)
    else:
        notes.warn(gateway, "empty: the host has no default gateway", codes.CHANGED)


def prefix_length(mask: str) -> int | None:
    """Return the prefix length of a mask such as 255.255.255.0; None for a mask with gaps."""
    if not re.fullmatch(r"\d{1,3}(?:\.\d{1,3}){3}", mask) or any(int(part) > 255 for part in mask.split(".")):
        return None
    bits = "".join(f"{int(part):08b}" for part in mask.split("."))
    return bits.count("1") if "01" not in bits else None


def _ipv6(notes: Notes, interface: Element) -> None:
    path: Path = (*MANAGEMENT, "ipv6")
    address, gateway = _child(interface, "ipv6"), _child(interface, "gatewayv6")
    proto = notes.choice(interface, "protov6", ("static", "dhcp", "autoconf", "none"))
    if proto is None and "protov6" in interface.attributes:
        notes.broken.add(MANAGEMENT)
        return
    if proto != "static":
        if proto is not None:
            notes.put(path, proto, interface, "protov6")
        _unused(notes, (address, gateway), "protov6", proto or "none")
        return
    if address is None or not address.text:
        text = "protov6 'static' wants ipv6, as 2001:db8::10/64"
        notes.wrong(interface, text, codes.MISSING, attribute="protov6", breaks=path)
        return
    notes.put((*path, "address"), address.text, address)
    if gateway is not None and gateway.text:
        notes.put((*path, "gateway"), gateway.text, gateway)
