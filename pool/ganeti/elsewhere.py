"""What a host sees of the pool's other hosts by knocking at their doors, without Ganeti's commands."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool.ganeti.ssconf import Ssconf

NODED_PORT = 1811
SECONDS = 3.0


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
