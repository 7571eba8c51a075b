"""First boot's steps ``toolstack`` and ``pool``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pool.facts import read_image

from dom0kit.errors import UserError
from firstboot.pool.drivers import driver
from firstboot.pool.member import forget_join, told_pool
from pool.driver import Joiner, PoolState
from pool.ganeti import prepare

if TYPE_CHECKING:
    from firstboot.host import Host

UUID = "sys/class/dmi/id/product_uuid"


def toolstack(host: Host) -> None:
    """The toolstack of the answers is ready, and its daemons run if this host is in a pool; the other ones are quiet."""
    told = told_pool(host.told)
    if told["toolstack"] != "ganeti":
        prepare.quiet(host)
    elif prepare.installed(host) or told.get("create") or told.get("join"):
        prepare.prepare(host)


def pool(host: Host) -> None:
    """Make the pool, or join it, as the answers say; without either the host stands alone.

    A host that has joined forgets the token: it is needed no more, and must not lie on a disk that leaves the house.
    """
    told = told_pool(host.told)
    if (told.get("create") or told.get("join")) and told["toolstack"] == "ganeti" and host.told.get("ssh") == "off":
        raise UserError("the hosts of a pool reach each other by SSH, and the answers say ssh: off", "set ssh: on in the answers")
    if told.get("create"):
        driver(host).create()
    elif told.get("join"):
        driver(host).join(joiner(host))
        forget_join(host)


def joiner(host: Host) -> Joiner:
    """What this host says of itself to a pool."""
    found = host.addresses()
    return Joiner(
        name=host.name,
        addresses=(*found[4], *found[6]),
        version=host.version,
        toolstack=read_image(host.root, str(told_pool(host.told)["toolstack"]))[1],
        uuid=host.read(UUID).strip().lower(),
    )


def pool_text(state: PoolState) -> str:
    """A pool in one line for a person."""
    if not state.pool:
        text = f"{state.toolstack}, this host is in no pool"
    else:
        hosts = "1 host" if state.hosts == 1 else f"{state.hosts} hosts"
        text = f"{state.pool}, {hosts}; " + ("this is the master" if state.role == "master" else f"master {state.master}")
    return text
