"""A host made ready for a pool, and its part in a pool at each boot."""

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
    from pool.host_access import Member, Place

UNIT = "ganeti.target"
"""All daemons."""
NODE_DAEMONS = tuple(f"ganeti-{name}.service" for name in ("noded", "confd", "mond"))
MASTER_DAEMONS = tuple(f"ganeti-{name}.service" for name in ("wconfd", "luxid", "rapi"))
DAEMONS = (*NODE_DAEMONS, *MASTER_DAEMONS)
MAKING = "var/lib/dom0kit/pool/making.json"
"""There while a pool is being made: what is found beside it after a power cut is a half-made pool, and ours to remove."""
JOINING = "var/lib/dom0kit/pool/joining.json"
"""There while this host joins: what Ganeti has left beside it after a power cut is not yet to be relied on."""
FOLLOWED = (f"{DATA}/ssconf_node_primary_ips", f"{DATA}/ssconf_master_ip")
"""What dom0kit-pool-names.path looks at."""
CRON = "etc/cron.d/ganeti"
CRON_SOURCE = "usr/share/dom0kit/ganeti/cron"
SERVICE_SECONDS = 7200
"""Start all daemons of Ganeti.

Kind: cap. Reason: the state of the units is the condition: each has its own start limit, at the end of which systemctl returns.
Expiry: the step fails and is tried again.
"""
COMMAND_SECONDS = 1800
"""Run systemctl, modprobe or vgs before a pool is made or joined.

Kind: cap. Reason: none of them waits for a daemon of Ganeti. Expiry: the command is killed, and the error names it and the
time.
"""
ADDRESS_TRIES = 3
ADDRESS_SECONDS = 1800
"""Bring the pool's address to its master.

Kind: cap. Reason: the address is the condition, and it is looked at after each try. Expiry: another try; after the last one an
error that names the address.
"""
START_TRIES = 3
CALLED_OFF = re.compile(r"^\s*Job for \S+ cancell?ed\.", re.MULTILINE)
"""What systemctl(1) says when another job took the place of the one that it waits for."""
LEAST_GROUP = 20480
"""MiB: Ganeti takes no smaller volume group (its constant MIN_VG_SIZE)."""


def installed(place: Place) -> bool:
    """Is Ganeti in this image?"""
    return place.path("usr/sbin/gnt-cluster").exists()


def prepare(place: Place) -> None:
    """What a host needs before it makes or joins a pool; in a pool, its daemons run afterwards.

    :raises UserError: when the image has no Ganeti, or the daemons cannot be started.
    """
    if not installed(place):
        raise UserError(
            "this image has no Ganeti, and the answers ask for it",
            'build it with toolstack = "ganeti" in the recipe, or answer pool.toolstack: xl',
        )
    if place.path(f"etc/systemd/system/{UNIT}").is_symlink():  # the command is slow; hosts are seldom masked
        place.run(["systemctl", "unmask", "--quiet", UNIT], timeout=COMMAND_SECONDS)
    # The module's parameters are in /etc/modprobe.d; Ganeti refuses to make a pool while the module is not there.
    place.run(["modprobe", "drbd"], check=False, timeout=COMMAND_SECONDS)
    pool = settled(place)
    if pool is None:
        return  # the step that makes or joins a pool starts what there is in the end
    write_hosts(place)
    start(place, pool)


def start(place: Place, pool: Ssconf) -> None:
    """The daemons of a host in a pool, and Ganeti's cron jobs."""
    by_its_files = is_master(place, pool)
    replaced = by_its_files and connections.replaced(pool)
    # A master that was replaced would wait for votes that the pool, which lets it in no more, does not give it;
    # and ganeti-watcher, which goes by the same files, would start the daemons that wait.
    if replaced:
        place.path(CRON).unlink(missing_ok=True)
    else:
        place.write(CRON, place.read(CRON_SOURCE))
    as_master = by_its_files and not replaced
    # By name as well: systemctl does not wait for what a target brings that is active already.
    units = (UNIT, *DAEMONS) if as_master else ("ganeti-node.target", *NODE_DAEMONS)
    start_units(place, units)
    if as_master and pool.address:
        take_address(place, pool)


def start_units(place: Place, units: Iterable[str]) -> None:
    """Start daemons, and again those whose start somebody else called off: ganeti-watcher, which cron runs at any time in a boot,
    stops a remote API that does not answer yet in order to start it anew (systemctl(1): a job that another one replaces).

    :raises UserError: when one does not start.
    """
    argv = ["systemctl", "start", *units]
    for left in reversed(range(START_TRIES)):
        try:
            place.run(argv, timeout=SERVICE_SECONDS, hint="systemctl status 'ganeti*'; see /var/log/ganeti")
            return
        except CommandFailed as error:
            if not left or not CALLED_OFF.search(error.tail):
                raise


def is_master(place: Place, pool: Ssconf) -> bool:
    """Is this host the pool's master by what Ganeti told it last?"""
    return pool.master == place.read("etc/hostname").strip()


def follow(place: Place) -> None:
    """Ganeti has written its files anew: names, and the daemons and cron jobs of a host whose master is another.

    ``gnt-node add --readd`` stops all daemons of a host that comes back, and starts two of them again; and the watcher of a
    master that was replaced comes back by this.
    """
    seen: list[int] | None = None
    # systemd starts no second run for what is written during this one.
    while (now := written(place)) != seen:
        seen = now
        write_hosts(place, keep=True)
        pool = settled(place)
        if pool is not None and not is_master(place, pool):
            start(place, pool)


def written(place: Place) -> list[int]:
    """When Ganeti wrote the files that are followed, in nanoseconds since 1970; without those that are not there."""
    times = []
    for name in FOLLOWED:
        with suppress(FileNotFoundError):
            times.append(place.path(name).stat().st_mtime_ns)
    return times


def settled(place: Place) -> Ssconf | None:
    """The pool of this host; none while it is being made or joined."""
    return None if place.path(MAKING).exists() or place.path(JOINING).exists() else read_ssconf(place)


def take_address(place: Place, pool: Ssconf) -> None:
    """The master has the pool's address: Ganeti asks for it once, at the start, and only logs a node daemon that was too late.

    :raises UserError: when it cannot be brought here.
    """
    argv = ["gnt-cluster", "activate-master-ip"]
    for _ in range(ADDRESS_TRIES):
        if connections.has_address(pool.address):
            return
        with suppress(CommandFailed):  # it took too long: the address may be here all the same
            place.run(argv, check=False, timeout=ADDRESS_SECONDS)
    if not connections.has_address(pool.address):
        raise UserError(
            f"the pool's address {pool.address} is not on its master", f"by hand: {' '.join(argv)}; see /var/log/ganeti"
        )


def quiet(place: Place) -> None:
    """Nothing of Ganeti runs on this host, now and after a boot."""
    place.path(CRON).unlink(missing_ok=True)
    if installed(place):
        place.run(["systemctl", "stop", UNIT], check=False, timeout=SERVICE_SECONDS)
        place.run(["systemctl", "mask", "--quiet", UNIT], timeout=COMMAND_SECONDS)


def volume_group(place: Place, member: Member) -> str | None:
    """The volume group for the pool's guests; None for a host without any.

    :raises UserError: when it is smaller than Ganeti takes.
    """
    if member.volume_group is None:
        return None
    argv = ["vgs", "--noheadings", "--nosuffix", "--units", "m", "--options", "vg_size", member.volume_group]
    size = int(float(place.run(argv, timeout=COMMAND_SECONDS, hint="lsblk; vgs").output.strip()))
    if size < LEAST_GROUP:
        raise UserError(
            f"the volume group {member.volume_group} has {size} MiB, and Ganeti takes none below {LEAST_GROUP} MiB",
            "give it another disk (guests.disks in the answers), or answer guests: none",
        )
    return member.volume_group
