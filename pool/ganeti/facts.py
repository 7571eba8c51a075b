"""A Ganeti cluster's facts, from the ssconf files that it keeps on every node (ganeti(7), "Cluster configuration")."""

from __future__ import annotations

import socket
from pathlib import Path

from dom0kit.errors import UserError
from pool.ganeti.health import SECONDS as LOCAL_SECONDS
from pool.ganeti.peers.connections import SECONDS
from pool.join.pool_facts import Member, PoolFacts, read_image

SSCONF = "var/lib/ganeti"
SOCKET = "run/ganeti/socket/ganeti-query"
"""Where luxid listens; it runs on the master alone, and only when the cluster's vote confirmed it."""
NODED_PORT = 1811


def read_facts(root: Path = Path("/")) -> PoolFacts:
    """Look at the cluster from this host.

    :raises UserError: when this host is in none.
    """
    name = _read(root, "cluster_name")
    if not name:
        raise UserError("this host is in no pool", "make one with pool.create in its answers, or ask another host")
    offline = set(_read(root, "offline_nodes").splitlines())
    members = []
    for line in _read(root, "node_primary_ips").splitlines():
        host, _, address = line.partition(" ")
        members.append(Member(host, address.strip(), host in offline))
    version, toolstack = read_image(root, "ganeti")
    return PoolFacts(
        pool=name,
        address=_read(root, "master_ip"),
        me=_own_name(root, members),
        master=_read(root, "master_node"),
        members=tuple(members),
        serving=_listens(root / SOCKET),
        version=version,
        toolstack=toolstack or f"ganeti {_read(root, 'release_version')}".strip(),
    )


def candidates(root: Path = Path("/")) -> tuple[str, ...]:
    """The names of the master candidates, the master among them."""
    return tuple(_read(root, "master_candidates").splitlines())


def is_live(address: str, seconds: float = SECONDS) -> bool:
    """Does a node's daemon answer there? An installer at the same address has none."""
    try:
        with socket.create_connection((address, NODED_PORT), timeout=seconds):
            return True
    except OSError:
        return False


def _read(root: Path, key: str) -> str:
    try:
        return (root / SSCONF / f"ssconf_{key}").read_text().strip()
    except OSError:
        return ""


def _own_name(root: Path, members: list[Member]) -> str:
    """This host's name as the cluster has it: with or without its domain."""
    try:
        own = (root / "etc/hostname").read_text().strip()
    except OSError:
        own = socket.gethostname()
    names = [member.name for member in members]
    return next((name for name in names if name == own), next((name for name in names if name.split(".")[0] == own), own))


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(LOCAL_SECONDS)
        try:
            channel.connect(str(path))
        except OSError:
            return False
    return True
