"""Additional kernel arguments of a host, and the length of the line that they become part of."""

from __future__ import annotations

import ipaddress
import re

KEPT = 2047
"""Characters of its command line that Linux keeps on x86 (COMMAND_LINE_SIZE, with the zero at its end)."""
OURS = frozenset(
    {"boot", "initrd", "BOOT_IMAGE"} | {f"dom0kit.{name}" for name in ("answers", "armed", "image", "mode", "report", "trust")}
)
"""Arguments that rendering sets; of two the last would count."""
TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}")
FORBIDDEN = frozenset("\"'\\$;{}<>|&")
MAC = "[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"
BOND = re.compile(f"(?:lacp|active-backup):({MAC}(?:,{MAC})*)")
PART = re.compile(r"\[([^]]*)\]|([^:]*)")
"""A part of ``ip=``: an IPv6 address is in brackets."""


def argument_problem(value: object) -> tuple[str, str] | None:
    """Return code and text of what is wrong with ``boot_arguments`` as an inventory has them; None when nothing is.

    Templates in it may have any characters: what they make of them is checked by :func:`line_problem`.
    """
    if not isinstance(value, str) or not value.isprintable() or set(TEMPLATE.sub("", value)) & FORBIDDEN:
        return "boot-arguments", "allowed: kernel arguments on one line, without quotes and the characters $ ; < > | & \\"
    return None


def line_problem(arguments: str, host: str, url: str, *, report: str, consoles: str, trust: str) -> tuple[str, str] | None:
    """Return code and text of what is wrong with a host's computed arguments; None when nothing is.

    :param url: where the tree is served.
    :param report: where the host reports.
    """
    if set(arguments) & FORBIDDEN or not arguments.isprintable():
        return "boot-arguments", "allowed: kernel arguments on one line, without quotes and the characters $ ; { } < > | & \\"
    names = [word.partition("=")[0] for word in arguments.split()]
    for name in names:
        if name in OURS:
            return "boot-arguments", f"found '{name}', which the boot configuration sets itself; leave it out"
    if wrong := network_problem(arguments.split()):
        return "boot-arguments", wrong
    image = f"{url}/images/{'0' * 16}"
    line = " ".join(
        [
            f"BOOT_IMAGE=(http,{url.partition('://')[2]})/images/{'0' * 16}/vmlinuz boot=dom0kit dom0kit.image={image}",
            f"dom0kit.mode=install dom0kit.armed=20260101T000000.000Z dom0kit.answers={url}/answers/{host}.{'0' * 32}.yaml",
            f"dom0kit.report={report} dom0kit.trust=sha256:{trust} {consoles} {arguments} retain_initrd",
        ]
    )
    if len(line) > KEPT:
        most = KEPT - (len(line) - len(arguments))
        text = f"found {len(arguments)} characters; allowed: at most {max(most, 0)}, since Linux keeps {KEPT} of the whole line"
        return "boot-arguments-length", text
    return None


def network_problem(words: list[str]) -> str:
    """Return what is wrong with the arguments for VLAN, bond and fixed address of the live root; "" when nothing is.

    The live root would stop the boot for them, or ask by DHCP in place of a fixed address.
    """
    for word in words:
        name, _, value = word.partition("=")
        if name == "dom0kit.vlan" and not (re.fullmatch("[1-9][0-9]{0,3}", value) and int(value) <= 4094):
            return f"found '{word}'; allowed: a VLAN from 1 to 4094"
        if name == "dom0kit.bond":
            found = BOND.fullmatch(value)
            macs = found.group(1).lower().replace("-", ":").split(",") if found else []
            if not macs or len(set(macs)) != len(macs):
                return f"found '{word}'; allowed: dom0kit.bond=lacp:MAC,MAC or active-backup:MAC,MAC, each card once"
        if name == "ip" and (":" in value or "[" in value) and not _fixed_address(value):
            return (
                f"found '{word}'; allowed: ip=ADDRESS::GATEWAY:MASK:NAME:CARD:none:DNS:DNS with IPv6 addresses in brackets, "
                "such as ip=[2001:db8::5]::[2001:db8::1]:64"
            )
    return ""


def _fixed_address(value: str) -> bool:
    """Return whether the parts of ``ip=`` are addresses of one family and a mask, as scripts/dom0kit-fixed reads them."""
    parts: list[str] = []
    rest = value
    while True:
        found = PART.match(rest)
        assert found
        parts.append(found.group(1) if found.group(1) is not None else found.group(2))
        rest = rest[found.end() :]
        if not rest:
            break
        if rest[0] != ":":
            return False
        rest = rest[1:]
    address, _, gateway, mask, _, _, _, *dns = (*parts, *[""] * 7)[: max(len(parts), 7)]
    try:
        network = ipaddress.ip_interface(f"{address}/{mask}" if mask else address)
        gateways = [ipaddress.ip_address(gateway)] if gateway else []
        for server in dns[:2]:
            if server:
                ipaddress.ip_address(server)
    except ValueError:
        return False
    return "/" not in address and len(parts) <= 9 and all(found.version == network.version for found in gateways)
