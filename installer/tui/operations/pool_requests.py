"""Requests to the pool from the screens: admission check, join tokens, fingerprints."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.machine_identity import machine_macs, machine_uuid
from dom0kit.process import QUERY_SECONDS
from installer.command_log import Commands
from installer.packages.package_store import mounted
from installer.tui.busy_screen import wait_for
from installer.tui.operations.ssh_access import find_addresses
from installer.tui.pages import packages, pool
from installer.tui.pages.pool_preflight import answer_text
from installer.tui.state import State, to_answers
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import BACK, Update, Values
from installer.tui.wizard import Terminal, show_form
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join.preflight import ask_pool
from pool.join.token import read_token

TITLE = "Pool admission check"
TOKEN = re.compile(r"d0k1-[A-Za-z0-9_-]{60,400}")
LARGEST = 64 * 1024
"""Maximum size in bytes of a file that is searched for a token."""


def joining_host(state: State, addresses: tuple[str, ...]) -> JoiningHost:
    """Return the description of this host that the pool checks.

    :param addresses: current addresses; replaced by static ones of the answers, if any.
    """
    kinds = (("ip.v4", "static.address"), ("ip.v6", "static6.address"))
    fixed = tuple(state.text(name).partition("/")[0] for kind, name in kinds if state.text(kind) == "static")
    return JoiningHost(
        name=state.text("name.host"),
        addresses=fixed or addresses,
        version=state.manifest.version,
        toolstack=dict(state.toolstacks).get(state.text("pool.toolstack"), state.text("pool.toolstack")),
        uuid=machine_uuid(),
        macs=machine_macs(),
    )


def tokens(root: Path) -> dict[str, str]:
    """Return the tokens in small files at the top of a volume and one folder below, by file name."""
    found = {}
    for path in (*sorted(root.glob("*")), *sorted(root.glob("*/*"))):
        if path.is_file() and path.stat().st_size <= LARGEST:
            for text in TOKEN.findall(path.read_text(errors="replace")):
                found[str(path.relative_to(root))] = text
    return found


def resolve(name: str) -> tuple[str, ...]:
    """Return the IPv4 addresses of a name; none if it does not resolve."""
    try:
        return tuple(
            dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM))
        )
    except OSError:
        return ()


class PoolOperations:
    """Handlers for the pool screens.

    :param demo: contact no other machine.
    """

    def __init__(self, terminal: Terminal, commands: Commands, *, demo: bool = False) -> None:
        self.terminal, self.commands, self.demo = terminal, commands, demo
        self._job: Job[PoolAnswer] | None = None
        self._asked: JoiningHost | None = None
        self._by: object = None

    def check_again(self, state: State, values: Values) -> State:
        """Discard the result, so that the pool is contacted again."""
        self._job = None
        return state

    def join_later(self, state: State, values: Values) -> State:
        """Make the host standalone for now."""
        return state.with_values({"pool.kind": "alone"})

    def update(self, state: State) -> Callable[[], Update | None]:
        """Start the admission check unless it ran for the same values; return the refresh function."""
        if state.text("pool.kind") != "join":
            return lambda: None
        if self.demo:
            return lambda: Update(texts={"pool.join.server": "[--] Not available in the demonstration mode."})
        try:
            job = self._start_check(state)
        except ValueError as error:
            text = f"[!!] The answers contradict each other: {error}"
            return lambda: Update(texts={"pool.join.server": text})

        def refresh() -> Update:
            if not job.over:
                return Update(
                    texts={"pool.join.server": f"Contacting the pool: {job.seconds:.0f} s. Each address can take some minutes."}
                )
            return Update(texts={"pool.join.server": answer_text(self._result(job))})

        return refresh

    def _start_check(self, state: State) -> Job[PoolAnswer]:
        there = find_addresses(self.commands(["ip", "-json", "address", "show"], check=False, timeout=QUERY_SECONDS).output)
        who, by = joining_host(state, there), to_answers(state).pool
        if self._job is None or (who, by) != (self._asked, self._by):
            self._asked, self._by = who, by
            self.commands.note(f"checking admission of {who.name} ({', '.join(who.addresses)}), {who.version}, {who.toolstack}")
            self._job = Job(lambda: ask_pool(by, who))
        return self._job

    def _result(self, job: Job[PoolAnswer]) -> PoolAnswer:
        try:
            return job.result()
        except Exception as error:
            return PoolAnswer(problems=(Problem("refused", f"unexpected error: {error}", "see the log for details"),))

    def left(self, state: State, forwards: bool) -> str:
        """Stay on the screen unless the pool accepts the host."""
        if not forwards or self.demo or state.text("pool.kind") != "join":
            return ""
        if self._job is None or not self._job.over:
            self.terminal.show_message(TITLE, "The pool has not answered yet. Wait, or choose 'Join later'.")
            return "pool-answer"
        answer = self._result(self._job)
        self.commands.note(f"admission check: {answer_text(answer)}")
        if answer.accepted:
            return ""
        self.terminal.show_message(TITLE, "The pool rejects this host. Fix the reported problems, or choose 'Join later'.")
        return "pool-answer"

    def check_name(self, state: State, forwards: bool) -> str:
        """Check that a new Ganeti pool's name resolves to its address.

        A Ganeti pool without an address in the answers needs a name that resolves.
        """
        if not forwards or self.demo or state.text("pool.toolstack") != "ganeti":
            return ""
        name, address = state.text("pool.name"), state.text("pool.address")
        found = wait_for(self.terminal, Job(lambda: resolve(name)), f"Looking up {name} ...")
        if not address and not found:
            self.terminal.show_message("New pool", f"{name} does not resolve. Enter the pool's address, or correct the name.")
            return "pool-create"
        if not address and (conflict := pool.address_conflict(state, found[0])):
            self.terminal.show_message("New pool", f"{name} resolves to {found[0]}. {conflict}")
            return "pool-create"
        if address and found and address not in found:
            self.terminal.show_message("New pool", f"{name} resolves to {', '.join(found)}, not {address}. Correct one of them.")
            return "pool-create"
        return ""

    def read_token_file(self, state: State, values: Values) -> State:
        """Read the token from a file on a USB stick or CD."""
        while True:
            there = wait_for(self.terminal, Job(lambda: packages.find_volumes(self.commands)), "Searching for media ...")
            reply = show_form(self.terminal, lambda there=there: packages.volumes(there, what="the join token"))  # type: ignore[misc]
            if reply.button != "rescan":
                break
        device = str(reply.values.get("volume.device", ""))
        if reply.button == BACK or not device:
            return state

        def read_tokens() -> dict[str, str]:
            with mounted(Path(device), self.commands, "the join token") as root:
                return tokens(root)

        try:
            found = wait_for(self.terminal, Job(read_tokens), f"Reading {device} ...")
            text = self._single_token(found, device)
        except (UserError, OSError) as error:
            self.terminal.show_message("Join token", str(error))
            return state
        self.terminal.show_message("Join token", f"Found on {device}: {pool.describe_token(text)}. You can remove the stick now.")
        return state.with_values({"pool.join.token": text, "pool.typed": ""})

    def _single_token(self, found: dict[str, str], device: str) -> str:
        if not found:
            raise UserError(f"no file on {device} holds a join token", "save it in a text file at the top level of the stick")
        if len(set(found.values())) > 1:
            raise UserError(f"there are several join tokens on {device}: {', '.join(found)}", "keep only one of them")
        text = next(iter(found.values()))
        read_token(text)
        return text

    def fetch_fingerprint(self, state: State, values: Values) -> State:
        """Fetch the certificate of the machine at the address, and ask the user whether it is correct."""
        server = str(values.get("pool.master", "")).strip()
        if self.demo or not server:
            self.terminal.show_message(
                "Fingerprint", "Enter the master's address first." if not server else "Not available in the demonstration mode."
            )
            return state
        try:
            shown = wait_for(
                self.terminal, Job(lambda: http_client.shown_fingerprint(server)), f"Fetching the certificate of {server} ..."
            )
        except UserError as error:
            self.terminal.show_message("Fingerprint", str(error))
            return state
        if show_form(self.terminal, lambda: pool.confirm_fingerprint(server, shown)).button != "yes":
            return state
        return state.with_values({"pool.fingerprint": shown})
