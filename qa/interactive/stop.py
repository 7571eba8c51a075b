"""Hold a scenario at its failure: print how to reach what runs, wait for Enter, and let the scenario end."""

from __future__ import annotations

import select
import sys
from contextlib import suppress

from qa.failure import EXPLANATION_TEXT, ScenarioFailed
from qa.failure.reach import ssh_clients, without_verdict
from qa.failure.recorder import FailureRecorder
from qa.interactive import access
from qa.scenario import Scenario
from qa.vm.channels import connect
from qa.vm.machine import Machine
from qa.vm.running import pump_all

HELD: set[str] = set()
"""Scenarios of this process that were held before."""


def release(machine: Machine) -> None:
    """Hang up the machine's console: QEMU serves one client at a time. Its output is missing in the artifacts from then on."""
    machine.channels.detach_console()


def reclaim(machine: Machine) -> None:
    """Connect with the machine's console again; harmless when it was not released.

    While another program is connected, QEMU lets this one wait: the machine's output comes when that program ends.

    :raises ScenarioFailed: when the machine has ended meanwhile.
    """
    if not machine.running or machine.channels.console_attached:
        return
    machine.channels.attach_console(connect(machine.spec.serial_socket, lambda: machine.running))


def note_life(machines: list[Machine]) -> None:
    """Let the time that a person took not count as the silence of a guest that hangs."""
    for machine in machines:
        if machine.started and machine.channels.progress:
            machine.channels.progress.note()


def describe(scenario: Scenario) -> list[str]:
    """Return how to reach the scenario's running machines."""
    found: list[str] = []
    for machine in scenario.machines:
        if machine.running:
            ssh = [access.ssh_command(client.argv("true")) for client in ssh_clients(machine, scenario.settings.credentials)]
            found += access.lines(machine.name, machine.spec, ssh)
    return found or ["no machine runs any more"]


def wait_for_enter() -> None:
    """Wait for a line on standard input, its end, or Ctrl-C; the machines' lines are drained meanwhile."""
    try:
        while not select.select([sys.stdin], [], [], 0)[0]:
            pump_all(0.2)
        sys.stdin.readline()
    except KeyboardInterrupt:
        print()


def hold(scenario: Scenario, recorder: FailureRecorder, error: BaseException) -> None:
    """Print the failure and how to reach its machines, and wait until the person wants to end them."""
    running = [machine for machine in scenario.machines if machine.running]
    if not running and scenario.name in HELD:
        return  # the failure that follows from the one that a person has looked at
    HELD.add(scenario.name)
    recorder.write(error)
    print(f"\n{'=' * 80}\n{(scenario.folder / EXPLANATION_TEXT).read_text()}{'=' * 80}", flush=True)
    print("\n".join(describe(scenario)), flush=True)
    with without_verdict():
        for machine in running:
            release(machine)
        print("machines, networks and servers stay as they are; Enter or Ctrl-C ends them", flush=True)
        wait_for_enter()
        for machine in running:
            with suppress(ScenarioFailed):  # the person has ended it
                reclaim(machine)
    note_life(running)
