"""Asks the pool while the screens go on, and helps with tokens and fingerprints."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.machine_identity import machine_uuid
from dom0kit.process import QUERY_SECONDS
from installer.command_log import Commands
from installer.packages.package_store import mounted
from installer.tui.operations.ssh_access import find_addresses
from installer.tui.pages import packages, pool
from installer.tui.pages.pool_preflight import answer_text
from installer.tui.state import State, to_answers
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.busy_screen import wait_for
from installer.tui.toolkit.forms import BACK, Update, Values
from installer.tui.toolkit.wizard import Terminal, ask
from pool.driver import Joiner, PoolAnswer, Problem
from pool.join.preflight import ask_pool
from pool.join.token import read_token

TITLE = "Answer of the pool"
TOKEN = re.compile(r"d0k1-[A-Za-z0-9_-]{60,400}")
LARGEST = 64 * 1024
"""Bytes of a file in which a token is looked for."""


def joiner(state: State, addresses: tuple[str, ...]) -> Joiner:
    """What this host says of itself.

    :param addresses: those that it has now; fixed ones of the answers are those that it will have.
    """
    kinds = (("ip.v4", "static.address"), ("ip.v6", "static6.address"))
    fixed = tuple(state.text(name).partition("/")[0] for kind, name in kinds if state.text(kind) == "static")
    return Joiner(
        name=state.text("name.host"),
        addresses=fixed or addresses,
        version=state.manifest.version,
        toolstack=dict(state.toolstacks).get(state.text("pool.toolstack"), state.text("pool.toolstack")),
        uuid=machine_uuid(),
    )


def tokens(root: Path) -> dict[str, str]:
    """The tokens in small files at the top of a volume and one folder below, by the file's name."""
    found = {}
    for path in (*sorted(root.glob("*")), *sorted(root.glob("*/*"))):
        if path.is_file() and path.stat().st_size <= LARGEST:
            for text in TOKEN.findall(path.read_text(errors="replace")):
                found[str(path.relative_to(root))] = text
    return found


def resolve(name: str) -> tuple[str, ...]:
    """The IPv4 addresses of a name; none when nobody knows it."""
    try:
        return tuple(
            dict.fromkeys(str(found[4][0]) for found in socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM))
        )
    except OSError:
        return ()


class PoolEffects:
    """Acts for the pool's screens.

    :param demo: ask nobody.
    """

    def __init__(self, terminal: Terminal, commands: Commands, *, demo: bool = False) -> None:
        self.terminal, self.commands, self.demo = terminal, commands, demo
        self._job: Job[PoolAnswer] | None = None
        self._asked: Joiner | None = None
        self._by: object = None

    def again(self, state: State, values: Values) -> State:
        """Forget the answer, so that the pool is asked anew."""
        self._job = None
        return state

    def later(self, state: State, values: Values) -> State:
        """The host stands alone for now."""
        return state.having({"pool.kind": "alone"})

    def update(self, state: State) -> Callable[[], Update | None]:
        """Ask the pool unless it was asked the same already; the function says what is known so far."""
        if state.text("pool.kind") != "join":
            return lambda: None
        if self.demo:
            return lambda: Update(texts={"pool.join.server": "[--] Nobody is asked in the demonstration."})
        try:
            job = self._ask(state)
        except ValueError as error:
            text = f"[!!] The answers so far do not fit together: {error}"
            return lambda: Update(texts={"pool.join.server": text})

        def told() -> Update:
            if not job.over:
                return Update(
                    texts={
                        "pool.join.server": f"Asking the pool: {job.seconds:.0f} s. It may take some minutes for each address."
                    }
                )
            return Update(texts={"pool.join.server": answer_text(self._result(job))})

        return told

    def _ask(self, state: State) -> Job[PoolAnswer]:
        there = find_addresses(self.commands(["ip", "-json", "address", "show"], check=False, timeout=QUERY_SECONDS).output)
        who, by = joiner(state, there), to_answers(state).pool
        if self._job is None or (who, by) != (self._asked, self._by):
            self._asked, self._by = who, by
            self.commands.note(f"asking the pool for {who.name} ({', '.join(who.addresses)}), {who.version}, {who.toolstack}")
            self._job = Job(lambda: ask_pool(by, who))
        return self._job

    def _result(self, job: Job[PoolAnswer]) -> PoolAnswer:
        try:
            return job.result()
        except Exception as error:
            return PoolAnswer(problems=(Problem("refused", f"the pool could not be asked: {error}", "the log says more"),))

    def left(self, state: State, forwards: bool) -> str:
        """Nobody goes on with a pool that does not want the host."""
        if not forwards or self.demo or state.text("pool.kind") != "join":
            return ""
        if self._job is None or not self._job.over:
            self.terminal.tell(TITLE, "The pool has not answered yet. Wait for it, or choose 'Join later'.")
            return "pool-answer"
        said = self._result(self._job)
        self.commands.note(f"the pool says: {answer_text(said)}")
        if said.welcome:
            return ""
        self.terminal.tell(TITLE, "The pool would not take this host as it is. Mend what is said, or choose 'Join later'.")
        return "pool-answer"

    def resolved(self, state: State, forwards: bool) -> str:
        """Whether a new pool's name leads to its address: Ganeti wants that of a pool without an address in the answers."""
        if not forwards or self.demo or state.text("pool.toolstack") != "ganeti":
            return ""
        name, address = state.text("pool.name"), state.text("pool.address")
        found = wait_for(self.terminal, Job(lambda: resolve(name)), f"Looking up {name} ...")
        if not address and not found:
            self.terminal.tell("New pool", f"No name server knows {name}. Type the pool's address as well, or mend the name.")
            return "pool-create"
        if not address and (wrong := pool.beside_host(state, found[0])):
            self.terminal.tell("New pool", f"{name} leads to {found[0]}. {wrong}")
            return "pool-create"
        if address and found and address not in found:
            self.terminal.tell("New pool", f"{name} leads to {', '.join(found)}, and not to {address}. Mend one of the two.")
            return "pool-create"
        return ""

    def from_stick(self, state: State, values: Values) -> State:
        """Read the token from a file on a stick."""
        while True:
            there = wait_for(self.terminal, Job(lambda: packages.find_volumes(self.commands)), "Looking for sticks and CDs ...")
            reply = ask(self.terminal, lambda there=there: packages.volumes(there, what="the join token"))  # type: ignore[misc]
            if reply.button != "rescan":
                break
        device = str(reply.values.get("volume.device", ""))
        if reply.button == BACK or not device:
            return state

        def look() -> dict[str, str]:
            with mounted(Path(device), self.commands) as root:
                return tokens(root)

        try:
            found = wait_for(self.terminal, Job(look), f"Reading {device} ...")
            text = self._one(found, device)
        except (UserError, OSError) as error:
            self.terminal.tell("Join token", str(error))
            return state
        self.terminal.tell("Join token", f"On {device} there is the {pool.described(text)}. The stick may be taken out now.")
        return state.having({"pool.join.token": text, "pool.typed": ""})

    def _one(self, found: dict[str, str], device: str) -> str:
        if not found:
            raise UserError(f"no file on {device} holds a join token", "put it into a text file at the stick's top")
        if len(set(found.values())) > 1:
            raise UserError(f"there are several join tokens on {device}: {', '.join(found)}", "leave one of them")
        text = next(iter(found.values()))
        read_token(text)
        return text

    def fetch(self, state: State, values: Values) -> State:
        """Ask the machine at the address for its certificate, and the person whether it is the right one."""
        server = str(values.get("pool.master", "")).strip()
        if self.demo or not server:
            self.terminal.tell(
                "Fingerprint", "Type the master's address first." if not server else "Nobody is asked in the demonstration."
            )
            return state
        try:
            shown = wait_for(
                self.terminal, Job(lambda: http_client.shown_fingerprint(server)), f"Asking {server} for its certificate ..."
            )
        except UserError as error:
            self.terminal.tell("Fingerprint", str(error))
            return state
        if ask(self.terminal, lambda: pool.confirm_fingerprint(server, shown)).button != "yes":
            return state
        return state.having({"pool.fingerprint": shown})
