"""What is wrong with a field as it was typed, in words that say how to mend it. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError

from answerfiles import field_types

Check = Callable[[str], str]


def sentence(text: str) -> str:
    """With a capital at the beginning, unless a name or an address stands there, and a full stop at the end."""
    first = text.partition(" ")[0].rstrip(".:")
    begin = text[:1] if "." in first or ":" in first else text[:1].upper()
    return begin + text[1:] + ("" if text.endswith((".", "?")) else ".")


def kind(check: Callable[[str], Any]) -> Check:
    """The check of a field that holds one of :mod:`answerfiles.field_types`."""

    def wrong(text: str) -> str:
        try:
            check(text.strip())
        except PydanticCustomError as error:
            return sentence(error.message())
        return ""

    return wrong


def each(check: Check) -> Check:
    """The check of a field with several words."""

    def wrong(text: str) -> str:
        for word in text.replace(",", " ").split():
            if problem := check(word):
                return f"{word}: {problem}"
        return ""

    return wrong


def required(check: Check, missing: str) -> Check:
    """The check of a field that may not stay empty."""
    return lambda text: check(text) if text.strip() else missing


def host_name(text: str) -> str:
    """A host name."""
    if text.strip() != text.strip().lower():
        return f"Write it in lower case: {text.strip().lower()}"
    return kind(field_types.host_name)(text)


def vlan(text: str) -> str:
    """A VLAN, or nothing."""
    if not text.strip() or (text.strip().isdecimal() and 1 <= int(text) <= 4094):
        return ""
    return "A VLAN is a number from 1 to 4094; leave it empty for an untagged network."


def address(version: int) -> Check:
    """An address with its network's length."""
    example = "192.0.2.10/24" if version == 4 else "2001:db8::10/64"

    def wrong(text: str) -> str:
        plain = text.strip()
        if "/" not in plain:
            return f"Add the length of the network behind a slash, as {example}."
        try:
            interface = ipaddress.ip_interface(plain)
        except ValueError:
            return f"Write the address and its network's length, as {example}."
        if interface.version != version:
            return f"This is an address of IPv{interface.version}; here goes one of IPv{version}, as {example}."
        return not_a_host(interface)

    return wrong


def not_a_host(interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str:
    """Why an address cannot be a host's; empty when it can."""
    network = interface.network
    if interface.version == 4 and network.prefixlen < 31:
        if interface.ip == network.network_address:
            return f"{interface.ip} is the network itself; a host has a higher number in it."
        if interface.ip == network[-1]:
            return f"{interface.ip} is the network's broadcast address; take a lower one."
    if interface.ip.is_loopback or interface.ip.is_multicast or interface.ip.is_unspecified:
        return f"{interface.ip} cannot be a host's address in a network."
    return ""


def gateway(version: int) -> Check:
    """An address without a length."""

    def wrong(text: str) -> str:
        plain = text.strip()
        if not plain:
            return ""
        if "/" in plain:
            return "The gateway is an address alone, without slash and length."
        try:
            found = ipaddress.ip_address(plain)
        except ValueError:
            return f"Write the gateway's address, as {'192.0.2.1' if version == 4 else '2001:db8::1'}."
        return "" if found.version == version else f"This is an address of IPv{found.version}; here goes one of IPv{version}."

    return wrong


def gateway_inside(address_text: str, gateway_text: str) -> str:
    """Whether host and gateway can reach each other; both are well formed."""
    if not gateway_text:
        return ""
    interface, way = ipaddress.ip_interface(address_text), ipaddress.ip_address(gateway_text)
    if way == interface.ip:
        return "The gateway is another machine: it cannot have the host's own address."
    if way in interface.network or way.is_link_local:
        return ""
    return f"The gateway must be inside the host's network {interface.network}."


def password(text: str) -> str:
    """Why a password is refused; empty when it is strong enough."""
    # It needs libcrypt's module, which no other check does.
    from answerfiles.password import weakness  # noqa: PLC0415

    reason = weakness(text)
    return f"{sentence(reason)} Several words are strong and easy to type." if reason else ""
