"""``dom0ctl ports``: the sockets that this host listens on, compared with the list of the image."""

from __future__ import annotations

import argparse
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from dom0kit.process import QUERY_SECONDS
from firstboot.firewall.listeners import HOST, LISTENERS, Listener, listener_at
from firstboot.firewall.ruleset import DROP_INS, TABLE
from firstboot.host import Host

if TYPE_CHECKING:
    from dom0kit.cli import Add

SOCKETS = ["ss", "--no-header", "--numeric", "--listening", "--tcp", "--udp", "--processes"]
ADDITIONAL = "not a service of the image"
REFUSED = f"this host, and whom {DROP_INS} allows"
LOOPBACK = ("127.", "[::1]", "[::ffff:127.")


@dataclass(frozen=True)
class Socket:
    """A listening socket.

    :ivar address: as ss(8) prints it, with an IPv6 address in brackets, and without the interface.
    :ivar program: "" when it is not known, as for users other than root and for sockets of the kernel.
    """

    protocol: str
    address: str
    port: int
    program: str

    @property
    def on_loopback(self) -> bool:
        """Whether only programs on this host reach it, with or without a firewall."""
        return self.address.startswith(LOOPBACK)


@dataclass(frozen=True)
class Row:
    """A line of the list.

    :ivar open_to: who may reach it.
    :ivar addresses: what it listens on now; empty when it does not.
    """

    ports: str
    protocol: str
    open_to: str
    addresses: tuple[str, ...]
    programs: tuple[str, ...]
    purpose: str


def sockets(text: str) -> list[Socket]:
    """Read the output of :data:`SOCKETS`; what cannot be read is left out."""
    found = []
    for line in text.splitlines():
        words = line.split(None, 6)
        if len(words) < 6 or words[0] not in ("tcp", "udp"):
            continue
        address, _, port = words[4].rpartition(":")
        if port.isdecimal():
            program = re.search(r'users:\(\("([^"]*)"', words[6]) if len(words) > 6 else None
            found.append(Socket(words[0], address.partition("%")[0], int(port), program[1] if program else ""))
    return found


def rows(found: Iterable[Socket], listeners: Sequence[Listener] = LISTENERS) -> list[Row]:
    """Return a line for each listener of the image, then one for each other port that something listens on."""
    found = list(found)
    lines = [_row(x.ports, x.protocol, x.reach, [s for s in found if x.holds(s.protocol, s.port)], x.purpose) for x in listeners]
    others = sorted({(s.port, s.protocol) for s in found if listener_at(s.protocol, s.port) is None})
    for port, protocol in others:
        of_port = [s for s in found if (s.port, s.protocol) == (port, protocol)]
        reach = HOST if all(s.on_loopback for s in of_port) else REFUSED
        lines.append(_row(str(port), protocol, reach, of_port, ADDITIONAL))
    return lines


def _row(ports: str, protocol: str, open_to: str, found: Sequence[Socket], purpose: str) -> Row:
    names = tuple(sorted({s.program for s in found} - {""}))
    return Row(ports, protocol, open_to, tuple(sorted({s.address for s in found})), names, purpose)


def members(table: str) -> list[str]:
    """Return the addresses in the sets of members of ``nft list table``."""
    return [word for body in re.findall(r"elements = \{([^}]*)\}", table) for word in re.split(r"[,\s]+", body) if word]


def table_text(lines: Sequence[Row], state: str) -> str:
    """Return the list for a terminal."""
    cells = [("PORT", "PROTOCOL", "OPEN TO", "LISTENS ON", "FOR")]
    for row in lines:
        # A port of the image's list has the list's program; in a range there may be another one.
        named = row.programs and (row.purpose == ADDITIONAL or "-" in row.ports)
        program = f"{', '.join(row.programs)}: " if named else ""
        cells.append((row.ports, row.protocol, row.open_to, " ".join(row.addresses) or "-", program + row.purpose))
    widths = [max(len(line[column]) for line in cells) for column in range(4)]
    shown = ["  ".join([*(cell.ljust(width) for cell, width in zip(line[:4], widths, strict=True)), line[4]]) for line in cells]
    return "\n".join([*shown, "", state])


def state_text(table: str | None, root: bool) -> str:
    """Return a sentence on the firewall.

    :param table: the output of ``nft list table``; None when there is no such table.
    :param root: whether this is root; others cannot read it.
    """
    if table is not None:
        found = members(table)
        return f"firewall: on; pool members: {', '.join(found) or 'none, this host is in no pool'}; additional rules: {DROP_INS}"
    if root:
        return "firewall: OFF, every machine reaches what listens on all addresses; run: systemctl start dom0kit-firewall"
    return "firewall: run this command as root to see its state"


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0ctl ports``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def ports(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl ports``."""
    host = Host()
    lines = rows(sockets(host.run(SOCKETS, timeout=QUERY_SECONDS).output))
    listed = host.run(["nft", "list", "table", *TABLE.split()], check=False, timeout=QUERY_SECONDS)
    table = None if listed.returncode else listed.output
    if arguments.json:
        value = {
            "firewall": None if table is None else {"members": members(table)},
            "ports": [asdict(row) for row in lines],
        }
        print(json.dumps(value, indent=2))
    else:
        print(table_text(lines, state_text(table, os.geteuid() == 0)))
    return 0


def register(add: Add) -> None:
    """Register ``dom0ctl ports``."""
    add(
        "ports",
        "list what this host listens on: ports, what they are for, who may reach them",
        configure,
        ports,
        example="dom0ctl ports --json",
    )
