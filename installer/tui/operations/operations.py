"""What the screens do to the running installer beside the installation itself: key map, network test, looking again, saving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from dom0kit.errors import UserError
from dom0kit.process import QUERY_SECONDS
from installer.command_log import Commands
from installer.model.hardware import Facts
from installer.storage_network import multipath
from installer.tui.operations.add_packages import PackageEffects
from installer.tui.operations.dhcp_lease import read_lease
from installer.tui.operations.network_probe import Probe
from installer.tui.operations.pool_requests import PoolEffects
from installer.tui.operations.save_answers import save
from installer.tui.operations.send_log import LogEffects
from installer.tui.operations.ssh_access import Access, find_addresses, open_access
from installer.tui.pages import summary
from installer.tui.pages.disk_rows import may_get_paths, short
from installer.tui.state import State, closed_secret, to_answers, to_yaml
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.busy_screen import wait_for
from installer.tui.toolkit.forms import BACK, Update, Values
from installer.tui.toolkit.wizard import Terminal, ask

TMUX = Path("/run/dom0kit/tmux")
"""The socket of the tmux server that the installer runs in."""
INSTALLER, LOG, SHELL = 1, 2, 3
"""The windows of its session."""


class Effects:
    """Acts for the screens.

    :param demo: change nothing on this machine, for development: no key map, no network, no window.
    """

    def __init__(self, terminal: Terminal, commands: Commands, collect: Callable[[], Facts], *, demo: bool = False) -> None:
        self.terminal, self.commands, self.collect, self.demo = terminal, commands, collect, demo
        self._probe: Probe | None = None
        self._key_map = "us"
        self._access: Access | None = None
        self.pool = PoolEffects(terminal, commands, demo=demo)

    # Each screen's way to here.

    def hooks(self) -> dict[str, Any]:
        """All of them, as :class:`installer.tui.toolkit.wizard.Driver` takes them."""
        return {"actions": self.actions(), "updates": self.updates(), "entered": self.entered(), "left": self.left()}

    def actions(self) -> dict[tuple[str, str], Callable[[State, Values], State]]:
        """Further buttons, by (screen, button)."""
        return {
            ("disk", "rescan"): self.rescan,
            ("disk", "multipath"): self.as_multipath,
            ("card", "rescan"): self.rescan,
            ("packages", "add"): PackageEffects(self.terminal, self.commands, self.look, self.demo).add,
            ("pool-token", "stick"): self.pool.from_stick,
            ("pool-xapi", "fetch"): self.pool.fetch,
            ("pool-answer", "again"): self.pool.again,
            ("pool-answer", "later"): self.pool.later,
            ("summary", "answers"): self.answers,
            ("what", "ssh"): self.ssh,
        }

    def updates(self) -> dict[str, Callable[[State], Callable[[], Update | None]]]:
        """Live screens."""
        return {"test": self.test, "pool-answer": self.pool.update}

    def entered(self) -> dict[str, Callable[[State], State]]:
        """What is looked up when a screen is come to."""
        return {"ip": self.propose}

    def left(self) -> dict[str, Callable[[State, bool], str]]:
        """What happens when a screen was left."""
        return {
            "keyboard": self.load_key_map,
            "what": self.rescue,
            "test": self.end_test,
            "names": self.say_access,
            "pool-create": self.pool.resolved,
            "pool-answer": self.pool.left,
        }

    # The effects.

    def look(self) -> Facts:
        """The machine's facts, with a screen that shows that time passes.

        :raises UserError: when they cannot be collected.
        """
        return wait_for(self.terminal, Job(self.collect), "Looking at the disks and network cards of this machine ...")

    def rescan(self, state: State, values: Values) -> State:
        """Look at the machine again."""
        try:
            return replace(state, facts=self.look())
        except UserError as error:
            self.terminal.tell("Looking again failed", str(error))
            return state

    def propose(self, state: State) -> State:
        """Note what DHCP told the chosen card; after the test of a fixed address it is forgotten."""
        nic = state.nic(state.text("card.key"))
        if nic is None or self.demo:
            return state
        told = read_lease(nic.name)
        known = state.text("lease.card") == nic.mac and not any(told.values())
        return state if known else state.having({**told, "lease.card": nic.mac})

    def as_multipath(self, state: State, values: Values) -> State:
        """Make the marked disk a multipath disk, though it has one path now; the bar goes to it."""
        disk = state.disk(str(values.get("disk.key", "")))
        if disk is None or not may_get_paths(disk):
            self.terminal.tell("As multipath", "This is for disks of a storage network that have a single path now. Mark one.")
            return state

        def make() -> Facts:
            multipath.declare(disk.path, self.commands)
            return self.collect()

        try:
            facts = wait_for(self.terminal, Job(make), f"Making a multipath disk of {short(disk.path)} ...")
        except UserError as error:
            self.terminal.tell("As multipath", str(error))
            return state
        key = next((other.path for other in facts.disks if disk.path in other.paths), disk.path)
        return replace(state, facts=facts).having({"disk.key": key})

    def load_key_map(self, state: State, forwards: bool) -> str:
        """Make the keys of the machine's own keyboard mean what they show. Takes a second or two, in the background."""
        name = state.text("keyboard.map")
        if name == self._key_map or self.demo:
            return ""
        self._key_map = name

        def load() -> None:
            # Debian has no key maps for loadkeys; they are made of the XKB database.
            layout, _, variant = XKB.get(name, name).partition(":")
            words = ["ckbcomp", "-compact", "-model", "pc105", "-layout", layout, *(["-variant", variant] if variant else [])]
            made = self.commands(words, check=False)
            if made.returncode == 0 and made.output:
                self.commands.runner(["loadkeys", "--quiet", "--console=/dev/tty0", "-"], stdin=made.output, check=False)

        Job(load)
        return ""

    def rescue(self, state: State, forwards: bool) -> str:
        """A shell instead of an installation; the screens stay where they are."""
        if not forwards or state.text("action.what") != "rescue":
            return ""
        self.shell()
        return "what"

    def ssh(self, state: State, values: Values) -> State:
        """Let somebody log in to this session, with a password for this start of the machine."""
        self.let_in("password")
        return state

    def let_in(self, source: str) -> None:
        """Open access over SSH and say how to use it."""
        if self.demo:
            self.terminal.tell("SSH access", "There is none in the demonstration.")
            return
        try:
            access = wait_for(self.terminal, Job(lambda: open_access(source, self.commands)), "Opening access over SSH ...")
        except UserError as error:
            self.terminal.tell("SSH access", str(error))
            return
        self._access = access
        self.terminal.name(access.text())
        others = f"\n\nIts addresses: {', '.join(access.addresses)}" if len(access.addresses) > 1 else ""
        self.terminal.tell("SSH access", f"Log in with: {access.text()}\n\nThe top line of the screen says it again.{others}")

    def say_access(self, state: State, forwards: bool) -> str:
        """The top line names the address that this machine has now: the test of the network may have changed it."""
        if self._access is not None:
            found = find_addresses(self.commands(["ip", "-json", "address", "show"], check=False, timeout=QUERY_SECONDS).output)
            self._access = replace(self._access, addresses=found)
            self.terminal.name(self._access.text())
        return ""

    def shell(self) -> None:
        """Go to the window with the shell."""
        self.terminal.tell(
            "Shell",
            "The shell is in the third window. You are taken there now. Ctrl-T comes back to these screens; nothing is lost.",
        )
        self.window(SHELL)

    def window(self, number: int) -> None:
        """Show another window of the session on all consoles."""
        if not self.demo and TMUX.exists():
            self.commands(["tmux", "-S", TMUX, "select-window", "-t", f"installer:{number}"], check=False, timeout=QUERY_SECONDS)

    def test(self, state: State) -> Callable[[], Update | None]:
        """Begin the test of the network; the function says what is known so far."""
        self.end_test(state, True)
        if self.demo:
            return lambda: Update(texts={"test.result": "[--] There is no test in the demonstration."})
        try:
            # All but the network is of no account yet: most of it has not been asked for.
            management = to_answers(
                state.having({"name.host": "test", "root.hash": "$6$testtest$" + "x" * 43, "pool.kind": "alone"})
            ).network.management
        except ValidationError as error:
            text = f"[!!] The settings cannot be tried: {error.errors()[0]['msg']}"
            return lambda: Update(texts={"test.result": text})
        nics = tuple(nic for mac in state.cards() if (nic := state.nic(mac)))
        probe = self._probe = Probe(management, nics, runner=self.commands)
        return lambda: Update(texts={"test.result": probe.view()})

    def end_test(self, state: State, forwards: bool) -> str:
        """End the test; the card keeps what it has."""
        if self._probe is not None:
            self._probe.stop()
            self._probe = None
        return self.say_access(state, forwards)

    def answers(self, state: State, values: Values) -> State:
        """Show the file of answers, and save it when asked."""
        text = to_yaml(state)
        while True:
            reply = ask(self.terminal, lambda: summary.answers(text, closed_secret(state)))
            if reply.button == BACK:
                return state
            save(self.terminal, self.commands, f"{state.text('name.host')}.yaml", text.encode(), "the answers")

    def save_log(self, state: State, path: Path, bundle: Callable[[], bytes]) -> None:
        """Let the log out, by the way that the person chooses."""

        def to_stick() -> None:
            try:
                save(self.terminal, self.commands, path.name, path.read_bytes(), "the log")
            except OSError as error:
                self.terminal.tell("Save the log", f"The log {path} cannot be read: {error.strerror}")

        LogEffects(self.terminal, self.commands, lambda: self.reachable(state), bundle, to_stick).save()

    def reachable(self, state: State) -> tuple[str, ...]:
        """The addresses of this machine; the network is brought up with the chosen settings when it has none."""
        words = ["ip", "-json", "address", "show"]
        if not (found := find_addresses(self.commands(words, check=False, timeout=QUERY_SECONDS).output)):
            ask(self.terminal, summary.network_test, update=self.test(state))
            self.end_test(state, True)
            found = find_addresses(self.commands(words, check=False, timeout=QUERY_SECONDS).output)
        return found


XKB = {
    "uk": "gb",
    "br-abnt2": "br",
    "cf": "ca",
    "croat": "hr",
    "us-dvorak": "us:dvorak",
    "et": "ee",
    "jp106": "jp",
    "la": "latam",
    "slovene": "si",
    "sv": "se",
    "fr_CH": "ch:fr",
    "sg": "ch:de",
    "trq": "tr",
}
"""Layout and variant of the XKB database for key maps whose name is another there."""
