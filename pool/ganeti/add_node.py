"""The master's side of a join: one host more in the pool."""

from __future__ import annotations

import hashlib
import re
import shlex
import sys
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.process import CommandFailed
from pool.ganeti.peers import ssh_keys
from pool.ganeti.peers.etc_hosts import write_hosts
from pool.ganeti.peers.file_replication import renew_names, send_names, share_book
from pool.ganeti.ssconf import DATA, Ssconf, read_ssconf
from pool.host_access import Local

if TYPE_CHECKING:
    from pool.driver import Joiner
    from pool.host_access import Place

ADD_SECONDS = 7200
"""Add a host with gnt-node add, or send the pool's files again.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the join fails with the command and the time,
and the host comes again.
"""
LIST_SECONDS = 1200
"""Ask Ganeti's daemons or one host of the pool.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the join fails with the command and the time,
and the host comes again.
"""
ADD_TRIES = 3
NODE_LIST = f"/{DATA}/ssconf_node_list"
"""The names of all hosts, one in a line."""
EVERYWHERE = ("known_hosts", "hmac.key", "cluster-domain-secret", "spice.pem", "spice-ca.pem", "rapi.pem", "rapi/users")
"""What all hosts of a pool have alike below Ganeti's folder, and verify looks for (ComputeAncillaryFiles in Ganeti's source)."""
LATE = re.compile(
    r"(Can't get version information from node|Error 28:) .*timed out|^Node daemon on \S+ didn't answer queries within "
    r"|^'NoneType' object has no attribute 'get'$"
)
"""Ganeti gives the node daemon that it has just started on the new host ten seconds to come up (_DAEMON_READY_TIMEOUT), and
twenty for a connection (RPC_CONNECT_TIMEOUT, five in Debian's); on a busy host that is too short, and right when asked again.
For the last of these questions Ganeti does not look whether there was an answer, and stumbles over a missing one (CheckNodePVs).
"""
LOST = re.compile(r"Command 'ssh .*? root@(\S+) .*failed: exited with exit code 255\.?$")
"""ssh(1) ends with 255 when it got no connection, or lost it; the command around it is several lines of options."""


def as_master(place: Place, me: str) -> Ssconf:
    """The pool, of which this host is the master.

    :raises UserError: when it is not.
    """
    pool = read_ssconf(place)
    if pool is None:
        raise UserError("this host is in no pool", "make one: dom0ctl pool create; or ask the pool's master")
    if pool.master != me:
        raise UserError(f"the master of the pool {pool.pool} is {pool.master}", f"do it there, at {pool.master_address}")
    return pool


def add_command(name: str, *, again: bool) -> list[str]:
    """``gnt-node add``; ``again`` for a host that the pool knows by this name."""
    return ["gnt-node", "add", "--no-ssh-key-check", *(["--readd"] if again else []), name]


def last_words(text: str) -> str:
    """What a command of Ganeti's says in the end: the reason stands in the last line, or in that after ``Failure:``."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "it did not say why"
    lost = LOST.search(lines[-1])
    return f"the master could not log in to {lost[1]} by SSH, or lost the connection" if lost else lines[-1]


def known(place: Place) -> list[str]:
    """The names of the pool's hosts as its configuration has them now.

    :raises UserError: when the master's daemons do not answer.
    """
    argv = ["gnt-node", "list", "--no-headers", "--output=name"]
    hint = "is this host the master, and do its daemons run? dom0ctl pool status"
    return place.run(argv, timeout=LIST_SECONDS, hint=hint).output.split()


def look_command(place: Place, name: str) -> list[str]:
    """Ends well on a host that has the pool's files as this one has them; files that the pool does not have are left out."""
    there = [file for file in EVERYWHERE if place.path(f"{DATA}/{file}").is_file()]
    sums = [f"{hashlib.sha256(place.path(f'{DATA}/{file}').read_bytes()).hexdigest()}  /{DATA}/{file}" for file in there]
    look = f"grep -Fxq {shlex.quote(name)} {NODE_LIST}"
    if sums:
        look += f" && printf '%s\\n' {shlex.join(sums)} | sha256sum --check --status"
    return ["gnt-cluster", "command", "-n", name, look]


def hand_over(place: Place, name: str, address: str) -> None:
    """See to it that a new host has the pool's files: Ganeti sends each once, and notes a host that did not answer in its log.

    What is still not there then, the host says itself, and joins again.
    """
    for turn in range(ADD_TRIES):
        if "return code = 0" in place.run(look_command(place, name), check=False, timeout=LIST_SECONDS).output:
            return
        print(f"{name}: the pool's files are sent again", file=sys.stderr, flush=True)
        if turn:
            place.run(["gnt-cluster", "redist-conf"], check=False, timeout=ADD_SECONDS)
        send_names(place, name, address)


def add(joiner: Joiner, place: Place | None = None) -> None:
    """Add a host, or take one back that the pool knows already. It may have been cut off at any moment before.

    Only one at a time: the queue's worker calls it. The master's key lets root in at the joiner by now.

    :raises UserError: when this host is not the master, or Ganeti could not do it; trying again is then right.
    """
    place = Local() if place is None else place
    pool = as_master(place, place.read("etc/hostname").strip())
    if joiner.name == pool.master:
        raise UserError(f"{joiner.name} is the master of this pool", "give the joining host another name")
    address = next((text for text in joiner.addresses if ":" not in text), "")
    if not address:
        raise UserError(f"{joiner.name} has no IPv4 address, which a pool needs", "give it one in network.management.ipv4")
    write_hosts(place, {joiner.name: address})
    ssh_keys.forget_half_added(place, joiner.name)
    hint = f"look on the master {pool.master}: gnt-job list; /var/log/ganeti"
    for left in reversed(range(ADD_TRIES)):
        again = joiner.name in known(place)  # a try that failed late has brought it there
        if again:  # Ganeti asks these files for the port of the host's SSH, and takes nobody back whom they do not have
            renew_names(place, joiner.name)
        try:
            place.run(add_command(joiner.name, again=again), timeout=ADD_SECONDS, hint=hint)
            break
        except CommandFailed as error:
            ssh_keys.forget_half_added(
                place, joiner.name
            )  # the host may never come again, and the pool would not verify until then
            said = last_words(error.tail)
            if not left or not LATE.search(said):
                raise UserError(f"gnt-node add: {said}", hint) from error
    hand_over(place, joiner.name, address)
    write_hosts(place)
    try:
        share_book(place)
    except UserError as error:  # the host is in; the next addition brings the book again
        print(f"tokens: {error.message}", file=sys.stderr, flush=True)
