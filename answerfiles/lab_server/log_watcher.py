"""Translate the servers' logs and the hosts' reports into messages for the user."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from answerfiles.lab_server.log_rotation import LARGEST, rotate
from dom0kit.units import human_bytes
from dom0kit.untrusted.text import printable

LEASE = re.compile(r"dnsmasq-dhcp\S*: (?:\d+ )?DHCPACK\(\S+\) (\S+) ([0-9a-f:]{17})")
PROXY = re.compile(r"dnsmasq-dhcp\S*: (?:\d+ )?PXE\(\S+\) (?:\S+ )?([0-9a-f:]{17}) (\S+)")
SENT = re.compile(r"dnsmasq-tftp\S*: sent (\S+) to (\S+)")
TROUBLE = re.compile(r"dnsmasq\S*: (.*(?:failed|error|cannot|refused|no address range).*)")
CLOSED = re.compile(r"error 0 \S* ?closed received|error 8 |error 0 TFTP Aborted", re.I)
"""Boot loaders ask for a file's size and hang up."""
ACCESS = re.compile(r"\S+ (\S+) (\S+) (\S+) (\d{3}) (\d{1,18}) (\S+)", re.ASCII)
QUIET = re.compile(r"/(?:boot/hosts|boot/x86_64-efi|boot/i386-pc|armed|report|unproven)/.*")
"""Files that are requested only to see whether they exist, or that the receiver reports itself."""
ANSWERS = re.compile(r"(/answers/.+)\.[0-9a-f]{32}(\.yaml)")
"""The path of a host's answers, which is worth them."""


class Names:
    """Hosts by MAC address, and MAC addresses by the IP address that they were given."""

    def __init__(self, hosts: dict[str, Any], tree: Path) -> None:
        self.by_mac = {str(host["mac"]): name for name, host in hosts.items() if host.get("mac")}
        self.by_address: dict[str, str] = {}
        self.tree = f"{tree}/"

    def host(self, mac: str) -> str:
        """Return the host's name, or that it is unknown."""
        return self.by_mac.get(mac, "not in the inventory")

    def client(self, address: str) -> str:
        """Return an IP address with the host's name if it is known."""
        mac = self.by_address.get(address)
        return f"{address} {self.host(mac)}" if mac else address


def dnsmasq_line(line: str, names: Names) -> str | None:
    """Translate a line of dnsmasq's log into a message for the user; None for lines without interest."""
    if found := LEASE.search(line):
        address, mac = found.groups()
        names.by_address[address] = mac
        return f"{address} given to {mac}, {names.host(mac)}"
    if found := PROXY.search(line):
        mac, file = found.groups()
        return f"{mac}, {names.host(mac)}, is sent {file} to boot" if file != "proxy" else None
    if found := SENT.search(line):
        file, address = found.groups()
        return f"{names.client(address)} fetched {file.removeprefix(names.tree)} by TFTP"
    if (found := TROUBLE.search(line)) and not CLOSED.search(line):
        return f"dnsmasq: {found[1]}"
    return None


def access_line(line: str, names: Names) -> str | None:
    """Translate a line of nginx's access log into a message for the user; None for lines without interest."""
    found = ACCESS.fullmatch(line.strip())
    if not found:
        return None
    address, method, path, status, size, _ = found.groups()
    path = ANSWERS.sub(r"\1\2", path.replace("/granted/", "/answers/", 1))
    if QUIET.fullmatch(path) and not status.startswith("5"):
        return None
    if status == "403" and path.startswith("/answers/"):
        return None  # the receiver prints the reason
    if status not in ("200", "206"):
        return f"{names.client(address)} asked for {path}: HTTP status {status}"
    return f"{names.client(address)} fetched {path.lstrip('/')}, {human_bytes(int(size))}" if method == "GET" else None


def event_line(host: str, event: dict[str, Any]) -> str | None:
    """Translate a report into a message for the user; steps and progress are in the host's file only."""
    doubt = "" if event.get("proven") else " (without its token)"
    source = event.get("source", "")
    kind = event["event"]
    text = printable(event.get("text", ""))
    if kind in ("started", "finished"):
        return f"{host}: {source} {kind}{f': {text}' if text and kind == 'finished' else ''}{doubt}"
    if kind == "writing":
        return f"{host}: begins to install and is no longer armed: {text}"
    if kind == "failed":
        return f"{host}: {source} FAILED{doubt}: {text}"
    if kind == "retrying":
        return f"{host}: {source} {printable(event.get('name', ''))}{doubt}: {printable(event.get('error', ''))}; {text}"
    others = {
        "refused": f"{host}: its answers were refused to {event.get('address', '')}: {text}",
        "bundle": f"{host}: logs are in {event.get('file', '')}{doubt}",
    }
    return others.get(kind)


class Tail:
    """The new lines of a growing file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path.stat().st_size if path.exists() else 0

    def lines(self) -> list[str]:
        """Return the whole lines since the last call."""
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self.place)
            data = file.read()
        end = data.rfind(b"\n") + 1
        self.place += end
        return data[:end].decode(errors="replace").splitlines()

    def rotate(self, largest: int = LARGEST) -> None:
        """Set the file aside if it is large, and go on at its new beginning; its last line so far must have been read."""
        if rotate(self.path, largest):
            self.place = 0


MOST_LINES = 20
QUOTA_SECONDS = 60.0
"""Period in which strangers cause a limited number of lines on the terminal.

Kind: pace. Reason: people read the output. Expiry: lines are shown again.
"""


class Quota:
    """Limits how many lines strangers cause: a terminal that scrolls away is as useless as a forged one.

    :param most: lines in each period, after which one says that others are not shown.
    """

    def __init__(
        self, most: int = MOST_LINES, seconds: float = QUOTA_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._begin, self._count = clock(), 0

    def __call__(self, line: str | None) -> str | None:
        """Return the line, a line instead of it, or None."""
        if line is None:
            return None
        if self._clock() - self._begin >= self._seconds:
            self._begin, self._count = self._clock(), 0
        self._count += 1
        if self._count <= self._most:
            return line
        more = f"more messages of this kind are not shown for {self._seconds:.0f} s; access.log and reports/ have them"
        return more if self._count == self._most + 1 else None
