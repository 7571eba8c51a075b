"""``dom0ctl pool create|join|leave|status``: manage the pool manually, by the code of first boot."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from dom0kit.arguments.values import ip_address
from dom0kit.errors import UserError
from firstboot.host import Host
from firstboot.pool.driver_factory import driver, ganeti_creating, ganeti_joining, pool_state
from firstboot.pool.managed_host import pool_settings
from firstboot.pool.steps import joining_host, pool_text

if TYPE_CHECKING:
    from dom0kit.cli import Add

LIST_SECONDS = 600
"""List the pool's hosts for `dom0ctl pool status`.

Kind: cap. Reason: gnt-node list queries luxid only. Expiry: the command is killed, and the error
names it and the time.
"""


def register(add: Add) -> None:
    """Register the subcommands."""
    add(
        "pool status",
        "show the pool of this host: hosts, master, problems",
        _configure_status,
        status,
        example="dom0ctl pool status",
    )
    add(
        "pool create",
        "create a pool with this host as its first member",
        _configure_create,
        create,
        example="dom0ctl pool create pool.dc1.example --address 10.77.0.10",
    )
    add("pool join", "join this host to a pool by a join token", _configure_join, join, example="dom0ctl pool join")
    add(
        "pool leave",
        "remove this host from its pool; the last host destroys the pool",
        _configure_leave,
        leave,
        example="dom0ctl pool leave",
    )
    add(
        "pool names",
        "follow the pool's files: its hosts' names, the watcher; systemd runs this",
        _configure_none,
        names,
        example="dom0ctl pool names",
        hidden=True,
    )


def _configure_none(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def _configure_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, without the list of hosts")


def _configure_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the pool's name, with its domain")
    parser.add_argument("--address", type=ip_address, help="free address for the pool (default: the name is resolved)")


def _configure_join(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "token",
        nargs="?",
        default="",
        metavar="TOKEN",
        help="the token that the master printed (default: read from the terminal or standard input)",
    )


def _configure_leave(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def status(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool status``; exit code 1 when the pool is degraded."""
    host = Host()
    found = pool_state(host)
    if arguments.json:
        print(json.dumps(asdict(found), indent=2, sort_keys=True))
        return 0 if found.well else 1
    print(pool_text(found) + ("" if found.well else f"\ndegraded: {found.reason}"))
    if (
        found.role == "master" and found.toolstack == "ganeti" and found.well
    ):  # Ganeti's command would wait for a minute otherwise
        argv = ["gnt-node", "list", "--output=name,role,pinst_cnt,mfree,dfree"]
        print(host.run(argv, check=False, timeout=LIST_SECONDS).output.rstrip())
    return 0 if found.well else 1


def create(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool create NAME``."""
    host = _ganeti()
    from pool.ganeti import daemons  # noqa: PLC0415

    daemons.prepare(host)
    ganeti_creating(host, arguments.name, arguments.address).create()
    print(pool_text(pool_state(host)))
    return 0


def join(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool join TOKEN``."""
    host = _ganeti()
    token = arguments.token or _ask_token()
    from pool.ganeti import daemons  # noqa: PLC0415

    daemons.prepare(host)
    ganeti_joining(host, token).join(joining_host(host))
    print(pool_text(pool_state(host)))
    return 0


def leave(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool leave``."""
    host = Host()
    found = pool_state(host)
    if not arguments.yes and input(f"Take {host.name} out of its pool {found.pool}? Type 'yes': ").strip().lower() != "yes":
        print("Nothing was changed.")
        return 0
    driver(host).leave()
    print(f"{host.name} is in no pool")
    return 0


def names(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool names``."""
    from pool.ganeti.daemons import follow  # noqa: PLC0415

    follow(Host())
    return 0


def _ganeti() -> Host:
    host = Host()
    toolstack = pool_settings(host.host_json)["toolstack"]
    if toolstack != "ganeti":
        raise UserError(
            f"this host was installed with the toolstack {toolstack}", "use this command with Ganeti; see docs/reference/pools.md"
        )
    return host


def _ask_token() -> str:
    try:
        return getpass.getpass("Join token: ").strip() if sys.stdin.isatty() else sys.stdin.readline().strip()
    except EOFError:
        raise UserError("no join token on standard input", "run: dom0ctl pool join TOKEN") from None
