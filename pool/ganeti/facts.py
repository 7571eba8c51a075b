"""Facts about a Ganeti cluster, from the ssconf files on every node (ganeti(7))."""

from __future__ import annotations

import socket
from pathlib import Path

from dom0kit.errors import UserError
from pool.ganeti.health import SECONDS as LOCAL_SECONDS
from pool.ganeti.peers.connections import SECONDS
from pool.join.pool_facts import Member, PoolFacts, read_image

SSCONF = "var/lib/ganeti"
SOCKET = "run/ganeti/socket/ganeti-query"
"""Socket of luxid, which runs on the master only, after the cluster's vote has confirmed it."""
NODED_PORT = 1811


def read_facts(root: Path = Path("/")) -> PoolFacts:
    """Read the facts about the cluster from this host's files.

    :raises UserError: when this host is in no cluster.
    """
    name = _read(root, "cluster_name")
    if not name:
        raise UserError("this host is in no pool", "create one (pool.create in the answers), or run this on another host")
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
    """Return the names of the master candidates, including the master."""
    return tuple(_read(root, "master_candidates").splitlines())


def is_live(address: str, seconds: float = SECONDS) -> bool:
    """Whether a node daemon accepts connections at the address.

    An installer at the same address has none.

    :param seconds: time limit.
    """
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
    """Return this host's name as the cluster has it, with or without its domain."""
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
