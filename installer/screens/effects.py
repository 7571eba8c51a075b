"""What the screens do to the running installer beside the installation itself: key map, network test, looking again, saving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from dom0kit.errors import UserError
from installer.commands import Commands
from installer.machine import Facts
from installer.screens import end, sticks
from installer.screens.access import open_access
from installer.screens.driver import Terminal, ask
from installer.screens.forms import BACK, Form, Update, Values
from installer.screens.jobs import Job
from installer.screens.probe import Probe
from installer.screens.state import State, to_answers, to_yaml

T = TypeVar("T")
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

    # Each screen's way to here.

    def actions(self) -> dict[tuple[str, str], Callable[[State, Values], State]]:
        """Further buttons, by (screen, button)."""
        return {
            ("disk", "rescan"): self.rescan,
            ("card", "rescan"): self.rescan,
            ("summary", "answers"): self.answers,
            ("what", "ssh"): self.ssh,
        }

    def updates(self) -> dict[str, Callable[[State], Callable[[], Update | None]]]:
        """Live screens."""
        return {"test": self.test}

    def left(self) -> dict[str, Callable[[State, bool], str]]:
        """What happens when a screen was left."""
        return {"keyboard": self.load_key_map, "what": self.rescue, "test": self.end_test}

    # The effects.

    def look(self) -> Facts:
        """The machine's facts, with a screen that shows that time passes.

        :raises UserError: when they cannot be collected.
        """
        return self._wait(Job(self.collect), "Looking at the disks and network cards of this machine ...")

    def _wait(self, job: Job[T], text: str) -> T:
        """What a job gives, with a screen that shows that time passes when it takes more than a moment."""
        if not job.wait(0.4):
            while not job.over:
                ask(self.terminal, lambda: end.looking(text), update=waiting(job))
        return job.result()

    def rescan(self, state: State, values: Values) -> State:
        """Look at the machine again."""
        try:
            return replace(state, facts=self.look())
        except UserError as error:
            self.terminal.tell("Looking again failed", str(error))
            return state

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
            made = self.commands(words, check=False, timeout=120)
            if made.returncode == 0 and made.output:
                self.commands.runner(
                    ["loadkeys", "--quiet", "--console=/dev/tty0", "-"], stdin=made.output, check=False, timeout=30
                )

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
            access = open_access(source, self.commands)
        except UserError as error:
            self.terminal.tell("SSH access", str(error))
            return
        self.terminal.name(access.text())
        others = f"\n\nIts addresses: {', '.join(access.addresses)}" if len(access.addresses) > 1 else ""
        self.terminal.tell("SSH access", f"Log in with: {access.text()}\n\nThe top line of the screen says it again.{others}")

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
            self.commands(["tmux", "-S", TMUX, "select-window", "-t", f"installer:{number}"], check=False, timeout=10)

    def test(self, state: State) -> Callable[[], Update | None]:
        """Begin the test of the network; the function says what is known so far."""
        self.end_test(state, True)
        if self.demo:
            return lambda: Update(texts={"test.result": "[--] There is no test in the demonstration."})
        try:
            # All but the network is of no account yet: most of it has not been asked for.
            management = to_answers(
                state.having({"name.host": "test", "root.hash": "$6$testtest$" + "x" * 43})
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
        return ""

    def answers(self, state: State, values: Values) -> State:
        """Show the file of answers, and save it when asked."""
        text = to_yaml(state)
        while True:
            reply = ask(self.terminal, lambda: end.answers(text))
            if reply.button == BACK:
                return state
            self.save(f"{state.text('name.host')}.yaml", text.encode(), "the answers")

    def save_log(self, path: Path) -> None:
        """Save the log to a stick."""
        try:
            data = path.read_bytes()
        except OSError as error:
            self.terminal.tell("Save log", f"The log {path} cannot be read: {error.strerror}")
            return
        self.save(path.name, data, "the log")

    def save(self, name: str, data: bytes, what: str) -> None:
        """Ask for a stick and write to it."""
        while True:
            found = sticks.find_sticks(self.commands)

            def form(found: tuple[sticks.Stick, ...] = found) -> Form:
                return end.sticks(tuple(stick.row() for stick in found), what)

            reply = ask(self.terminal, form)
            if reply.button == "rescan":
                continue
            if reply.button == BACK:
                return
            if self._saved(str(reply.values.get("stick.device", "")), name, data):
                return

    def _saved(self, device: str, name: str, data: bytes) -> bool:
        try:
            self._wait(Job(lambda: sticks.save(device, name, data, self.commands)), f"Writing {name} to {device} ...")
        except UserError as error:
            self.terminal.tell("Saving failed", str(error))
            return False
        self.terminal.tell("Saved", f"{name} is on {device}. The stick may be taken out now.")
        return True


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


def waiting(job: Job[Any]) -> Callable[[], Update | None]:
    """What a screen shows while a job runs."""
    return lambda: Update(texts={"wait.time": f"{job.seconds:.0f} s"}, done="over" if job.over else "")
