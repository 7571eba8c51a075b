"""``dom0ctl pool``.

Join tokens and the queue on the master, and the command that sshd runs for a joining host.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, run
from dom0kit.units import table
from pool import token_cli
from pool.arguments import add_list_options, add_root
from pool.driver import JoiningHost, Problem
from pool.ganeti.facts import is_live, read_current_facts, resolve
from pool.ganeti.peers import connections
from pool.host_access import LocalHost
from pool.join.admission import contact_address, place_problems
from pool.join.queue import HELD, Queue, QueueEntry
from pool.join.queue_worker import UNIT, queue_folder, run_worker
from pool.join.request_signing import fingerprint, new_nonce
from pool.join.server import JoinServer, read_line
from pool.join.token_store import TokenStore
from pool.local_pool import as_root, token_store

if TYPE_CHECKING:
    from dom0kit.cli import Add

STATES = {HELD: "waits for approval"}
"""States of queue entries as the list shows them, where they differ."""


def register(add: Add) -> None:
    """Register the subcommands."""
    token_cli.register(add)
    add("pool queue", "list the hosts in the join queue", add_list_options, queue, example="dom0ctl pool queue")
    add(
        "pool approve",
        "let a host join that waits for approval",
        _configure_name,
        approve,
        example="dom0ctl pool approve xen2.dc1.example",
    )
    add(
        "pool deny",
        "refuse a host that waits for approval",
        _configure_name,
        deny,
        example="dom0ctl pool deny xen2.dc1.example",
    )
    add(
        "pool readd",
        "take back a host of the pool that was down, such as a master that was replaced",
        _configure_readd,
        readd,
        example="dom0ctl pool readd xen1.dc1.example",
    )
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
        add_root,
        run_work,
        example="dom0ctl pool work",
        hidden=True,
    )


def _configure_name(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("name", metavar="NAME", help="name of the host, as 'dom0ctl pool queue' prints it")


def _configure_readd(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the host, as 'gnt-node list' prints it")


def _configure_answer(parser: argparse.ArgumentParser) -> None:
    add_root(parser)
    parser.add_argument("id", metavar="ID", help="ID of the token")


def queue(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool queue``."""
    waiting, now = Queue(queue_folder(arguments.root)), time.time()
    entries = as_root(lambda: [(entry, waiting.host(entry)) for entry in waiting.entries(now)])
    if arguments.json:
        print(json.dumps([entry_to_json(entry, host) for entry, host in entries], indent=2))
        return 0
    rows: list[tuple[str, ...]] = [
        (str(entry.number), host.name, STATES.get(entry.state, entry.state), contact_address(host), fingerprint(host.key))
        for entry, host in entries
        if host is not None
    ]
    print(table(("number", "host", "state", "address", "SSH host key"), rows) if rows else "the join queue is empty")
    return 0


def entry_to_json(entry: QueueEntry, host: JoiningHost | None) -> dict[str, Any]:
    """Return a queue entry as a JSON value; what its file no longer has is empty."""
    value = {"number": entry.number, "state": entry.state, "name": "", "address": "", "uuid": "", "key": ""}
    if host is not None:
        value |= {"name": host.name, "address": contact_address(host), "uuid": host.uuid, "key": fingerprint(host.key)}
    return value


def approve(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool approve NAME``."""
    root = arguments.root
    host, _ = as_root(lambda: Queue(queue_folder(root)).decide(arguments.name, time.time()))
    start_worker(root)
    print(f"{host.name} is approved: address {contact_address(host)}, SSH host key {fingerprint(host.key)}")
    return 0


def deny(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool deny NAME``."""
    root = arguments.root
    problem = Problem("denied", f"the pool's administrator denied {arguments.name}", "ask the administrator, and use a new token")
    host, token = as_root(lambda: Queue(queue_folder(root)).decide(arguments.name, time.time(), problem))
    if token:
        as_root(lambda: token_store(root).deny(token, host.key))
    print(f"{host.name} is denied: address {contact_address(host)}, SSH host key {fingerprint(host.key)}")
    return 0


def answer(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool answer ID``.

    The last line of the output holds the result, so the exit code is always 0.
    """
    root = arguments.root
    nonce = new_nonce()
    print_json({"hello": 1, "clock": round(time.time(), 3), "nonce": nonce})

    def close_connections(host: JoiningHost) -> None:
        connections.close_connections(LocalHost(root), host.addresses, lambda text: print(text, file=sys.stderr))

    waiting = Queue(queue_folder(root))
    server = JoinServer(
        root,
        token_store(root),
        waiting,
        lambda: read_current_facts(root),
        is_live,
        lambda: start_worker(root),
        close_connections,
        resolve=lambda name: resolve(root, name),
    )
    word = os.environ.get("SSH_ORIGINAL_COMMAND", "")
    print_json(server.handle(arguments.id, word, lambda: read_line(sys.stdin.fileno()), nonce))
    return 0


def readd(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool readd NAME``."""
    additions().readd(arguments.name)
    print(f"{arguments.name} is back in the pool")
    return 0


def additions() -> Any:
    """Return the module that adds hosts.

    :raises UserError: when the image has no Ganeti.
    """
    if importlib.util.find_spec("pool.ganeti.add_node") is None:
        raise UserError("this image cannot add hosts to a pool: it has no Ganeti", "install an image with the toolstack ganeti")
    return importlib.import_module("pool.ganeti.add_node")


def run_work(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl pool work``."""
    root = arguments.root
    module = additions()
    store = token_store(root)

    def add(host: JoiningHost) -> None:
        check_place(root, store, host)
        module.add(host)
        for entry in store.records():
            if entry.has(host):
                store.replicate(entry.id)

    ended = threading.Event()
    # Undoing half an addition costs more than finishing it: SIGTERM ends the worker after the current host.
    signal.signal(signal.SIGTERM, lambda number, frame: ended.set())
    run_worker(Queue(queue_folder(root)), add, lambda text: print(text, flush=True), ending=ended.is_set)
    return 0


def check_place(root: Path, store: TokenStore, host: JoiningHost) -> None:
    """Check the name and addresses of a host again, whose turn may have come hours after its admission.

    :raises UserError: with the first problem.
    """
    facts = read_current_facts(root)
    member = facts.member(host.name)
    live = member is not None and not member.offline and is_live(member.address)
    resolved = () if member is not None else resolve(root, host.name)
    for problem in place_problems(host, facts, live=live, known=store.keys(), resolved=resolved):
        raise UserError(problem.text, problem.hint)


def start_worker(root: Path) -> None:
    """Start the queue worker's unit; do nothing in a test network, which runs its own worker."""
    if root == Path("/"):
        run(["systemctl", "start", "--no-block", UNIT], check=False, timeout=COMMAND_SECONDS)


def print_json(value: dict[str, Any]) -> None:
    """Print an object as one line for the joining host."""
    print(json.dumps(value, sort_keys=True), flush=True)
