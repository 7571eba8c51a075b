"""Which driver a host's answers ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstboot.pool.member import member, told_pool
from pool.driver import Driver, PoolState

if TYPE_CHECKING:
    from firstboot.host import Host


def driver(host: Host) -> Driver:
    """The driver of the host's toolstack, with the pool that the answers name.

    The drivers are loaded here, each alone: a host without pool pays for none of them at its boot.
    """
    told = told_pool(host.told)
    if told["toolstack"] == "xl":
        from pool.xl import Xl  # noqa: PLC0415

        return Xl()
    new, join = told.get("create") or {}, told.get("join") or {}
    if new:
        return with_new(host, str(new["name"]), new.get("address"))
    return with_token(host, str(join.get("token") or ""))


def with_new(host: Host, name: str, address: str | None) -> Driver:
    """Ganeti's driver for a new pool."""
    from pool.ganeti.create import NewPool  # noqa: PLC0415
    from pool.ganeti.driver import Ganeti  # noqa: PLC0415

    return Ganeti(host, member(host), new=NewPool(name, address))


def with_token(host: Host, token: str) -> Driver:
    """Ganeti's driver for a pool that is there."""
    from pool.ganeti.driver import Ganeti  # noqa: PLC0415

    return Ganeti(host, member(host), token=token)


def pool_state(host: Host) -> PoolState:
    """How the host's pool is, for screens: within seconds, whatever is wrong."""
    told = told_pool(host.told)
    if told["toolstack"] != "ganeti":
        return driver(host).status()
    from pool.ganeti.state import state  # noqa: PLC0415

    return state(host, host.name)
