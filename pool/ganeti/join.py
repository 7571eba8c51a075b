"""The joiner's side, without the conversation: what is done before and after the master has added this host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from pool.ganeti import daemons
from pool.ganeti.peers import ssh_keys
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.ssconf import Ssconf, read_ssconf

if TYPE_CHECKING:
    from pool.host_access import Member, Place


def is_member(place: Place, name: str) -> bool:
    """Is this host in a pool by what Ganeti told it last?"""
    pool = read_ssconf(place)
    return pool is not None and name in pool.hosts


def before(place: Place, member: Member, public_keys: Iterable[str]) -> None:
    """Let the master in.

    :raises UserError: when this host cannot be in a pool: no address, or what came are no keys.
    """
    if member.address is None:
        raise UserError(f"{member.port} has no IPv4 address, which a pool needs", f"networkctl status {member.port}")
    daemons.volume_group(place, member)
    ssh_keys.let_in(place, public_keys)


def after(place: Place, member: Member) -> Ssconf:
    """The master has added this host: its daemons, confd among them, names and cron jobs.

    :raises UserError: when the pool's files did not arrive, or do not name this host.
    """
    pool = read_ssconf(place)
    # The master has looked for them (add.hand_over); when it could not, waiting here would not bring them.
    if pool is None or member.name not in pool.hosts:
        raise UserError("the pool has added this host, and its files did not come here", "again: dom0ctl firstboot retry pool")
    write_hosts(place)
    # The master has started the node daemon here, and no other.
    daemons.start(place, pool)
    return pool
