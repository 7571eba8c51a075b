"""``dom0ctl pool``.

Join tokens and the queue on the master, and the command that sshd runs for a joining host.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dom0kit.arguments.paths import path
from dom0kit.arguments.values import port
from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, run
from dom0kit.units import counted, table
from pool.arguments import duration, whole
from pool.driver import JoiningHost
from pool.ganeti.facts import candidates, is_live, read_facts
from pool.ganeti.peers import connections
from pool.host_access import LocalHost
from pool.join import openssh_keys
from pool.join.pool_facts import PoolFacts
from pool.join.queue import Queue
from pool.join.queue_worker import UNIT, queue_folder, run_worker
from pool.join.server import JoinServer, read_line
from pool.join.token import JoinToken
from pool.join.token_store import TokenRecord, TokenStore, span_text

if TYPE_CHECKING:
    from dom0kit.cli import Add

HOST_KEY = "etc/ssh/ssh_host_ecdsa_key.pub"
PROGRAM = "usr/bin/dom0ctl"


def register(add: Add) -> None:
    """Register the subcommands."""
    add(
        "pool token create",
        "create a join token and print it; it is a secret that allows hosts to join this pool",
        _configure_create,
        create,
        example="dom0ctl pool token create --uses 8 --ttl 2h",
    )
    add(
        "pool token list",
        "list join tokens: expiry, remaining uses, hosts",
        _configure_list,
        list_tokens,
        example="dom0ctl pool token list --json",
    )
    add("pool token revoke", "revoke a join token", _configure_revoke, revoke, example="dom0ctl pool token revoke k3q7abcd")
    add("pool queue", "list the hosts in the join queue", _configure_list, queue, example="dom0ctl pool queue")
    add(
        "pool answer",
        "process the request of a joining host; run by sshd",
        _configure_answer,
        answer,
        example="dom0ctl pool answer k3q7abcd",
        hidden=True,
    )
    add(
        "pool work",
        "add the hosts in the join queue to the pool; run by systemd",
        _configure_root,
        run_work,
        example="dom0ctl pool work",
        hidden=True,
    )


def _configure_root(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--root", type=path, default=Path("/"), metavar="FOLDER", help=argparse.SUPPRESS)


def _configure_create(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("--uses", default="1", metavar="N", help="number of hosts that may join, or 'any' (default: %(default)s)")
    parser.add_argument("--ttl", default="1h", metavar="TIME", help="time to live: 90s, 30m, 1h, 7d (default: %(default)s)")
    parser.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="address to contact the pool at; repeatable, tried in this order "
        "(default: the pool's address, its master's and those of other master candidates)",
    )
    parser.add_argument(
        "--port", type=port, default=22, metavar="PORT", help="port of the SSH server there (default: %(default)s)"
    )


def _configure_list(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _configure_revoke(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("id", metavar="ID", help="ID of the token, as 'dom0ctl pool token list' prints it")


def _configure_answer(parser: argparse.ArgumentParser) -> None:
    _configure_root(parser)
    parser.add_argument("id", metavar="ID", help="ID of the token")


def create(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool token create``."""
    root, now = arguments.root, time.time()
    uses = None if arguments.uses == "any" else whole(arguments.uses, 1, 100_000, "--uses")
    seconds = duration(arguments.ttl)
    facts = read_facts(root)
    if not facts.is_master:
        raise UserError(f"{facts.me} is not the pool's master", f"run this command on {facts.master}")
    token = JoinToken(host_key(root), secrets.token_bytes(32), tuple(arguments.address) or addresses(facts, root), arguments.port)
    text = token.write()
    key = openssh_keys.ed25519_line(openssh_keys.public_of(token.seed))
    as_root(lambda: token_store(root).add(TokenRecord(token.id, key, round(now, 3), round(now + seconds, 3), uses), now))
    print(text)
    hosts = "any number of hosts" if uses is None else counted(uses, "host")
    print(f"token {token.id}: {hosts}, expires in {span_text(seconds)}, addresses {', '.join(token.addresses)}", file=sys.stderr)
    return 0


def list_tokens(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool token list``."""
    now = time.time()
    entries = as_root(token_store(arguments.root).records)
    if arguments.json:
        print(json.dumps([token_to_json(entry, now) for entry in entries], indent=2, sort_keys=True))
        return 0
    rows: list[tuple[str, ...]] = [
        (
            e.id,
            token_state(e, now),
            f"{len(e.used)} of {'any' if e.uses is None else e.uses}",
            ", ".join(u.name for u in e.used[-4:]),
        )
        for e in entries
    ]
    print(table(("token", "state", "used", "by"), rows) if rows else "no join tokens")
    return 0


def revoke(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool token revoke ID``."""
    entry = as_root(lambda: token_store(arguments.root).revoke(arguments.id, time.time()))
    print(f"join token {entry.id} revoked")
    return 0


def queue(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool queue``."""
    waiting, now = Queue(queue_folder(arguments.root)), time.time()
    entries = as_root(lambda: waiting.entries(now))
    if arguments.json:
        print(json.dumps([{"number": t.number, "name": waiting.name(t), "state": t.state} for t in entries], indent=2))
        return 0
    rows: list[tuple[str, ...]] = [(str(entry.number), waiting.name(entry), entry.state) for entry in entries]
    print(table(("number", "host", "state"), rows) if rows else "the join queue is empty")
    return 0


def answer(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool answer ID``.

    The last line of the output holds the result, so the exit code is always 0.
    """
    root = arguments.root
    print_json({"hello": 1, "clock": round(time.time(), 3)})

    def close_connections(host: JoiningHost) -> None:
        connections.close_connections(LocalHost(root), host.addresses, lambda text: print(text, file=sys.stderr))

    waiting = Queue(queue_folder(root))
    server = JoinServer(
        root, token_store(root), waiting, lambda: read_facts(root), is_live, lambda: start_worker(root), close_connections
    )
    word = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    print_json(server.handle(arguments.id, word, lambda: read_line(sys.stdin.fileno())))
    return 0


def run_work(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool work``."""
    root = arguments.root
    if importlib.util.find_spec("pool.ganeti.add_node") is None:
        raise UserError("this image cannot add hosts to a pool: it has no Ganeti", "install an image with the toolstack ganeti")
    module: Any = importlib.import_module("pool.ganeti.add_node")
    store = token_store(root)

    def add(host: Any) -> None:
        module.add(host)
        for entry in store.records():
            if entry.has(host):
                store.replicate(entry.id)

    ended = threading.Event()
    # Undoing half an addition costs more than finishing it: SIGTERM ends the worker after the current host.
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    run_worker(Queue(queue_folder(root)), add, lambda text: print(text, flush=True), ending=ended.is_set)
    return 0


def start_worker(root: Path) -> None:
    """Start the queue worker's unit; do nothing in a test network, which runs its own worker."""
    if root == Path("/"):
        run(["systemctl", "start", "--no-block", UNIT], check=False, timeout=COMMAND_SECONDS)


def print_json(value: dict[str, Any]) -> None:
    """Print an object as one line for the joining host."""
    print(json.dumps(value, sort_keys=True), flush=True)


def token_store(root: Path) -> TokenStore:
    """Return the token store of this host.

    It replicates changes to the other master candidates when the image contains Ganeti.
    """
    command = f"{root / PROGRAM} pool answer" + ("" if root == Path("/") else f" --root {root}")
    if root != Path("/") or importlib.util.find_spec("pool.ganeti.peers.file_replication") is None:
        return TokenStore(root, command)
    module: Any = importlib.import_module("pool.ganeti.peers.file_replication")

    def spread(files: list[Path]) -> None:
        # The change is effective on this host; a candidate that is down must not turn it into a failure.
        try:
            module.copy_to_candidates(files)
        except UserError as error:
            print(f"warning: {error}", file=sys.stderr, flush=True)

    return TokenStore(root, command, spread)


def as_root(job: Callable[[], Any]) -> Any:
    """Call a function and translate missing permission into an error for the user.

    :raises UserError: when the files are readable by root only.
    """
    try:
        return job()
    except PermissionError as error:
        raise UserError(f"{error.filename} is readable by root only", "run this command as root") from error


def host_key(root: Path) -> bytes:
    """Return the SSH host key that all nodes of the pool share, in its 33-byte form.

    It is the ECDSA key: Ganeti copies RSA, DSA and ECDSA keys to each node, but no ed25519 keys.

    :raises UserError: when the key is missing or invalid.
    """
    path = root / HOST_KEY
    try:
        return openssh_keys.short_host_key(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"/{HOST_KEY} is missing or invalid: {error}", "create host keys: ssh-keygen -A") from error


def addresses(facts: PoolFacts, root: Path) -> tuple[str, ...]:
    """Return the addresses to contact the pool at.

    Its own, the master's, and those of two other master candidates.
    """
    others = [m.address for m in facts.members if m.name in candidates(root) and m.name != facts.master][:2]
    return tuple(dict.fromkeys(a for a in (facts.address, facts.master_address, *others) if a))


def token_state(entry: TokenRecord, now: float) -> str:
    """Return a token's state for the list."""
    problem = entry.problem(now)
    if problem is None:
        return f"valid for {span_text(entry.expires - now)}"
    return {"token": "revoked", "expired": f"expired {span_text(now - entry.expires)} ago", "used-up": "used up"}[problem.code]


def token_to_json(entry: TokenRecord, now: float) -> dict[str, Any]:
    """Return a token's state as a JSON value."""
    problem = entry.problem(now)
    return {
        "id": entry.id,
        "state": "good" if problem is None else "revoked" if problem.code == "token" else problem.code,
        "made": entry.made,
        "expires": entry.expires,
        "uses": entry.uses,
        "used": [{"name": use.name, "uuid": use.uuid, "time": use.time} for use in entry.used],
    }
