"""Validators of input fields: return what is wrong and how to correct it, "" if valid (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError

from answerfiles import field_types

Check = Callable[[str], str]


def sentence(text: str) -> str:
    """Return text as a sentence: capitalized unless it begins with a name or address, and punctuated."""
    first = text.partition(" ")[0].rstrip(".:")
    begin = text[:1] if "." in first or ":" in first else text[:1].upper()
    return begin + text[1:] + ("" if text.endswith((".", "?")) else ".")


def kind(check: Callable[[str], Any]) -> Check:
    """Return the validator of a field that holds one of :mod:`answerfiles.field_types`."""

    def problem(text: str) -> str:
        try:
            check(text.strip())
        except PydanticCustomError as error:
            return sentence(error.message())
        return ""

    return problem


def each(check: Check) -> Check:
    """Return the validator of a field with several words."""

    def problem_of_words(text: str) -> str:
        for word in text.replace(",", " ").split():
            if problem := check(word):
                return f"{word}: {problem}"
        return ""

    return problem_of_words


def required(check: Check, missing: str) -> Check:
    """Return the validator of a field that must not be empty."""
    return lambda text: check(text) if text.strip() else missing


def host_name(text: str) -> str:
    """Validate a host name."""
    if text.strip() != text.strip().lower():
        return f"Use lower case: {text.strip().lower()}"
    return kind(field_types.host_name)(text)


def vlan(text: str) -> str:
    """Validate a VLAN ID; it may be empty."""
    if not text.strip() or (text.strip().isdecimal() and 1 <= int(text) <= 4094):
        return ""
    return "The VLAN must be a number from 1 to 4094, or empty for an untagged network."


def address(version: int) -> Check:
    """Return the validator of an address with a prefix length."""
    example = "192.0.2.10/24" if version == 4 else "2001:db8::10/64"

    def problem(text: str) -> str:
        plain = text.strip()
        if "/" not in plain:
            return f"The prefix length is missing; write for example {example}."
        try:
            interface = ipaddress.ip_interface(plain)
        except ValueError:
            return f"This is not an address with a prefix length; write for example {example}."
        if interface.version != version:
            return f"This is an IPv{interface.version} address; enter an IPv{version} address such as {example}."
        return not_a_host(interface)

    return problem


def not_a_host(interface: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str:
    """Return why an address cannot be assigned to a host; "" if it can."""
    network = interface.network
    if interface.version == 4 and network.prefixlen < 31:
        if interface.ip == network.network_address:
            return f"{interface.ip} is the network address; choose a higher address."
        if interface.ip == network[-1]:
            return f"{interface.ip} is the broadcast address; choose a lower address."
    if interface.ip.is_loopback or interface.ip.is_multicast or interface.ip.is_unspecified:
        return f"{interface.ip} cannot be assigned to a host."
    return ""


def gateway(version: int) -> Check:
    """Return the validator of an address without a prefix length; it may be empty."""

    def problem(text: str) -> str:
        plain = text.strip()
        if not plain:
            return ""
        if "/" in plain:
            return "Enter the gateway without a prefix length."
        try:
            found = ipaddress.ip_address(plain)
        except ValueError:
            return f"This is not an address; write for example {'192.0.2.1' if version == 4 else '2001:db8::1'}."
        return "" if found.version == version else f"This is an IPv{found.version} address; enter an IPv{version} address."

    return problem


def gateway_inside(address_text: str, gateway_text: str) -> str:
    """Return why a host cannot reach its gateway; both must be well formed."""
    if not gateway_text:
        return ""
    interface, router = ipaddress.ip_interface(address_text), ipaddress.ip_address(gateway_text)
    if router == interface.ip:
        return "The gateway must not be the host's own address."
    if router in interface.network or router.is_link_local:
        return ""
    return f"The gateway must be in the host's network {interface.network}."


def password(text: str) -> str:
    """Return why a password is rejected; "" if it is strong enough."""
    # Imported here: it needs libcrypt's module, which no other validator does.
    from answerfiles.password import weakness  # noqa: PLC0415

    reason = weakness(text)
    return f"{sentence(reason)} Several words are strong and easy to type." if reason else ""
