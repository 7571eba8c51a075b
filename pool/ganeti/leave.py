"""Remove a host from its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from pool.ganeti.cleanup import leftover_files, remove_pool_files
from pool.ganeti.daemons import CREATING
from pool.ganeti.peers.ssh_command import command_on
from pool.ganeti.ssconf import read_ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess

REMOVE_SECONDS = 7200
"""Remove a host from the pool, or destroy the pool.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the command is
killed, and the error names it and the time.
"""


def leave(access: HostAccess, me: str) -> None:
    """Remove this host from its pool; the last host destroys the pool.

    :raises UserError: when guests are left on it, the master fails to remove it, or it is the
        master and other hosts are left.
    """
    pool = read_ssconf(access)
    if pool is None:
        if leftover_files(access) or access.path(CREATING).exists():
            _forget(access)
            return
        raise UserError("this host is in no pool", "check: dom0ctl pool status")
    if pool.master != me:
        if me in pool.hosts:
            hint = f"check that the master is up and no guests are left here, or run on {pool.master}: gnt-node remove {me}"
            access.run(
                command_on(access, pool, pool.master_address or pool.address, ["gnt-node", "remove", me]),
                timeout=REMOVE_SECONDS,
                hint=hint,
            )
    elif len(pool.hosts) > 1:
        others = ", ".join(sorted(set(pool.hosts) - {me}))
        raise UserError(
            f"this host is the master of {pool.pool}",
            f"transfer the master role first; run on another host ({others}): gnt-cluster master-failover",
        )
    else:
        access.run(
            ["gnt-cluster", "destroy", "--yes-do-it"],
            timeout=REMOVE_SECONDS,
            hint="check for remaining guests: gnt-instance list",
        )
    _forget(access)


def _forget(access: HostAccess) -> None:
    remove_pool_files(access)
    access.path(CREATING).unlink(missing_ok=True)
