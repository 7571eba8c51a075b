"""``dom0ctl pool``: tokens on the master, and what sshd runs when a host comes with one."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, run
from dom0kit.units import counted, table
from pool.driver import Joiner
from pool.ganeti.facts import candidates, is_live, read_facts
from pool.ganeti.peers import connections
from pool.host_access import Local
from pool.join import openssh_keys
from pool.join.pool_facts import PoolFacts
from pool.join.queue import Queue
from pool.join.queue_worker import UNIT, queue_folder, work
from pool.join.server import Desk, read_line
from pool.join.token import JoinToken
from pool.join.token_store import Entry, Ledger, since

if TYPE_CHECKING:
    from dom0kit.cli import Add

HOST_KEY = "etc/ssh/ssh_host_ecdsa_key.pub"
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
PROGRAM = "usr/bin/dom0ctl"


def register(add: Add) -> None:
    """Add the room's subcommands."""
    add(
        "pool token create",
        "make a join token and print it: whoever has it can join hosts to this pool",
        _configure_create,
        create,
        example="dom0ctl pool token create --uses 3 --ttl 1h",
    )
    add(
        "pool token list",
        "the join tokens: how long and for how many hosts they are good, who used them",
        _configure_list,
        show,
        example="dom0ctl pool token list --json",
    )
    add(
        "pool token revoke",
        "make a join token worthless",
        _configure_revoke,
        revoke,
        example="dom0ctl pool token revoke 4f1c09ab",
    )
    add("pool queue", "the hosts that wait to be added", _configure_list, queue, example="dom0ctl pool queue")
    add(
        "pool answer",
        "answer a host that came with a join token; sshd runs this",
        _configure_answer,
        answer,
        example="dom0ctl pool answer 4f1c09ab",
        hidden=True,
    )
    add(
        "pool work",
        "add the hosts that wait; systemd runs this",
        _configure_root,
        run_work,
        example="dom0ctl pool work",
        hidden=True,
    )


def _configure_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=Path, default=Path("/"), metavar="FOLDER", help=argparse.SUPPRESS)


def _configure_create(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("--uses", default="1", metavar="N", help="for so many hosts, or 'any' (default: %(default)s)")
    parser.add_argument("--ttl", default="1h", metavar="TIME", help="for so long: 90s, 30m, 1h, 7d (default: %(default)s)")
    parser.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="where the pool can be asked, in this order (default: the pool's own address, its master's and other candidates')",
    )
    parser.add_argument("--port", type=int, default=22, metavar="PORT", help="of the SSH server there (default: %(default)s)")


def _configure_list(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("--json", action="store_true", help="as JSON")


def _configure_revoke(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("id", metavar="ID", help="the token's name, as 'list' shows it")


def _configure_answer(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("id", metavar="ID", help="the token's name")


def create(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool token create``."""
    root, now = arguments.root, time.time()
    uses = None if arguments.uses == "any" else whole(arguments.uses, 1, 100_000, "--uses")
    seconds = duration(arguments.ttl)
    if not 1 <= arguments.port <= 65535:
        raise UserError(f"{arguments.port} is no port", "1 to 65535")
    facts = read_facts(root)
    if not facts.is_master:
        raise UserError(f"{facts.me} is not the pool's master", f"run it on {facts.master}")
    token = JoinToken(host_key(root), secrets.token_bytes(32), tuple(arguments.address) or addresses(facts, root), arguments.port)
    text = token.write()
    key = openssh_keys.ed25519_line(openssh_keys.public_of(token.seed))
    guarded(lambda: ledger(root).add(Entry(token.id, key, round(now, 3), round(now + seconds, 3), uses), now))
    print(text)
    hosts = "any number of hosts" if uses is None else counted(uses, "host")
    print(f"token {token.id}: for {hosts} within {since(seconds)}, at {', '.join(token.addresses)}", file=sys.stderr)
    return 0


def show(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool token list``."""
    now = time.time()
    entries = guarded(ledger(arguments.root).all)
    if arguments.json:
        print(json.dumps([entry_json(entry, now) for entry in entries], indent=2, sort_keys=True))
        return 0
    rows: list[tuple[str, ...]] = [
        (e.id, state(e, now), f"{len(e.used)} of {'any' if e.uses is None else e.uses}", ", ".join(u.name for u in e.used[-4:]))
        for e in entries
    ]
    print(table(("token", "state", "used", "by"), rows) if rows else "there are no join tokens")
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool token revoke ID``."""
    entry = guarded(lambda: ledger(arguments.root).revoke(arguments.id, time.time()))
    print(f"the join token {entry.id} is worthless now")
    return 0


def queue(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool queue``."""
    waiting, now = Queue(queue_folder(arguments.root)), time.time()
    tickets = guarded(lambda: waiting.tickets(now))
    if arguments.json:
        print(json.dumps([{"number": t.number, "name": waiting.name(t), "state": t.state} for t in tickets], indent=2))
        return 0
    rows: list[tuple[str, ...]] = [(str(ticket.number), waiting.name(ticket), ticket.state) for ticket in tickets]
    print(table(("number", "host", "state"), rows) if rows else "nobody waits")
    return 0


def answer(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool answer ID``; the last line says how it went, so the exit code is 0."""
    root = arguments.root
    say({"hello": 1, "clock": round(time.time(), 3)})

    def hang_up(joiner: Joiner) -> None:
        connections.hang_up(Local(root), joiner.addresses)

    waiting = Queue(queue_folder(root))
    desk = Desk(root, ledger(root), waiting, lambda: read_facts(root), is_live, lambda: wake(root), hang_up)
    word = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    say(desk.answer(arguments.id, word, lambda: read_line(sys.stdin.fileno())))
    return 0


def run_work(arguments: argparse.Namespace) -> int:
    """``dom0ctl pool work``."""
    root = arguments.root
    if importlib.util.find_spec("pool.ganeti.add_node") is None:
        raise UserError("this image cannot add hosts to a pool", "install with an image that has the toolstack ganeti")
    module: Any = importlib.import_module("pool.ganeti.add_node")
    book = ledger(root)

    def add(joiner: Any) -> None:
        module.add(joiner)
        for entry in book.all():
            if entry.has(joiner):
                book.spread(entry.id)

    ended = threading.Event()
    # Half an addition is dearer than the time that it takes: the one that is at it is brought to its end.
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    work(Queue(queue_folder(root)), add, lambda text: print(text, flush=True), ending=ended.is_set)
    return 0


def wake(root: Path) -> None:
    """Start the worker, unless it is at it; in a laboratory there is another one."""
    if root == Path("/"):
        run(["systemctl", "start", "--no-block", UNIT], check=False, timeout=COMMAND_SECONDS)


def say(value: dict[str, Any]) -> None:
    """A line for the host."""
    print(json.dumps(value, sort_keys=True), flush=True)


def ledger(root: Path) -> Ledger:
    """The book of this host, which brings what changes to the other candidates when Ganeti's part can."""
    command = f"{root / PROGRAM} pool answer" + ("" if root == Path("/") else f" --root {root}")
    if root != Path("/") or importlib.util.find_spec("pool.ganeti.peers.file_replication") is None:
        return Ledger(root, command)
    module: Any = importlib.import_module("pool.ganeti.peers.file_replication")

    def spread(files: list[Path]) -> None:
        # What was written here holds here; a candidate that is away must not turn that into a failure.
        try:
            module.copy_to_candidates(files)
        except UserError as error:
            print(f"warning: {error}", file=sys.stderr, flush=True)

    return Ledger(root, command, spread)


def guarded(job: Callable[[], Any]) -> Any:
    """What a job gives; without root's rights one sentence."""
    try:
        return job()
    except PermissionError as error:
        raise UserError(f"the pool's book may be read by root alone: {error.filename}", "run this command as root") from error


def host_key(root: Path) -> bytes:
    """The host key that all nodes of the pool share: Ganeti copies RSA, DSA and ECDSA keys to each node, and no ed25519 ones."""
    path = root / HOST_KEY
    try:
        return openssh_keys.short_host_key(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"/{HOST_KEY} is not there or not as expected: {error}", "ssh-keygen -A makes host keys") from error


def addresses(facts: PoolFacts, root: Path) -> tuple[str, ...]:
    """Where the pool can be asked: at its own address, at the master's, at two other candidates'."""
    others = [m.address for m in facts.members if m.name in candidates(root) and m.name != facts.master][:2]
    return tuple(dict.fromkeys(a for a in (facts.address, facts.master_address, *others) if a))


def whole(text: str, least: int, most: int, option: str) -> int:
    """A whole number.

    :raises UserError: when it is none, or out of bounds.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UserError(f"{option} {text!r} is no number from {least} to {most}")
    return int(text)


def duration(text: str) -> int:
    """Seconds from ``90s``, ``30m``, ``1h`` or ``7d``.

    :raises UserError: when it is none, or more than a year.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", text)
    if not found or int(found[1]) * UNITS[found[2]] > 366 * 86400:
        raise UserError(f"{text!r} is no time to live of at most a year", "90s, 30m, 1h, 7d")
    return int(found[1]) * UNITS[found[2]]


def state(entry: Entry, now: float) -> str:
    """A token's state for the list."""
    problem = entry.problem(now)
    if problem is None:
        return f"good for {since(entry.expires - now)}"
    return {"token": "revoked", "expired": f"expired {since(now - entry.expires)} ago", "used-up": "used up"}[problem.code]


def entry_json(entry: Entry, now: float) -> dict[str, Any]:
    """A token for the list as JSON."""
    problem = entry.problem(now)
    return {
        "id": entry.id,
        "state": "good" if problem is None else "revoked" if problem.code == "token" else problem.code,
        "made": entry.made,
        "expires": entry.expires,
        "uses": entry.uses,
        "used": [{"name": use.name, "uuid": use.uuid, "time": use.time} for use in entry.used],
    }
