"""Configuration of a lab network (network, tree, run folder), and checks before anything is started."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from answerfiles.inventory import install_markers
from dom0kit.errors import UserError

Network = ipaddress.IPv4Interface
NEEDED = ("boot/pxe-bios.0", "boot/netx64.efi", "boot/grub.cfg", "boot/boot.ipxe", "hosts.json")


@dataclass(frozen=True)
class Lab:
    """Everything that the servers' settings are made from.

    :param url: where hosts find the tree, without a slash at its end.
    :param network: the server's address on the interface with the network's length.
    :param first: the first address that DHCP assigns; None for proxy DHCP in addition to another server.
    :param ipv6: a prefix of 64 bits for router advertisements and DHCPv6.
    :param answers_url: what DHCP option 224 says.
    :param ipxe: whether an iPXE that asks gets the script; otherwise GRUB as any other.
    :param tftp: whether there is TFTP, and PXE that needs it; without it UEFI HTTP boot and iPXE are left.
    :param https_port: where HTTPS is offered; None for not at all.
    """

    tree: Path
    run: Path
    interface: str
    url: str
    network: Network
    first: ipaddress.IPv4Address | None = None
    last: ipaddress.IPv4Address | None = None
    ipv6: ipaddress.IPv6Network | None = None
    answers_url: str = ""
    ipxe: bool = True
    tftp: bool = True
    port: int = 80
    https_port: int | None = None

    @property
    def address(self) -> str:
        """The server's address."""
        return str(self.network.ip)

    @property
    def prefix(self) -> str:
        """The path at the end of the URL: ``/dom0kit`` or nothing."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def socket(self) -> Path:
        """Return the socket that the receiver listens on."""
        return self.run / "receiver"


def read_hosts(tree: Path) -> dict[str, Any]:
    """Read the tree's ``hosts.json``.

    :raises UserError: when the folder is no tree, or one of the old scheme.
    """
    install_markers.refuse_old_tree(tree)
    missing = [name for name in NEEDED if not (tree / name).is_file()]
    if missing:
        raise UserError(
            f"{tree} is no network-boot tree: it has no {missing[0]}",
            "make it with: dom0kit answers render INVENTORY -o DIR --url URL",
        )
    try:
        whole = json.loads((tree / "hosts.json").read_text())
        assert isinstance(whole["hosts"], dict)
        str(whole["url"])
    except (OSError, ValueError, KeyError, AssertionError, TypeError) as error:
        raise UserError(f"{tree}/hosts.json is damaged", "make the tree again: dom0kit answers render") from error
    return dict(whole)


def interface_network(text: str, interface: str, wanted: str) -> Network:
    """Return the interface's IPv4 address from ``ip -j address show dev IF``: the URL's, or the first.

    :raises UserError: when it has none, or not the one that the URL names.
    """
    found = [
        ipaddress.IPv4Interface(f"{entry['local']}/{entry['prefixlen']}")
        for link in json.loads(text or "[]")
        for entry in link.get("addr_info", [])
        if entry.get("family") == "inet"
    ]
    if not found:
        raise UserError(f"{interface} has no IPv4 address", f"give it one: ip address add 192.0.2.1/24 dev {interface}")
    try:
        address = ipaddress.ip_address(wanted)
    except ValueError:
        return found[0]
    if isinstance(address, ipaddress.IPv6Address):
        return found[0]
    for network in found:
        if network.ip == address:
            return network
    have = ", ".join(str(network.ip) for network in found)
    raise UserError(
        f"the tree's URL names {wanted}, and {interface} has {have}",
        "render the tree with --url of this server, or choose another --interface",
    )


def dhcp_range(text: str, network: Network) -> tuple[ipaddress.IPv4Address, ipaddress.IPv4Address] | None:
    """``proxy`` gives None, ``FIRST,LAST`` the two addresses.

    :raises UserError: when they are no range within the network.
    """
    if text == "proxy":
        return None
    hint = "write --dhcp proxy, or --dhcp FIRST,LAST as --dhcp 192.0.2.100,192.0.2.199"
    try:
        first, last = (ipaddress.IPv4Address(part.strip()) for part in text.split(","))
    except ValueError as error:
        raise UserError(f"--dhcp {text} is neither proxy nor two addresses", hint) from error
    if first not in network.network or last not in network.network or first > last:
        raise UserError(f"--dhcp {text} is no range within {network.network}", hint)
    if first <= network.ip <= last:
        raise UserError(f"--dhcp {text} holds this server's own address {network.ip}", hint)
    return first, last


def ports(lab: Lab) -> list[tuple[str, int, str]]:
    """Return the ports that must be free, as protocol, number and service."""
    wanted = [("udp", 67, "DHCP"), ("tcp", lab.port, "HTTP")]
    wanted += [("udp", 69, "TFTP")] if lab.tftp else []
    wanted += [("udp", 4011, "proxy DHCP")] if lab.first is None else []
    wanted += [("tcp", lab.https_port, "HTTPS")] if lab.https_port else []
    return wanted


def readable_problem(path: Path, modes: Iterable[tuple[Path, int]]) -> str:
    """Return why the servers' users cannot read the tree, or "".

    :param modes: the permission bits of the path and all folders above it.
    """
    for folder, mode in modes:
        if not mode & 0o001:
            return f"the servers do not run as root and could not read {path}: {folder} is closed to others"
    return ""
