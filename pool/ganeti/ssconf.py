"""The ``ssconf_*`` files that Ganeti writes on every host of a pool; reading them needs no daemon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pool.host_access import HostAccess

DATA = "var/lib/ganeti"
CONFIG = f"{DATA}/config.data"
SERVER_PEM = f"{DATA}/server.pem"
PUBLIC_KEYS = f"{DATA}/ganeti_pub_keys"
KNOWN_HOSTS = f"{DATA}/known_hosts"


@dataclass(frozen=True)
class Ssconf:
    """The pool as of Ganeti's last update on this host.

    :param hosts: addresses by name.
    """

    pool: str
    address: str
    master: str
    hosts: dict[str, str]
    candidates: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()

    @property
    def master_address(self) -> str:
        """The master's own address; empty when unknown."""
        return self.hosts.get(self.master, "")


def read_ssconf(access: HostAccess) -> Ssconf | None:
    """Read the pool's files on this host.

    None when the host is in no pool or its files are incomplete.
    """

    def text(name: str) -> str:
        return access.read(f"{DATA}/ssconf_{name}").strip()

    pool, master = text("cluster_name"), text("master_node")
    if not pool or not master or not access.path(SERVER_PEM).exists():
        return None
    return Ssconf(
        pool=pool,
        address=text("master_ip"),
        master=master,
        hosts=addresses(text("node_primary_ips"), text("node_list")),
        candidates=tuple(text("master_candidates").split()),
        offline=tuple(text("offline_nodes").split()),
    )


def addresses(primary: str, names: str) -> dict[str, str]:
    """Parse lines ``NAME ADDRESS``; a name without a line has an empty address.

    :param primary: the lines.
    :param names: all names.
    """
    found = dict.fromkeys(names.split(), "")
    for line in primary.splitlines():
        words = line.split()
        if len(words) == 2:
            found[words[0]] = words[1]
    return found
