"""How the pool is, as one of its hosts sees it: from files and sockets, within some seconds and without Ganeti's commands."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pool.driver import PoolState
from pool.ganeti.cleanup import left_overs
from pool.ganeti.daemons import JOINING, MAKING
from pool.ganeti.peers.connections import NODED_PORT, answers, replaced
from pool.ganeti.ssconf import Ssconf, read_ssconf

if TYPE_CHECKING:
    from pool.host_access import Place

NODE_DAEMON = "run/ganeti/ganeti-noded.pid"
CONFD = "run/ganeti/ganeti-confd.pid"
QUERY_SOCKET = "run/ganeti/socket/ganeti-query"
SECONDS = 60.0
"""Connect to a daemon's socket of this host.

Kind: cap. Reason: the kernel accepts for the daemon unless its queue is full. Expiry: the daemon counts as not answering.
"""


def role(pool: Ssconf, name: str) -> Literal["master", "candidate", "member"]:
    """What a host is in its pool."""
    if pool.master == name:
        return "master"
    return "candidate" if name in pool.candidates else "member"


def state(place: Place, name: str) -> PoolState:
    """The pool, and what is wrong with it."""
    pool = read_ssconf(place)
    if place.path(JOINING).exists():
        return PoolState("ganeti", pool=pool.pool if pool else "", well=False, reason="the join did not come to its end yet")
    if place.path(MAKING).exists():
        return PoolState("ganeti", well=False, reason="the pool is not made yet")
    if pool is None:
        found = left_overs(place)
        reason = "the pool on this host is not whole: dom0ctl firstboot retry pool" if found else ""
        return PoolState("ganeti", well=not found, reason=reason)
    reason = trouble(place, pool, name)
    return PoolState(
        "ganeti", pool=pool.pool, role=role(pool, name), master=pool.master, hosts=len(pool.hosts), well=not reason, reason=reason
    )


def trouble(place: Place, pool: Ssconf, name: str) -> str:
    """What keeps this host's part in the pool from working; empty when it does."""
    if name not in pool.hosts:
        return f"the pool {pool.pool} does not know this host {name}"
    for daemon, path in (("node daemon", NODE_DAEMON), ("configuration daemon", CONFD)):
        if not runs(place, path):
            return f"Ganeti's {daemon} does not run: systemctl restart ganeti.target"
    if name in pool.offline:
        return "the pool has marked this host as offline"
    if pool.master == name:
        return trouble_of_master(place, pool)
    if not answers(pool.master_address, NODED_PORT):
        return f"the master {pool.master} does not answer"
    return ""


def trouble_of_master(place: Place, pool: Ssconf) -> str:
    """What is wrong with the master's own daemons; one that comes back to life may be the master by its own files alone."""
    if answers_locally(str(place.path(QUERY_SOCKET))):
        return ""
    if replaced(pool):
        return f"another host is the master now; there: gnt-node add --readd --no-ssh-key-check {pool.master}"
    return "the master's daemons do not answer: gnt-cluster info"


def runs(place: Place, pid_file: str) -> bool:
    """Does the process of a pid file run?"""
    number = place.read(pid_file).strip()
    return number.isdigit() and place.path(f"proc/{number}").exists()


def answers_locally(path: str) -> bool:
    """Does somebody listen on a socket of this host?"""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        client.connect(path)
        return True
    return False
