"""First boot's steps ``toolstack`` and ``pool``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.machine_identity import machine_uuid
from dom0kit.units import counted
from firstboot.pool.driver_factory import driver
from firstboot.pool.member import told_pool
from firstboot.retry import NotAgain
from pool import trial_guest
from pool.driver import Joiner, PoolState
from pool.ganeti import daemons
from pool.join.pool_facts import read_image

if TYPE_CHECKING:
    from firstboot.host import Host

SECRETS = ("pool.join.token", "pool.join.password")
"""In host.json; of no use after the join."""
LASTING = ("pin", "token", "expired", "used-up", "version")
"""A pool's problems that no waiting mends."""


def toolstack(host: Host) -> None:
    """The toolstack of the answers is ready, and its daemons run if this host is in a pool; the other ones are quiet."""
    told = told_pool(host.told)
    if told["toolstack"] != "ganeti":
        daemons.quiet(host)
    elif daemons.installed(host) or told.get("create") or told.get("join"):
        daemons.prepare(host)
        # The guest of the self test starts on any host of the pool: the master makes it, and each host has its files.
        try:
            trial_guest.build(host, trial_guest.kernel_release())
        except UserError as error:  # no reason to keep a host out of its pool
            host.warnings.append(f"no guest for dom0ctl selftest: {error.message}")


def pool(host: Host) -> None:
    """Make the pool, or join it, as the answers say; without either the host stands alone.

    Once it is done the runner masks the token, or the password: it must not lie on a disk that leaves the house.

    :raises NotAgain: when the pool will say the same again until somebody has done something.
    """
    told = told_pool(host.told)
    if (told.get("create") or told.get("join")) and told["toolstack"] == "ganeti" and host.told.get("ssh") == "off":
        raise NotAgain("the hosts of a pool reach each other by SSH, and the answers say ssh: off", "set ssh: on in the answers")
    try:
        if told.get("create"):
            driver(host).create()
        elif told.get("join"):
            driver(host).join(joiner(host))
    except UserError as error:
        problem = getattr(error, "problem", None)
        if getattr(error, "lasting", problem is not None and problem.code in LASTING):
            raise NotAgain(error.message, error.hint) from error
        raise


def joiner(host: Host) -> Joiner:
    """What this host says of itself to a pool."""
    found = host.addresses()
    return Joiner(
        name=host.name,
        addresses=(*found[4], *found[6]),
        version=host.version,
        toolstack=read_image(host.root, str(told_pool(host.told)["toolstack"]))[1],
        uuid=machine_uuid(host.root),
    )


def pool_text(state: PoolState) -> str:
    """A pool in one line for a person."""
    if not state.pool:
        text = f"{state.toolstack}, this host is in no pool"
    else:
        hosts = counted(state.hosts, "host")
        text = f"{state.pool}, {hosts}; " + ("this is the master" if state.role == "master" else f"master {state.master}")
    return text
