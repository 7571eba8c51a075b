"""Connections to the pool's other hosts, without Ganeti's commands."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from dom0kit.process import COMMAND_SECONDS

if TYPE_CHECKING:
    from pool.ganeti.ssconf import Ssconf
    from pool.host_access import HostAccess

NODED_PORT, SSH_PORT = 1811, 22
SECONDS = 8.0
"""Connect to another host of the pool by TCP.

Kind: protocol. Reason: the kernel answers, not the daemon: four SYN packets are sent within it (RFC
6298), and the status screen waits for it. Expiry: the host counts as down in this answer.
"""


def is_replaced(pool: Ssconf) -> bool:
    """Whether another host has the pool's address.

    If so, a host that is the master by its own files was replaced while it was down. A
    master takes the address only when it starts its daemons.
    """
    return bool(pool.address) and not has_address(pool.address) and answers(pool.address, NODED_PORT)


def answers(address: str, port: int) -> bool:
    """Whether a process accepts connections at the address."""
    with suppress(OSError), socket.create_connection((address, port), timeout=SECONDS):
        return True
    return False


def has_address(address: str) -> bool:
    """Whether this host has the address."""
    with suppress(OSError), socket.socket() as here:
        here.bind((address, 0))
        return True
    return False


def close_connections(access: HostAccess, addresses: Iterable[str], say: Callable[[str], None] = lambda text: None) -> None:
    """Close this host's connections to a host whose power was cut.

    Requests that Ganeti sent before the cut never get an answer; the kernel would wait for two
    hours, Ganeti for a quarter of an hour. See ss(8), --kill: the kernel's INET_DIAG_DESTROY.

    :param say: called with a sentence when they cannot be closed.
    """
    for address in map(ipaddress.ip_address, addresses):
        doors = f"( dport = :{NODED_PORT} or dport = :{SSH_PORT} )"
        where = f"[{address}]" if address.version == 6 else str(address)
        done = access.run(
            ["ss", "--kill", "--tcp", "state", "connected", "dst", where, "and", *doors.split()],
            check=False,
            timeout=COMMAND_SECONDS,
        )
        if done.returncode:
            say(f"connections to {address} could not be closed and may wait for a quarter of an hour: {done.errors.strip()}")
