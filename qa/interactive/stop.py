"""Hold a scenario at its failure: print how to reach what runs, wait for Enter, and let the scenario end."""

from __future__ import annotations

import select
import sys
from contextlib import suppress

from qa.errors import ScenarioFailed
from qa.failure.reach import ssh_clients, unchecked
from qa.failure.recorder import FailureRecorder
from qa.interactive import access
from qa.result_files import EXPLANATION_TEXT
from qa.scenario import Scenario
from qa.vm.channels import connect
from qa.vm.machine import Machine
from qa.vm.running import pump_all

HELD: set[str] = set()
"""Scenarios of this process that were held once already."""


def release(machine: Machine) -> None:
    """Disconnect from the machine's console so that another program can connect; QEMU serves one client at a time.

    The console's output is missing in the artifacts from then on.
    """
    machine.channels.detach_console()


def reclaim(machine: Machine) -> None:
    """Connect to the machine's console again; do nothing when it was not released.

    While another program is connected, QEMU lets this one wait: the machine's output comes when that program ends.

    :raises ScenarioFailed: when the machine has ended meanwhile.
    """
    if not machine.running or machine.channels.console_attached:
        return
    machine.channels.attach_console(connect(machine.spec.serial_socket, lambda: machine.running))


def note_life(machines: list[Machine]) -> None:
    """Exclude the time that the user took from the silence after which a guest counts as hung."""
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
    return found or ["no machine is running"]


def wait_for_enter() -> None:
    """Wait for a line on standard input, its end, or Ctrl-C; the machines' lines are drained meanwhile."""
    try:
        while not select.select([sys.stdin], [], [], 0)[0]:
            pump_all(0.2)
        sys.stdin.readline()
    except KeyboardInterrupt:
        print()


def hold(scenario: Scenario, recorder: FailureRecorder, error: BaseException) -> None:
    """Print the failure and how to reach its machines, and wait until the user ends them."""
    running = [machine for machine in scenario.machines if machine.running]
    if not running and scenario.name in HELD:
        return  # it follows from the failure at which the scenario was held before
    HELD.add(scenario.name)
    recorder.write(error)
    print(f"\n{'=' * 80}\n{(scenario.folder / EXPLANATION_TEXT).read_text()}{'=' * 80}", flush=True)
    print("\n".join(describe(scenario)), flush=True)
    with unchecked():
        for machine in running:
            release(machine)
        print("machines, networks and servers keep running; press Enter or Ctrl-C to end them", flush=True)
        wait_for_enter()
        for machine in running:
            with suppress(ScenarioFailed):  # the user has ended the machine
                reclaim(machine)
    note_life(running)
