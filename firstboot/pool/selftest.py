"""``dom0ctl selftest``: create, ping and remove a guest, in the pool or by ``xl``."""

from __future__ import annotations

import argparse
import ipaddress
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dom0kit.arguments.values import ipv4_interface
from dom0kit.errors import UserError
from dom0kit.polling import poll
from dom0kit.process import COMMAND_SECONDS
from firstboot.host import Host
from firstboot.pool.managed_host import managed_host
from pool import trial_guest
from pool.ganeti import instance_commands
from pool.ganeti.ssconf import Ssconf, read_ssconf
from pool.xl_guest import config

if TYPE_CHECKING:
    from dom0kit.cli import Add
    from pool.host_access import ManagedHost

JOB_SECONDS = 7200
"""Create, list or remove a guest by Ganeti.

Kind: cap. Reason: a job waits for others that hold the node. Expiry: the command is killed, and the
error names it and the time.
"""
PING_SECONDS = 1200.0
"""Wait for a new guest to answer ping.

Kind: cap. Reason: the guest's kernel boots and configures its network, seconds on an idle machine. Expiry: the test fails,
names the address and the time, and removes the guest.
"""
XL_SECONDS = 1800
"""Start or destroy a guest by xl.

Kind: cap. Reason: xl waits for hotplug scripts, which libxl limits. Expiry: the command is killed, and the error names it and
the time.
"""
PAUSE_SECONDS = 1.0
"""Pause between two pings to a new guest.

Kind: pace. Reason: ping(8) itself waits for the answer. Expiry: the next ping.
"""
REPLY_SECONDS = 2
"""Wait for the answer to one ping of a new guest.

Kind: pace. Reason: the next ping follows until the limit of the wait. Expiry: the next ping.
"""
FOLDER = "run/dom0kit"

Say = Callable[[str], None]


def register(add: Add) -> None:
    """Register the subcommand."""
    add(
        "selftest",
        "test whether this host or its pool can run guests: create a small guest, ping it, remove it",
        _configure,
        selftest,
        example="dom0ctl selftest --host xen2.dc1.example",
    )


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="NAME", help="host of the pool to run the guest on (default: this one)")
    parser.add_argument("--partner", metavar="NAME", help="mirror the guest's disk to this host of the pool (DRBD)")
    parser.add_argument(
        "--address",
        type=ipv4_interface,
        metavar="ADDRESS/LENGTH",
        help="free address for the guest (default: a link-local one, 169.254.x.y)",
    )
    parser.add_argument("--name", metavar="NAME", help="the guest's name (default: selftest-XXXX)")
    parser.add_argument("--keep", action="store_true", help="do not remove the guest")


def selftest(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl selftest``."""
    host = Host()
    if not host.on_xen:
        raise UserError("this host runs without Xen and cannot run guests", "boot the entry with Xen")
    name = arguments.name or f"selftest-{secrets.token_hex(2)}"
    pool = read_ssconf(host)
    me = managed_host(host)
    if pool is not None and pool.master != host.name:
        raise UserError(
            f"guests of the pool are created on its master {pool.master}", f"run there: dom0ctl selftest --host {host.name}"
        )
    if pool is None and (arguments.host or arguments.partner):
        raise UserError("--host and --partner require a pool, and this host is in no pool", "run: dom0ctl selftest")
    with _own_address(host, me, arguments.address) as address:
        trial_guest.build(host, trial_guest.kernel_release())
        if pool is None:
            _by_xl(host, me, name, address, keep=arguments.keep)
        else:
            wanted = instance_commands.Wanted(name, arguments.host or host.name, me.bridge, address, me.vlan, arguments.partner)
            _in_pool(host, pool, wanted, keep=arguments.keep)
    return 0


def _in_pool(host: Host, pool: Ssconf, wanted: instance_commands.Wanted, *, keep: bool) -> None:
    for name in (wanted.host, *([wanted.partner] if wanted.partner else [])):
        if name not in pool.hosts:
            raise UserError(f"{name} is not in the pool {pool.pool}", f"use one of: {', '.join(sorted(pool.hosts))}")
    made = False
    try:
        with _step(f"create the guest {wanted.name} on {wanted.host}"):
            made = True
            host.run(instance_commands.add_command(wanted), timeout=JOB_SECONDS)
        _ping(host, str(wanted.address))
        made = not keep
    finally:
        if made and wanted.name in host.run(instance_commands.list_command(), check=False, timeout=JOB_SECONDS).output.split():
            with _step("remove it"):
                host.run(instance_commands.remove_command(wanted.name), timeout=JOB_SECONDS)


def _by_xl(host: Host, me: ManagedHost, name: str, address: str, *, keep: bool) -> None:
    path = f"{FOLDER}/{name}.cfg"
    host.write(path, config(name, me, address))
    try:
        with _step(f"start the guest {name}"):
            host.run(["xl", "create", f"/{path}"], timeout=XL_SECONDS)
        try:
            _ping(host, address)
        except BaseException:
            keep = False
            raise
        finally:
            if not keep:
                with _step("end it"):
                    host.run(["xl", "destroy", name], timeout=XL_SECONDS)
    finally:
        host.path(path).unlink(missing_ok=True)


@contextmanager
def _own_address(host: Host, me: ManagedHost, wanted: str | None) -> Iterator[str]:
    """Provide the guest's address: the given one, or one of a link-local pair (RFC 3927).

    The other address of the pair is assigned to this host for the duration.
    """
    if wanted is not None:
        try:
            yield str(ipaddress.IPv4Interface(wanted))
        except ValueError:
            raise UserError(f"{wanted} is not an IPv4 address with prefix length", "use for example 192.0.2.77/24") from None
        return
    first = ipaddress.IPv4Address("169.254.1.0") + 4 * secrets.randbelow(253 * 64)
    mine = [f"{first + 1}/30", "scope", "link", "dev", me.port]
    host.run(["ip", "address", "add", *mine], timeout=COMMAND_SECONDS)
    try:
        yield f"{first + 2}/30"
    finally:
        host.run(["ip", "address", "del", f"{first + 1}/30", "dev", me.port], check=False, timeout=COMMAND_SECONDS)


def _ping(host: Host, address: str) -> None:
    target = address.partition("/")[0]
    with _step(f"ping it at {target}"):
        argv = ["ping", "-n", "-c", "1", "-W", str(REPLY_SECONDS), target]

        def answered() -> bool:
            return host.run(argv, check=False, timeout=COMMAND_SECONDS).returncode == 0

        hint = "check: xl console NAME; ovs-vsctl show; xl list"
        poll(answered, PING_SECONDS, PAUSE_SECONDS, f"the guest to answer at {target}", hint=hint)


@contextmanager
def _step(title: str) -> Iterator[None]:
    start = time.monotonic()
    print(f"     {title}", flush=True)
    yield
    print(f"  ok {title}  {time.monotonic() - start:.0f} s", flush=True)
