"""Prepare a host for a pool, and start its daemons at each boot."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.process import CommandFailed
from pool.ganeti.peers import connections
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import DATA, Ssconf, read_ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess, ManagedHost

UNIT = "ganeti.target"
"""The target of all daemons."""
NODE_DAEMONS = tuple(f"ganeti-{name}.service" for name in ("noded", "confd", "mond"))
MASTER_DAEMONS = tuple(f"ganeti-{name}.service" for name in ("wconfd", "luxid", "rapi"))
DAEMONS = (*NODE_DAEMONS, *MASTER_DAEMONS)
CREATING = "var/lib/dom0kit/pool/making.json"
"""Exists while a pool is being created: pool files found next to it after a power cut may be
removed.
"""
JOINING = "var/lib/dom0kit/pool/joining.json"
"""Exists while this host joins: pool files found next to it after a power cut are incomplete."""
FOLLOWED_FILES = (f"{DATA}/ssconf_node_primary_ips", f"{DATA}/ssconf_master_ip")
"""The files that dom0kit-pool-names.path watches."""
CRON = "etc/cron.d/ganeti"
CRON_SOURCE = "usr/share/dom0kit/ganeti/cron"
SERVICE_SECONDS = 7200
"""Start all daemons of Ganeti.

Kind: cap. Reason: the state of the units is the condition: each has its own start limit, at the end
of which systemctl returns. Expiry: the step fails and is retried.
"""
COMMAND_SECONDS = 1800
"""Run systemctl, modprobe or vgs before a pool is created or joined.

Kind: cap. Reason: none of them waits for a daemon of Ganeti. Expiry: the command is killed, and the
error names it and the time.
"""
ADDRESS_TRIES = 3
ADDRESS_SECONDS = 1800
"""Activate the pool's address on its master.

Kind: cap. Reason: the address is the condition, and it is checked after each attempt. Expiry:
another attempt; after the last one an error that names the address.
"""
START_TRIES = 3
JOB_CANCELED = re.compile(r"^\s*Job for \S+ cancell?ed\.", re.MULTILINE)
"""systemctl(1)'s message when another job replaced the one that it waits for."""
MIN_VG_MIB = 20480
"""Ganeti accepts no smaller volume group (its constant MIN_VG_SIZE)."""


def is_installed(access: HostAccess) -> bool:
    """Whether the image contains Ganeti."""
    return access.path("usr/sbin/gnt-cluster").exists()


def prepare(access: HostAccess) -> None:
    """Prepare this host for creating or joining a pool; start its daemons when it is in a pool.

    :raises UserError: when the image has no Ganeti, or the daemons cannot be started.
    """
    if not is_installed(access):
        raise UserError(
            "the answers set pool.toolstack to ganeti, and this image has no Ganeti",
            'build the image with toolstack = "ganeti" in the recipe, or set pool.toolstack to xl',
        )
    if access.path(f"etc/systemd/system/{UNIT}").is_symlink():  # only when masked: the command is slow
        access.run(["systemctl", "unmask", "--quiet", UNIT], timeout=COMMAND_SECONDS)
    # The module's parameters are in /etc/modprobe.d; Ganeti refuses to create a pool without the module.
    access.run(["modprobe", "drbd"], check=False, timeout=COMMAND_SECONDS)
    pool = settled_pool(access)
    if pool is None:
        return  # the step that creates or joins a pool starts the daemons itself
    write_hosts(access)
    start(access, pool)


def start(access: HostAccess, pool: Ssconf) -> None:
    """Start the daemons of a host in a pool, and enable Ganeti's cron jobs."""
    by_its_files = is_master(access, pool)
    replaced = by_its_files and connections.is_replaced(pool)
    # The master daemons of a replaced master would wait for votes that the pool no longer gives it, and
    # ganeti-watcher, which reads the same files, would start them again.
    if replaced:
        access.path(CRON).unlink(missing_ok=True)
    else:
        access.write(CRON, access.read(CRON_SOURCE))
    as_master = by_its_files and not replaced
    # By name as well: systemctl does not wait for the units of a target that is active already.
    units = (UNIT, *DAEMONS) if as_master else ("ganeti-node.target", *NODE_DAEMONS)
    start_units(access, units)
    if as_master and pool.address:
        activate_master_address(access, pool)


def start_units(access: HostAccess, units: Iterable[str]) -> None:
    """Start units, and repeat when another job canceled the start.

    ganeti-watcher, which cron may run during boot, stops a remote API that does not answer yet in
    order to restart it (systemctl(1): a job that another one replaces).

    :raises UserError: when a unit does not start.
    """
    argv = ["systemctl", "start", *units]
    for left in reversed(range(START_TRIES)):
        try:
            access.run(argv, timeout=SERVICE_SECONDS, hint="check: systemctl status 'ganeti*'; /var/log/ganeti")
            return
        except CommandFailed as error:
            if not left or not JOB_CANCELED.search(error.tail):
                raise


def is_master(access: HostAccess, pool: Ssconf) -> bool:
    """Whether this host is the pool's master by its own copy of Ganeti's files."""
    return pool.master == access.read("etc/hostname").strip()


def follow(access: HostAccess) -> None:
    """Apply a change of Ganeti's files.

    Names, and the daemons and cron jobs of a host that is not the master.

    ``gnt-node add --readd`` stops all daemons of a host that comes back and starts only two of
    them; this also restores the watcher of a master that was replaced.
    """
    seen: list[int] | None = None
    # systemd starts no second run for a change during this one.
    while (now := ssconf_mtimes(access)) != seen:
        seen = now
        write_hosts(access, keep=True)
        pool = settled_pool(access)
        if pool is not None and not is_master(access, pool):
            start(access, pool)


def ssconf_mtimes(access: HostAccess) -> list[int]:
    """Return the modification times of the followed files that exist, in nanoseconds since 1970."""
    times = []
    for name in FOLLOWED_FILES:
        with suppress(FileNotFoundError):
            times.append(access.path(name).stat().st_mtime_ns)
    return times


def settled_pool(access: HostAccess) -> Ssconf | None:
    """Return the pool of this host; None while it is being created or joined."""
    return None if access.path(CREATING).exists() or access.path(JOINING).exists() else read_ssconf(access)


def activate_master_address(access: HostAccess, pool: Ssconf) -> None:
    """Ensure that the master has the pool's address.

    Ganeti requests it once at start, and only logs that the node daemon was too slow.

    :raises UserError: when it cannot be activated.
    """
    argv = ["gnt-cluster", "activate-master-ip"]
    for _ in range(ADDRESS_TRIES):
        if connections.has_address(pool.address):
            return
        with suppress(CommandFailed):  # after a timeout the address may be active nevertheless
            access.run(argv, check=False, timeout=ADDRESS_SECONDS)
    if not connections.has_address(pool.address):
        raise UserError(
            f"the pool's address {pool.address} is not active on its master", f"run: {' '.join(argv)}; check /var/log/ganeti"
        )


def disable(access: HostAccess) -> None:
    """Stop all of Ganeti on this host, and keep it from starting at boot."""
    access.path(CRON).unlink(missing_ok=True)
    if is_installed(access):
        access.run(["systemctl", "stop", UNIT], check=False, timeout=SERVICE_SECONDS)
        access.run(["systemctl", "mask", "--quiet", UNIT], timeout=COMMAND_SECONDS)


def volume_group(access: HostAccess, host: ManagedHost) -> str | None:
    """Return the volume group for the pool's guests; None for a host without one.

    :raises UserError: when it is smaller than Ganeti accepts.
    """
    if host.volume_group is None:
        return None
    argv = ["vgs", "--noheadings", "--nosuffix", "--units", "m", "--options", "vg_size", host.volume_group]
    size = int(float(access.run(argv, timeout=COMMAND_SECONDS, hint="check: lsblk; vgs").output.strip()))
    if size < MIN_VG_MIB:
        raise UserError(
            f"the volume group {host.volume_group} has {size} MiB; Ganeti requires at least {MIN_VG_MIB} MiB",
            "add a disk (guests.disks in the answers), or set guests to none",
        )
    return host.volume_group
