"""Operations of the screens on the running installer: key map, network test, rescan, SSH access, saving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from answerfiles.known_names.key_maps import xkb_layout
from dom0kit.errors import UserError
from dom0kit.process import QUERY_SECONDS
from installer.command_log import Commands
from installer.model.hardware import Facts
from installer.storage_network import multipath
from installer.tui.busy_screen import wait_for
from installer.tui.operations.add_packages import PackageOperations
from installer.tui.operations.dhcp_lease import read_lease
from installer.tui.operations.network_probe import Probe
from installer.tui.operations.pool_requests import PoolOperations
from installer.tui.operations.save_answers import save_to_stick
from installer.tui.operations.send_log import LogExport
from installer.tui.operations.ssh_access import Access, find_addresses, open_access
from installer.tui.pages import summary
from installer.tui.pages.disk_rows import can_be_multipath, short
from installer.tui.state import State, secret_reference, to_answers, to_yaml
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import BACK, Update, Values
from installer.tui.wizard import Terminal, show_form

TMUX = Path("/run/dom0kit/tmux")
"""Socket of the tmux server that runs the installer."""
LOG, SHELL = 2, 3
"""Windows of the tmux session; the installer is window 1."""


class Operations:
    """Handlers for the screens.

    :param demo: change nothing on this machine, for development: no key map, network or window.
    """

    def __init__(self, terminal: Terminal, commands: Commands, collect: Callable[[], Facts], *, demo: bool = False) -> None:
        self.terminal, self.commands, self.collect, self.demo = terminal, commands, collect, demo
        self._probe: Probe | None = None
        self._key_map = "us"
        self._access: Access | None = None
        self.pool = PoolOperations(terminal, commands, demo=demo)

    # Hooks for the wizard.

    def hooks(self) -> dict[str, Any]:
        """Return all hooks as arguments of :class:`installer.tui.wizard.Wizard`."""
        return {"actions": self.actions(), "updates": self.updates(), "entered": self.entered(), "left": self.left()}

    def actions(self) -> dict[tuple[str, str], Callable[[State, Values], State]]:
        """Return the handlers of additional buttons, by (screen, button)."""
        return {
            ("disk", "rescan"): self.rescan,
            ("disk", "multipath"): self.as_multipath,
            ("card", "rescan"): self.rescan,
            ("packages", "add"): PackageOperations(self.terminal, self.commands, self.collect_facts, self.demo).add,
            ("pool-token", "stick"): self.pool.read_token_file,
            ("pool-xapi", "fetch"): self.pool.fetch_fingerprint,
            ("pool-answer", "again"): self.pool.check_again,
            ("pool-answer", "later"): self.pool.join_later,
            ("summary", "answers"): self.show_answers,
            ("what", "ssh"): self.offer_ssh,
        }

    def updates(self) -> dict[str, Callable[[State], Callable[[], Update | None]]]:
        """Return the refresh functions of live screens."""
        return {"test": self.start_test, "pool-answer": self.pool.update}

    def entered(self) -> dict[str, Callable[[State], State]]:
        """Return the handlers that run on entry of a screen."""
        return {"ip": self.propose_lease}

    def left(self) -> dict[str, Callable[[State, bool], str]]:
        """Return the handlers that run when a screen is left."""
        return {
            "keyboard": self.load_key_map,
            "what": self.rescue,
            "test": self.end_test,
            "names": self.refresh_ssh_address,
            "pool-create": self.pool.check_name,
            "pool-answer": self.pool.left,
        }

    # Handlers.

    def collect_facts(self) -> Facts:
        """Return the machine's facts; show a busy screen meanwhile.

        :raises UserError: when they cannot be collected.
        """
        return wait_for(self.terminal, Job(self.collect), "Detecting the disks and network cards of this machine ...")

    def rescan(self, state: State, values: Values) -> State:
        """Detect the hardware again."""
        try:
            return replace(state, facts=self.collect_facts())
        except UserError as error:
            self.terminal.show_message("Rescan failed", str(error))
            return state

    def propose_lease(self, state: State) -> State:
        """Store the DHCP lease of the chosen card; forget it after the test of a static address."""
        nic = state.nic(state.text("card.key"))
        if nic is None or self.demo:
            return state
        lease = read_lease(nic.name)
        known = state.text("lease.card") == nic.mac and not any(lease.values())
        return state if known else state.with_values({**lease, "lease.card": nic.mac})

    def as_multipath(self, state: State, values: Values) -> State:
        """Make the selected disk a multipath disk although it has one path now, and select the result."""
        disk = state.disk(str(values.get("disk.key", "")))
        if disk is None or not can_be_multipath(disk):
            self.terminal.show_message("As multipath", "Select a disk of a storage network that has a single path now.")
            return state

        def make() -> Facts:
            multipath.declare(disk.path, self.commands)
            return self.collect()

        try:
            facts = wait_for(self.terminal, Job(make), f"Creating a multipath disk from {short(disk.path)} ...")
        except UserError as error:
            self.terminal.show_message("As multipath", str(error))
            return state
        key = next((other.path for other in facts.disks if disk.path in other.paths), disk.path)
        return replace(state, facts=facts).with_values({"disk.key": key})

    def load_key_map(self, state: State, forwards: bool) -> str:
        """Load the key map for the console in the background, which takes a second or two."""
        name = state.text("keyboard.map")
        if name == self._key_map or self.demo:
            return ""
        self._key_map = name

        def load() -> None:
            # Debian has no key maps for loadkeys; they are generated from the XKB database.
            layout, variant = xkb_layout(name)
            words = ["ckbcomp", "-compact", "-model", "pc105", "-layout", layout, *(["-variant", variant] if variant else [])]
            made = self.commands(words, check=False)
            if made.returncode == 0 and made.output:
                self.commands.runner(["loadkeys", "--quiet", "--console=/dev/tty0", "-"], stdin=made.output, check=False)

        Job(load)
        return ""

    def rescue(self, state: State, forwards: bool) -> str:
        """Open a shell instead of installing; the screens stay as they are."""
        if not forwards or state.text("action.what") != "rescue":
            return ""
        self.shell()
        return "what"

    def offer_ssh(self, state: State, values: Values) -> State:
        """Open SSH access with a password that is valid until this machine restarts."""
        self.open_ssh("password")
        return state

    def open_ssh(self, source: str) -> None:
        """Open SSH access and show how to use it."""
        if self.demo:
            self.terminal.show_message("SSH access", "Not available in the demonstration mode.")
            return
        try:
            access = wait_for(self.terminal, Job(lambda: open_access(source, self.commands)), "Starting the SSH server ...")
        except UserError as error:
            self.terminal.show_message("SSH access", str(error))
            return
        self._access = access
        self.terminal.set_status(access.summary())
        others = f"\n\nAll addresses: {', '.join(access.addresses)}" if len(access.addresses) > 1 else ""
        self.terminal.show_message(
            "SSH access",
            f"Log in with: {access.summary()}\n\nThe top line of the screen repeats it.\n\n"
            f"Key of the server (ED25519):\n{access.fingerprint}{others}",
        )

    def refresh_ssh_address(self, state: State, forwards: bool) -> str:
        """Update the address in the top line, which the network test may have changed."""
        if self._access is not None:
            found = find_addresses(self.commands(["ip", "-json", "address", "show"], check=False, timeout=QUERY_SECONDS).output)
            self._access = replace(self._access, addresses=found)
            self.terminal.set_status(self._access.summary())
        return ""

    def shell(self) -> None:
        """Switch to the window with the shell."""
        self.terminal.show_message(
            "Shell",
            "The shell is in the third window, which opens now. Ctrl-T returns to these screens; all input is kept.",
        )
        self.select_window(SHELL)

    def select_window(self, number: int) -> None:
        """Switch all consoles to another window of the session."""
        if not self.demo and TMUX.exists():
            self.commands(["tmux", "-S", TMUX, "select-window", "-t", f"installer:{number}"], check=False, timeout=QUERY_SECONDS)

    def start_test(self, state: State) -> Callable[[], Update | None]:
        """Start the network test; return the function that refreshes the screen."""
        self.end_test(state, True)
        if self.demo:
            return lambda: Update(texts={"test.result": "[--] Not available in the demonstration mode."})
        try:
            # Other settings do not matter yet; most of them have not been entered.
            management = to_answers(
                state.with_values({"name.host": "test", "root.hash": "$6$testtest$" + "x" * 43, "pool.kind": "alone"})
            ).network.management
        except ValidationError as error:
            text = f"[!!] The settings are not valid: {error.errors()[0]['msg']}"
            return lambda: Update(texts={"test.result": text})
        nics = tuple(nic for mac in state.cards() if (nic := state.nic(mac)))
        probe = self._probe = Probe(management, nics, runner=self.commands)
        return lambda: Update(texts={"test.result": probe.view()})

    def end_test(self, state: State, forwards: bool) -> str:
        """Stop the test; the network card keeps its configuration."""
        if self._probe is not None:
            self._probe.stop()
            self._probe = None
        return self.refresh_ssh_address(state, forwards)

    def show_answers(self, state: State, values: Values) -> State:
        """Show the answer file, and save it on request."""
        text = to_yaml(state)
        while True:
            reply = show_form(self.terminal, lambda: summary.answers(text, secret_reference(state)))
            if reply.button == BACK:
                return state
            save_to_stick(self.terminal, self.commands, f"{state.text('name.host')}.yaml", text.encode(), "the answers")

    def save_log(self, state: State, path: Path, bundle: Callable[[], bytes]) -> None:
        """Export the log in the way that the user selects."""

        def to_stick() -> None:
            try:
                save_to_stick(self.terminal, self.commands, path.name, path.read_bytes(), "the log")
            except OSError as error:
                self.terminal.show_message("Save the log", f"Cannot read the log {path}: {error.strerror}")

        LogExport(self.terminal, self.commands, lambda: self.reachable(state), bundle, to_stick).save()

    def reachable(self, state: State) -> tuple[str, ...]:
        """Return the addresses of this machine; without any, configure the chosen network settings first."""
        words = ["ip", "-json", "address", "show"]
        if not (found := find_addresses(self.commands(words, check=False, timeout=QUERY_SECONDS).output)):
            show_form(self.terminal, summary.network_test, update=self.start_test(state))
            self.end_test(state, True)
            found = find_addresses(self.commands(words, check=False, timeout=QUERY_SECONDS).output)
        return found
