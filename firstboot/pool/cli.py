"""``dom0ctl pool create|join|leave|status``: a pool by hand, by the same code as at first boot."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from firstboot.host import Host
from firstboot.pool.driver_factory import driver, pool_state, with_new, with_token
from firstboot.pool.member import told_pool
from firstboot.pool.steps import joiner, pool_text

if TYPE_CHECKING:
    from dom0kit.cli import Add

LIST_SECONDS = 600
"""List the pool's hosts for `dom0ctl pool status`.

Kind: cap. Reason: gnt-node list asks luxid alone. Expiry: the command is killed, and the error names it and the time.
"""


def register(add: Add) -> None:
    """Add the subcommands."""
    add(
        "pool status",
        "the pool that this host is in: its hosts, its master, what is wrong",
        _configure_status,
        status,
        example="dom0ctl pool status",
    )
    add(
        "pool create",
        "make a new pool with this host as its first",
        _configure_create,
        create,
        example="dom0ctl pool create pool.dc1.example --address 10.77.0.10",
    )
    add("pool join", "bring this host into a pool by a join token", _configure_join, join, example="dom0ctl pool join")
    add(
        "pool leave",
        "take this host out of its pool; the last host takes the pool with it",
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
    """No arguments."""


def _configure_status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON, without the list of hosts")


def _configure_create(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="the pool's name, with its domain")
    parser.add_argument("--address", help="the pool's own free address; without it the name must be in the DNS")


def _configure_join(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("token", nargs="?", default="", metavar="TOKEN", help="what the master printed; asked for without it")


def _configure_leave(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def status(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool status``; exit code 1 when something is wrong."""
    host = Host()
    found = pool_state(host)
    if arguments.json:
        print(json.dumps(asdict(found), indent=2, sort_keys=True))
        return 0 if found.well else 1
    print(pool_text(found) + ("" if found.well else f"\nnot well: {found.reason}"))
    if found.role == "master" and found.toolstack == "ganeti" and found.well:  # otherwise Ganeti's command waits for a minute
        argv = ["gnt-node", "list", "--output=name,role,pinst_cnt,mfree,dfree"]
        print(host.run(argv, check=False, timeout=LIST_SECONDS).output.rstrip())
    return 0 if found.well else 1


def create(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool create NAME``."""
    host = _ganeti()
    from pool.ganeti import daemons  # noqa: PLC0415

    daemons.prepare(host)
    with_new(host, arguments.name, arguments.address).create()
    print(pool_text(pool_state(host)))
    return 0


def join(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool join TOKEN``."""
    host = _ganeti()
    token = arguments.token or _ask_token()
    from pool.ganeti import daemons  # noqa: PLC0415

    daemons.prepare(host)
    with_token(host, token).join(joiner(host))
    print(pool_text(pool_state(host)))
    return 0


def leave(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool leave``."""
    host = Host()
    found = pool_state(host)
    if not arguments.yes and input(f"Take {host.name} out of its pool {found.pool}? Type 'yes': ").strip().lower() != "yes":
        print("Nothing was changed.")
        return 0
    driver(host).leave()
    print(f"{host.name} is in no pool")
    return 0


def names(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool names``."""
    from pool.ganeti.daemons import follow  # noqa: PLC0415

    follow(Host())
    return 0


def _ganeti() -> Host:
    host = Host()
    toolstack = told_pool(host.told)["toolstack"]
    if toolstack != "ganeti":
        raise UserError(
            f"this host was installed with the toolstack {toolstack}", "pools by hand are Ganeti's; see docs/reference/pools.md"
        )
    return host


def _ask_token() -> str:
    try:
        return getpass.getpass("Join token: ").strip() if sys.stdin.isatty() else sys.stdin.readline().strip()
    except EOFError:
        raise UserError("nobody answers", "dom0ctl pool join TOKEN") from None
