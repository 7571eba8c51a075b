"""Facts about a Ganeti cluster, from the ssconf files on every node (ganeti(7))."""

from __future__ import annotations

import ipaddress
import json
import socket
from dataclasses import replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, Runner, run
from pool.ganeti.health import SECONDS as LOCAL_SECONDS
from pool.ganeti.peers import etc_hosts
from pool.ganeti.peers.connections import SECONDS
from pool.host_access import LocalHost
from pool.join.pool_facts import Member, PoolFacts, read_image

SSCONF = "var/lib/ganeti"
SOCKET = "run/ganeti/socket/ganeti-query"
"""Socket of luxid, which runs on the master only, after the cluster's vote has confirmed it."""
NODED_PORT = 1811
NETWORKS = "etc/dom0kit/pool-networks"


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


def read_current_facts(root: Path = Path("/"), runner: Runner = run) -> PoolFacts:
    """Read the facts about the cluster, with the addresses and the networks of this host.

    :raises UserError: when this host is in no cluster.
    """
    facts = read_facts(root)
    text = runner(["ip", "-json", "address", "show"], check=False, timeout=COMMAND_SECONDS).output
    own, network = own_addresses(text, facts.master_address)
    networks = dict.fromkeys((*([network] if network else []), *additional_networks(root)))
    return replace(facts, networks=tuple(networks), own_addresses=own)


def own_addresses(text: str, address: str) -> tuple[tuple[str, ...], str]:
    """Return all addresses of this host, and the network of one of them.

    :param text: output of ``ip -json address show`` (ip-address(8)).
    :returns: the network is empty when this host does not have the address, or it has no other hosts.
    """
    found, network = [], ""
    for link in json.loads(text or "[]"):
        for info in link.get("addr_info", ()):
            local = str(info.get("local", ""))
            found.append(local)
            if local == address and ":" not in local and int(info.get("prefixlen", 32)) < 31:
                network = str(ipaddress.ip_network(f"{local}/{info['prefixlen']}", strict=False))
    return tuple(filter(None, found)), network


def additional_networks(root: Path) -> tuple[str, ...]:
    """Return the networks that an administrator lists for hosts behind routers, one per line.

    :raises UserError: when a line is not a network.
    """
    try:
        lines = [line.partition("#")[0].strip() for line in (root / NETWORKS).read_text().splitlines()]
        return tuple(str(ipaddress.IPv4Network(line)) for line in lines if line)
    except FileNotFoundError:
        return ()
    except ValueError as error:
        hint = "write one IPv4 network per line, such as 10.1.0.0/24"
        raise UserError(f"/{NETWORKS} of this master is invalid: {error}", hint) from error


def resolve(root: Path, name: str) -> tuple[str, ...]:
    """Return the addresses that a name has from ``/etc/hosts`` and the DNS; none in a test network, which has no resolver.

    Names in the pool's own block of ``/etc/hosts`` do not count: an addition that was interrupted may have left them.
    """
    if root != Path("/") or name in etc_hosts.inside(LocalHost(root).read(etc_hosts.HOSTS)):
        return ()
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found))


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
