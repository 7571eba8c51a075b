"""A Python prompt within a running scenario."""

from __future__ import annotations

import code
import importlib
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qa.failure.reach import ssh_clients, unchecked
from qa.guest.ssh_access import Ssh
from qa.interactive import stop
from qa.interactive.attach import raw_terminal, until_escape
from qa.observers import Watcher
from qa.scenario import Scenario
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.running import pump_all
from qa.vm.serial_console import Console

BEFORE = "before:"
"""Prefix in ``--step before:PHASE``: the prompt opens when the phase begins instead of when it ends."""
HELP = """\
  scenario          the scenario; scenario.machines, scenario.settings, scenario.folder
  machine, machines the machine that was started last; all running machines by name
  console()         the dialogue on its serial console: console().login('root', password), .succeed('…'), .expect('…')
  ssh()             commands by ssh: ssh().execute('…').output
  guest()           succeed('…'), fail('…'), wait_for_unit('…'), wait_for_open_port(22), by ssh or the console's shell
  interact()        connect this terminal to the console; Ctrl-] returns to the prompt
  access()          print how other programs reach the machines;  release() frees the console for them
  error             the failure, when there is one
Ctrl-D or exit() continues the scenario; Ctrl-C ends a command."""


class Drainer:
    """Reads the machines' lines in a thread while the main thread waits for input: a guest whose console is not read stops.

    Only one thread reads at a time: the drainer, between ``start`` and ``stop``, or the main one.
    """

    def __init__(self, pump: Callable[[float], None] = pump_all) -> None:
        self._pump = pump
        self._wanted = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read."""
        self._wanted.set()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End reading; when this returns, nothing is read any more."""
        self._wanted.clear()
        if self._thread:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while self._wanted.is_set():
            self._pump(0.1)


class Prompt(code.InteractiveConsole):
    """A Python prompt that drains the machines' lines while it waits."""

    def __init__(self, names: dict[str, Any], drainer: Drainer | None = None) -> None:
        super().__init__(names, "<scenario>")
        self._drainer = drainer or Drainer()

    def raw_input(self, prompt: str = "") -> str:
        """Return a line of input."""
        self._drainer.start()
        try:
            return input(prompt)
        finally:
            self._drainer.stop()


def names_for(scenario: Scenario, error: BaseException | None = None) -> dict[str, Any]:
    """Return the names that are defined at the prompt; see ``HELP``."""
    machines = {machine.name: machine for machine in scenario.machines if machine.running}
    last = list(machines.values())[-1] if machines else None

    def chosen(name: str | Machine | None) -> Machine:
        found = machines.get(name) if isinstance(name, str) else name or last
        if not found:
            raise ValueError(f"no machine {name or ''} runs; running: {', '.join(machines) or 'none'}")
        return found

    def ssh(name: str | Machine | None = None) -> Ssh:
        clients = ssh_clients(chosen(name), scenario.settings.credentials)
        if not clients:
            raise ValueError("this machine has no forwarded port and no address in its lab network")
        return clients[0]

    def console(name: str | Machine | None = None) -> Console:
        stop.reclaim(chosen(name))
        return chosen(name).console()

    def guest(name: str | Machine | None = None) -> Guest:
        return ssh(name) if ssh_clients(chosen(name), scenario.settings.credentials) else console(name)

    return {
        "scenario": scenario,
        "machines": machines,
        "machine": last,
        "console": console,
        "ssh": ssh,
        "guest": guest,
        "interact": lambda name=None: interact(chosen(name)),
        "release": lambda name=None: stop.release(chosen(name)),
        "access": lambda: print("\n".join(stop.describe(scenario))),
        "password": scenario.settings.credentials.password,
        "error": error,
        **{name: machine for name, machine in machines.items() if name.isidentifier()},
    }


def interact(machine: Machine) -> None:
    """Connect this terminal to a machine's console until Ctrl-]."""
    stop.reclaim(machine)
    print("Ctrl-] returns to the prompt", flush=True)
    done = threading.Event()

    def show(data: bytes) -> None:
        os.write(1, data)

    def read_keys() -> None:
        while not done.is_set():
            typed, escape = until_escape(os.read(sys.stdin.fileno(), 64))
            machine.channels.send_console(typed)
            if escape or not typed:
                done.set()

    machine.channels.watchers.append(show)
    try:
        with raw_terminal(sys.stdin.fileno()):
            threading.Thread(target=read_keys, daemon=True).start()
            while not done.is_set() and machine.running:
                pump_all(0.1)
    finally:
        done.set()
        machine.channels.watchers.remove(show)
    print()


class ShellWatcher(Watcher):
    """Open the prompt at a step, and at a failure.

    :param step: the phase at whose end it opens, or ``before:PHASE``; "" opens it before each machine ends.
    """

    def __init__(self, scenario: Scenario, step: str = "", prompt: Callable[[dict[str, Any]], None] | None = None) -> None:
        self._scenario = scenario
        self._step = step
        self._prompt = prompt or interactive_prompt
        self._seen: BaseException | None = None
        self.opened = 0

    def phase_began(self, name: str) -> None:
        """Open the prompt when the phase is that of ``before:PHASE``."""
        if self._step == f"{BEFORE}{name}":
            self._open(f"phase '{name}' begins")

    def phase_ended(self, name: str, error: BaseException | None) -> None:
        """Open the prompt when the phase is the chosen one; at a failure that comes later, see :meth:`failed`."""
        if error is None and self._step == name:
            self._open(f"phase '{name}' has ended")

    def machine_ends(self, machine: Machine, error: BaseException | None) -> None:
        """Open the prompt at a failure, or when no step was chosen."""
        if error is not None:
            self.failed(error)
        elif not self._step:
            self._open(f"the machine {machine.name} is about to end")

    def failed(self, error: BaseException) -> None:
        """Open the prompt once for each failure."""
        if error is self._seen or not isinstance(error, Exception):
            return
        self._seen = error
        self._open(f"failure: {str(error).splitlines()[0] if str(error) else type(error).__name__}", error)

    def _open(self, reason: str, error: BaseException | None = None) -> None:
        self.opened += 1
        names = names_for(self._scenario, error)
        print(f"\n{self._scenario.name}, {time.monotonic() - self._scenario.began:.0f} s: {reason}", flush=True)
        with unchecked():
            self._prompt(names)
            for machine in names["machines"].values():
                stop.reclaim(machine)
        stop.note_life(list(names["machines"].values()))


def interactive_prompt(names: dict[str, Any]) -> None:
    """Run the prompt on this terminal until Ctrl-D or ``exit()``."""
    with suppress(ImportError):
        importlib.import_module("readline")  # gives input() line editing and history
    try:
        Prompt(names).interact(banner=HELP, exitmsg="the scenario continues")
    except SystemExit:
        print("the scenario continues")
