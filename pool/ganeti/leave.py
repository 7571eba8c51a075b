"""Taking a host out of its pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from pool.ganeti.cleanup import forget_pool, left_overs
from pool.ganeti.daemons import MAKING
from pool.ganeti.peers.ssh_command import command_on
from pool.ganeti.ssconf import read_ssconf

if TYPE_CHECKING:
    from pool.host_access import Place

REMOVE_SECONDS = 7200
"""Take a host out of the pool, or remove the pool.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the command is killed, and the error names it
and the time.
"""


def leave(place: Place, me: str) -> None:
    """Take this host out of its pool; the last host takes the pool with it.

    :raises UserError: when guests are still here, the master does not do it, or this is the master and others are left.
    """
    pool = read_ssconf(place)
    if pool is None:
        if left_overs(place) or place.path(MAKING).exists():
            _forget(place)
            return
        raise UserError("this host is in no pool", "dom0ctl pool status")
    if pool.master != me:
        if me in pool.hosts:
            hint = f"is the master up, and are no guests left here? or on {pool.master}: gnt-node remove {me}"
            place.run(
                command_on(place, pool, pool.master_address or pool.address, ["gnt-node", "remove", me]),
                timeout=REMOVE_SECONDS,
                hint=hint,
            )
    elif len(pool.hosts) > 1:
        others = ", ".join(sorted(set(pool.hosts) - {me}))
        raise UserError(
            f"this host is the master of {pool.pool}",
            f"hand that over first; on another host ({others}): gnt-cluster master-failover",
        )
    else:
        place.run(
            ["gnt-cluster", "destroy", "--yes-do-it"], timeout=REMOVE_SECONDS, hint="are there guests left? gnt-instance list"
        )
    _forget(place)


def _forget(place: Place) -> None:
    forget_pool(place)
    place.path(MAKING).unlink(missing_ok=True)
