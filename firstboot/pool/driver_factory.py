"""Which driver a host's answers ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
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
    if told["toolstack"] == "xapi":
        from pool.xapi import Xapi  # noqa: PLC0415

        return Xapi(join_as=host.answers.pool.join, create_as=host.answers.pool.create)
    if new := told.get("create"):
        return with_new(host, str(new["name"]), new.get("address"))
    return with_token(host, host.secret("pool.join.token") or "")


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
        try:
            return driver(host).status()
        except UserError as error:
            return PoolState(str(told["toolstack"]), well=False, reason=error.message)
    from pool.ganeti.health import state  # noqa: PLC0415

    return state(host, host.name)
