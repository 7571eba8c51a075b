"""Add a joining host to the pool; runs on the master."""

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
from pool.ganeti.peers.file_replication import replicate_tokens, rewrite_ssconf, send_ssconf
from pool.ganeti.peers.pinned_ssh import pinned_ssh
from pool.ganeti.ssconf import DATA, KNOWN_HOSTS, Ssconf, read_ssconf
from pool.host_access import LocalHost
from pool.join.admission import contact_address

if TYPE_CHECKING:
    from pool.driver import JoiningHost
    from pool.host_access import HostAccess

ADD_SECONDS = 7200
"""Add a host with gnt-node add, or distribute the pool's files again.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the join fails with
the command and the time, and the host retries.
"""
LIST_SECONDS = 1200
"""Query Ganeti's daemons or one host of the pool.

Kind: cap. Reason: Ganeti's own limits for its requests apply below it. Expiry: the join fails with
the command and the time, and the host retries.
"""
ADD_TRIES = 3
NODE_LIST = f"/{DATA}/ssconf_node_list"
"""The names of all hosts, one per line."""
SHARED_FILES = ("known_hosts", "hmac.key", "cluster-domain-secret", "spice.pem", "spice-ca.pem", "rapi.pem", "rapi/users")
"""Files below Ganeti's folder that are equal on all hosts of a pool and that verify checks
(ComputeAncillaryFiles in Ganeti's source).
"""
SLOW_NODE = re.compile(
    r"(Can't get version information from node|Error 28:) .*timed out|^Node daemon on \S+ didn't answer queries within "
    r"|^'NoneType' object has no attribute 'get'$"
)
"""Errors after which gnt-node add succeeds when it is repeated.

Ganeti gives the node daemon that it has just started on the new host ten seconds to come up
(_DAEMON_READY_TIMEOUT), and twenty for a connection (RPC_CONNECT_TIMEOUT, five in Debian's), which
is too short on a busy host. The last pattern is a missing answer that Ganeti does not check for
(CheckNodePVs).
"""
LOST_CONNECTION = re.compile(r"Command 'ssh .*? root@(\S+) .*failed: exited with exit code 255\.?$")
"""Error of ssh(1) without a connection: exit code 255, after several lines with the options of the
command.
"""


PIN = re.compile(r"Host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|no matching host key type", re.IGNORECASE)
"""Messages of ssh(1) to a machine that does not have the pinned host key."""


def require_master(access: HostAccess, me: str) -> Ssconf:
    """Return the pool of which this host is the master.

    :raises UserError: when it is not the master of a pool.
    """
    pool = read_ssconf(access)
    if pool is None:
        raise UserError("this host is in no pool", "create one (dom0ctl pool create), or run this on the pool's master")
    if pool.master != me:
        raise UserError(f"the master of the pool {pool.pool} is {pool.master}", f"run this there, at {pool.master_address}")
    return pool


def add_command(name: str, *, again: bool) -> list[str]:
    """Return the ``gnt-node add`` command, with Ganeti's check of host keys.

    :param again: for a host that the pool already has by this name.
    """
    return ["gnt-node", "add", *(["--readd"] if again else []), name]


def failure_reason(text: str) -> str:
    """Return the reason from the output of a failed Ganeti command: its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return "no reason given"
    lost = LOST_CONNECTION.search(lines[-1])
    if not lost:
        return lines[-1]
    if any(PIN.search(line) for line in lines):
        return f"another machine answers at the address of {lost[1]}: it does not have the SSH host key of the host that joins"
    return f"the master could not log in to {lost[1]} by SSH, or lost the connection"


def known(access: HostAccess) -> list[str]:
    """Return the names of the pool's hosts from its configuration.

    :raises UserError: when the master's daemons do not answer.
    """
    argv = ["gnt-node", "list", "--no-headers", "--output=name"]
    hint = "check that this host is the master and its daemons run: dom0ctl pool status"
    return access.run(argv, timeout=LIST_SECONDS, hint=hint).output.split()


def check_files_command(access: HostAccess, name: str) -> list[str]:
    """Return a command that succeeds on a host whose pool files equal this host's.

    Files that the pool does not have are left out.
    """
    there = [file for file in SHARED_FILES if access.path(f"{DATA}/{file}").is_file()]
    sums = [f"{hashlib.sha256(access.path(f'{DATA}/{file}').read_bytes()).hexdigest()}  /{DATA}/{file}" for file in there]
    look = f"grep -Fxq {shlex.quote(name)} {NODE_LIST}"
    if sums:
        look += f" && printf '%s\\n' {shlex.join(sums)} | sha256sum --check --status"
    return ["gnt-cluster", "command", "-n", name, look]


def ensure_files(access: HostAccess, name: str, address: str) -> None:
    """Distribute the pool's files to a new host until it has them.

    Ganeti sends each file once, and only logs that a host did not answer. If files are missing in
    the end, the joining host reports it and joins again.
    """
    for turn in range(ADD_TRIES):
        if "return code = 0" in access.run(check_files_command(access, name), check=False, timeout=LIST_SECONDS).output:
            return
        print(f"{name}: the pool's files are sent again", file=sys.stderr, flush=True)
        if turn:
            access.run(["gnt-cluster", "redist-conf"], check=False, timeout=ADD_SECONDS)
        send_ssconf(access, name, address)


def add(host: JoiningHost, access: HostAccess | None = None) -> None:
    """Add a host, or re-add one that the pool has already; may run again after an interruption.

    Only one may run at a time: the queue worker calls it. The joining host has authorized the
    master's SSH key before. The pool's secrets go only to the machine with the SSH host key that signed
    the host's request.

    :raises UserError: when this host is not the master, or Ganeti fails; a retry may succeed.
    """
    access = LocalHost() if access is None else access
    pool = require_master(access, access.read("etc/hostname").strip())
    if host.name == pool.master:
        raise UserError(f"{host.name} is the name of this pool's master", "give the joining host another name")
    address = contact_address(host)
    if not address:
        raise UserError(f"{host.name} has no IPv4 address, which a pool needs", "set network.management.ipv4 in its answers")
    if not host.key:
        raise UserError(f"{host.name} stated no SSH host key", "install it with an image as new as the pool's")
    write_hosts(access, {host.name: address})
    try:
        _add_by_ganeti(access, pool, host.name, host.key)
        ensure_files(access, host.name, address)
    finally:
        write_hosts(access)  # without a host that Ganeti has refused
    try:
        replicate_tokens(access)
    except UserError as error:  # the host is added; the next addition copies the tokens again
        print(f"tokens: {error.message}", file=sys.stderr, flush=True)


def readd(name: str, access: HostAccess | None = None) -> None:
    """Take back a host that the pool has in its list, for example a master that was replaced while it was down.

    It has the SSH host key that all hosts of the pool share.

    :raises UserError: when this host is not the master, the pool has no such host, or Ganeti fails.
    """
    access = LocalHost() if access is None else access
    pool = require_master(access, access.read("etc/hostname").strip())
    if name == pool.master or name not in pool.hosts:
        others = ", ".join(sorted(set(pool.hosts) - {pool.master})) or "none"
        raise UserError(f"{name} is not another host of the pool {pool.pool}", f"use one of: {others}")
    _add_by_ganeti(access, pool, name, shared_key(access.read(KNOWN_HOSTS), pool.pool))
    ensure_files(access, name, pool.hosts[name])


def shared_key(known_hosts: str, pool: str) -> str:
    """Return the SSH host key that all hosts of a pool share, from Ganeti's list of host keys.

    :raises UserError: when the list does not have it.
    """
    for words in map(str.split, known_hosts.splitlines()):
        if len(words) >= 3 and pool in words[0].split(","):
            return " ".join(words[1:3])
    raise UserError(f"/{KNOWN_HOSTS} has no key of the pool {pool}", "renew it: gnt-cluster redist-conf")


def _add_by_ganeti(access: HostAccess, pool: Ssconf, name: str, key: str) -> None:
    """Run ``gnt-node add``, and repeat it when the host was late.

    :param key: SSH host key of the only machine that it may connect to.
    """
    ssh_keys.remove_partial_keys(access, name)
    hint = f"check on the master {pool.master}: gnt-job list; /var/log/ganeti"
    for left in reversed(range(ADD_TRIES)):
        again = name in known(access)  # an attempt that failed late has added it
        if again:  # Ganeti reads the host's SSH port from these files, and re-adds no host that they do not have
            rewrite_ssconf(access, name)
        try:
            with pinned_ssh(access, name, key) as env:
                access.run(add_command(name, again=again), env=env, timeout=ADD_SECONDS, hint=hint)
            break
        except CommandFailed as error:
            # The host may never come again, and the pool would not verify until then.
            ssh_keys.remove_partial_keys(access, name)
            said = failure_reason(error.tail)
            if not left or not SLOW_NODE.search(said):
                raise UserError(f"gnt-node add: {said}", hint) from error
