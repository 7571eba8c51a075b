"""The joining host's actions before and after the master adds it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from pool.ganeti import daemons
from pool.ganeti.peers import ssh_keys
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import Ssconf, read_ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess, ManagedHost


def before(access: HostAccess, host: ManagedHost, public_keys: Iterable[str]) -> None:
    """Authorize the master's keys on this host.

    :raises UserError: when this host has no address, its volume group is too small, or the keys are
        invalid.
    """
    if host.address is None:
        raise UserError(f"{host.port} has no IPv4 address, which a pool needs", f"check: networkctl status {host.port}")
    daemons.volume_group(access, host)
    ssh_keys.authorize_keys(access, public_keys)


def after(access: HostAccess, host: ManagedHost) -> Ssconf:
    """Complete the join after the master has added this host: names, daemons, cron jobs.

    :raises UserError: when the pool's files did not arrive, or do not name this host.
    """
    pool = read_ssconf(access)
    # The master has checked for them (add_node.ensure_files); if it failed, waiting here would not help.
    if pool is None or host.name not in pool.hosts:
        raise UserError("the pool has added this host, but its files did not arrive", "retry: dom0ctl firstboot retry pool")
    write_hosts(access)
    # The master has started only the node daemon here.
    daemons.start(access, pool)
    return pool
