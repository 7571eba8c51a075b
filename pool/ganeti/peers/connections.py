"""A host's connections to the pool's other hosts, without Ganeti's commands."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from dom0kit.process import COMMAND_SECONDS

if TYPE_CHECKING:
    from pool.ganeti.ssconf import Ssconf
    from pool.host_access import Place

NODED_PORT, SSH_PORT = 1811, 22
SECONDS = 8.0
"""Connect to another host of the pool by TCP.

Kind: protocol. Reason: the kernel answers, not the daemon: four SYN packets are sent within it (RFC 6298), and the status
screen waits for it. Expiry: the host counts as away in this answer.
"""


def replaced(pool: Ssconf) -> bool:
    """Has another host the pool's address? Then a host that is the master by its own files was replaced while it was away.

    A master gives itself the address when it starts its daemons, and not before.
    """
    return bool(pool.address) and not has_address(pool.address) and answers(pool.address, NODED_PORT)


def answers(address: str, port: int) -> bool:
    """Does somebody listen there?"""
    with suppress(OSError), socket.create_connection((address, port), timeout=SECONDS):
        return True
    return False


def has_address(address: str) -> bool:
    """Is it one of this host's own?"""
    with suppress(OSError), socket.socket() as here:
        here.bind((address, 0))
        return True
    return False


def hang_up(place: Place, addresses: Iterable[str]) -> None:
    """End what this host has to say to another one, whose power was cut: to the one that is up there now it is nothing.

    A request that Ganeti sent before the cut is waited for by the kernel for two hours, by Ganeti for a quarter of one.
    See ss(8), --kill: the kernel's INET_DIAG_DESTROY.
    """
    for address in map(ipaddress.ip_address, addresses):
        doors = f"( dport = :{NODED_PORT} or dport = :{SSH_PORT} )"
        place.run(
            ["ss", "--kill", "--tcp", "state", "connected", "dst", str(address), "and", *doors.split()],
            check=False,
            timeout=COMMAND_SECONDS,
        )
