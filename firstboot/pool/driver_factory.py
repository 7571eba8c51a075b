"""Select the driver that a host's answers configure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from firstboot.pool.managed_host import managed_host, pool_settings
from pool.driver import Driver, PoolState

if TYPE_CHECKING:
    from firstboot.host import Host


def driver(host: Host) -> Driver:
    """Return the driver of the host's toolstack, for the pool in the answers.

    Drivers are imported here, so that a host without a pool does not import any at boot.
    """
    settings = pool_settings(host.host_json)
    if settings["toolstack"] == "xl":
        from pool.xl import Xl  # noqa: PLC0415

        return Xl()
    if settings["toolstack"] == "xapi":
        from pool.xapi import Xapi  # noqa: PLC0415

        return Xapi(join_as=host.answers.pool.join, create_as=host.answers.pool.create)
    if new := settings.get("create"):
        return ganeti_creating(host, str(new["name"]), new.get("address"))
    return ganeti_joining(host, host.secret("pool.join.token") or "")


def ganeti_creating(host: Host, name: str, address: str | None) -> Driver:
    """Return Ganeti's driver for a new pool."""
    from pool.ganeti.create import NewPool  # noqa: PLC0415
    from pool.ganeti.driver import Ganeti  # noqa: PLC0415

    return Ganeti(host, managed_host(host), new=NewPool(name, address))


def ganeti_joining(host: Host, token: str) -> Driver:
    """Return Ganeti's driver for joining an existing pool."""
    from pool.ganeti.driver import Ganeti  # noqa: PLC0415

    return Ganeti(host, managed_host(host), token=token)


def pool_state(host: Host) -> PoolState:
    """Return the state of the host's pool for screens, within seconds and without raising UserError."""
    settings = pool_settings(host.host_json)
    if settings["toolstack"] != "ganeti":
        try:
            return driver(host).status()
        except UserError as error:
            return PoolState(str(settings["toolstack"]), well=False, reason=error.message)
    from pool.ganeti.health import state  # noqa: PLC0415

    return state(host, host.name)
