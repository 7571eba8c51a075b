"""The first-boot steps ``toolstack`` and ``pool``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.machine_identity import machine_macs, machine_uuid
from dom0kit.units import counted
from firstboot.pool.driver_factory import driver
from firstboot.pool.managed_host import pool_settings
from firstboot.retry import NoRetry
from pool import trial_guest
from pool.driver import JoiningHost, PoolState
from pool.ganeti import daemons
from pool.join.pool_facts import read_image
from pool.refusals import codes

if TYPE_CHECKING:
    from firstboot.host import Host

SECRETS = ("pool.join.token", "pool.join.password")
"""Paths in host.json, erased after the join."""
PERMANENT = codes("never")
"""Refusals after which the step is not retried automatically."""


def toolstack(host: Host) -> None:
    """Prepare the configured toolstack, start its daemons in a pool, and disable the other one."""
    settings = pool_settings(host.host_json)
    if settings["toolstack"] != "ganeti":
        daemons.disable(host)
    elif daemons.is_installed(host) or settings.get("create") or settings.get("join"):
        daemons.prepare(host)
        # The master may start the self test's guest on any host of the pool, so each host has its files.
        try:
            trial_guest.build(host, trial_guest.kernel_release())
        except UserError as error:  # not a reason to fail the join
            host.warnings.append(f"dom0ctl selftest is not available: {error.message}")


def pool(host: Host) -> None:
    """Create or join the pool as configured; do nothing without either.

    The runner erases the token or password afterwards, because it must not leave the site on a
    disk.

    :raises NoRetry: when the pool's refusal is permanent.
    """
    settings = pool_settings(host.host_json)
    if (
        (settings.get("create") or settings.get("join"))
        and settings["toolstack"] == "ganeti"
        and host.host_json.get("ssh") == "off"
    ):
        raise NoRetry("the hosts of a pool require SSH, and the answers set ssh: off", "set ssh: on in the answers")
    try:
        if settings.get("create"):
            driver(host).create()
        elif settings.get("join"):
            driver(host).join(joining_host(host))
    except UserError as error:
        problem = getattr(error, "problem", None)
        if getattr(error, "permanent", problem is not None and problem.code in PERMANENT):
            raise NoRetry(error.message, error.hint) from error
        raise


def joining_host(host: Host) -> JoiningHost:
    """Return what this host states about itself to a pool."""
    found = host.addresses()
    return JoiningHost(
        name=host.name,
        addresses=(*found[4], *found[6]),
        version=host.version,
        toolstack=read_image(host.root, str(pool_settings(host.host_json)["toolstack"]))[1],
        uuid=machine_uuid(host.root),
        macs=machine_macs(host.root),
    )


def pool_text(state: PoolState) -> str:
    """Return the state of a pool in one line."""
    if not state.pool:
        text = f"{state.toolstack}, this host is in no pool"
    else:
        hosts = counted(state.hosts, "host")
        text = f"{state.pool}, {hosts}; " + ("this is the master" if state.role == "master" else f"master {state.master}")
    return text
