"""Health of the pool as one of its hosts sees it.

From files and sockets, within seconds and without Ganeti's commands.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from pool.driver import PoolState
from pool.ganeti.cleanup import leftover_files
from pool.ganeti.daemons import CREATING, JOINING
from pool.ganeti.peers.connections import NODED_PORT, answers, is_replaced
from pool.ganeti.ssconf import Ssconf, read_ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess

NODE_DAEMON = "run/ganeti/ganeti-noded.pid"
CONFD = "run/ganeti/ganeti-confd.pid"
QUERY_SOCKET = "run/ganeti/socket/ganeti-query"
SECONDS = 60.0
"""Connect to a daemon's socket of this host.

Kind: cap. Reason: the kernel accepts for the daemon unless its queue is full. Expiry: the daemon
counts as not answering.
"""


def role(pool: Ssconf, name: str) -> Literal["master", "candidate", "member"]:
    """Return the role of a host in its pool."""
    if pool.master == name:
        return "master"
    return "candidate" if name in pool.candidates else "member"


def state(access: HostAccess, name: str) -> PoolState:
    """Return the state of the pool, with the reason when it is degraded."""
    pool = read_ssconf(access)
    if access.path(JOINING).exists():
        return PoolState("ganeti", pool=pool.pool if pool else "", well=False, reason="the join is not complete")
    if access.path(CREATING).exists():
        return PoolState("ganeti", well=False, reason="the creation of the pool is not complete")
    if pool is None:
        found = leftover_files(access)
        reason = "the pool on this host is incomplete: run dom0ctl firstboot retry pool" if found else ""
        return PoolState("ganeti", well=not found, reason=reason)
    reason = problem_text(access, pool, name)
    return PoolState(
        "ganeti", pool=pool.pool, role=role(pool, name), master=pool.master, hosts=len(pool.hosts), well=not reason, reason=reason
    )


def problem_text(access: HostAccess, pool: Ssconf, name: str) -> str:
    """Return what keeps this host's part of the pool from working; empty when it is healthy."""
    if name not in pool.hosts:
        return f"the pool {pool.pool} does not know this host {name}"
    for daemon, path in (("node daemon", NODE_DAEMON), ("configuration daemon", CONFD)):
        if not is_running(access, path):
            return f"Ganeti's {daemon} does not run: run systemctl restart ganeti.target"
    if name in pool.offline:
        return "the pool has marked this host as offline"
    if pool.master == name:
        return master_problem(access, pool)
    if not answers(pool.master_address, NODED_PORT):
        return f"the master {pool.master} does not answer"
    return ""


def master_problem(access: HostAccess, pool: Ssconf) -> str:
    """Return what is wrong with the master's daemons; empty when they are healthy.

    A host that was down may be the master by its own files although it was replaced.
    """
    if is_socket_open(str(access.path(QUERY_SOCKET))):
        return ""
    if is_replaced(pool):
        return f"another host is the master now; run there: dom0ctl pool readd {pool.master}"
    return "the master's daemons do not answer: check gnt-cluster info"


def is_running(access: HostAccess, pid_file: str) -> bool:
    """Whether the process of a pid file runs."""
    number = access.read(pid_file).strip()
    return number.isdigit() and access.path(f"proc/{number}").exists()


def is_socket_open(path: str) -> bool:
    """Whether a process listens on a Unix socket of this host."""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        client.connect(path)
        return True
    return False
