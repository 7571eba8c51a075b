"""Who gets a host's answers: the host alone, and only while it is armed.

Answers hold password hashes and tokens. Names such as ``HOST.yaml`` and ``mac-….yaml`` can be guessed; the boot configuration of
a host names its answers by a path that cannot. With a DHCP server of its own the server knows more: which card has an address.
"""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerfiles.inventory.install_markers import is_armed
from answerfiles.inventory.render import answers_name, split_answers_name

LEASE = re.compile(r"(\d{1,18}) ([0-9a-f]{2}(?::[0-9a-f]{2}){5}) (\d+\.\d+\.\d+\.\d+) \S+ \S+", re.ASCII)
"""A line of dnsmasq's leases: when it ends (0: never), MAC address, IPv4 address, name, client id. IPv6 lines have no MAC."""


@dataclass(frozen=True)
class Client:
    """The sender of a request.

    :param lease: the MAC address that has a lease of its address; empty for none.
    :param dhcp: whether this server assigns the addresses of its network.
    """

    address: str
    lease: str = ""
    dhcp: bool = False


@dataclass(frozen=True)
class AskedHost:
    """The host whose answers are asked for.

    :param secret: whether the path is the one of its boot configuration.
    """

    name: str
    macs: frozenset[str]
    armed: bool
    secret: bool


def refusal(host: AskedHost, client: Client) -> str:
    """Return why a client does not get the answers of a host; "" when it does."""
    if not host.armed:
        return f"{host.name} is not armed: its answers are given until its installation begins (dom0kit answers arm)"
    if client.dhcp and host.macs and ":" not in client.address:
        if client.lease in host.macs:
            return ""
        owner = f"of {client.lease}" if client.lease else "without a lease of this server"
        return f"{client.address} is an address {owner}, and {host.name} has {', '.join(sorted(host.macs))}"
    return "" if host.secret else f"the path is not the one of {host.name}'s boot configuration"


def parse_leases(text: str, now: float) -> dict[str, str]:
    """Return the MAC address of each IPv4 address that is leased, from the text of dnsmasq's leases."""
    found = {}
    for line in text.splitlines():
        if match := LEASE.fullmatch(line.strip()):
            end, mac, address = match.groups()
            if end == "0" or int(end) > now:
                found[address] = mac
    return found


def names_of(hosts: Mapping[str, Any]) -> dict[str, str]:
    """Return the host of each name by which its answers may be asked for, from a tree's listing."""
    names = {}
    for host, entry in hosts.items():
        macs = macs_of(entry)
        others = [f"{kind}-{entry[kind]}" for kind in ("uuid", "serial") if entry.get(kind)]
        for name in (host, *(f"mac-{mac.replace(':', '-')}" for mac in macs), *others):
            names[name] = host
    return names


def macs_of(entry: Mapping[str, Any]) -> list[str]:
    """Return the MAC addresses of a host in a tree's listing."""
    return [str(mac) for mac in entry.get("macs") or [entry.get("mac")] if mac]


@dataclass(frozen=True)
class Listing:
    """The hosts of a tree, and those that each name below ``answers/`` stands for.

    :param stamp: when the file was written, in nanoseconds.
    """

    stamp: int = 0
    hosts: Mapping[str, Any] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass
class AnswerAccess:
    """Decides for a tree.

    :param key: the secret that the paths are made from.
    :param leases: dnsmasq's file of leases; None when another server assigns addresses.
    """

    tree: Path
    key: bytes
    leases: Path | None = None
    _listing: Listing = field(default_factory=Listing, repr=False)

    def decide(self, name: str, address: str) -> tuple[str, str]:
        """Return the host that a file's name below ``answers/`` stands for, "" for none, and why it is refused, "" if it is not.

        The name is read and compared, never used as a path: the answers are those of ``HOST.yaml``.
        """
        listing = self._read()
        plain, token = split_answers_name(name)
        host = listing.names.get(plain, "")
        if not host or (token and plain != host):
            return "", "no such answers"
        secret = bool(token) and hmac.compare_digest(name.encode(), answers_name(self.key, host).encode())
        if token and not secret:
            return "", "no such answers"
        asked = AskedHost(host, frozenset(macs_of(listing.hosts[host])), is_armed(self.tree, host), secret)
        return host, refusal(asked, Client(address, self._lease(address), self.leases is not None))

    def hosts(self) -> Mapping[str, Any]:
        """Return the hosts of the tree, read again after the tree was rendered again."""
        return self._read().hosts

    def _read(self) -> Listing:
        path = self.tree / "hosts.json"
        try:
            stamp = path.stat().st_mtime_ns
            if stamp != self._listing.stamp:
                hosts = dict(json.loads(path.read_text())["hosts"])
                self._listing = Listing(stamp, hosts, names_of(hosts))
        except (OSError, ValueError, KeyError, TypeError):
            return Listing()
        return self._listing

    def _lease(self, address: str) -> str:
        if self.leases is None:
            return ""
        try:
            return parse_leases(self.leases.read_text(errors="replace"), time.time()).get(address, "")
        except OSError:
            return ""
