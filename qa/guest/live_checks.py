"""What every live system shows, from whatever medium and with or without Xen."""

from __future__ import annotations

from qa import host_checks, timeouts
from qa.scenario import Scenario
from qa.vm.serial_console import Console


def open_live_shell(scenario: Scenario, console: Console) -> None:
    """Wait for root's shell, which asks for no password, and for the rest of the boot; root lies on an overlay in RAM.

    :raises ScenarioFailed: when any of it is otherwise.
    """
    with scenario.phase("boot to a shell"):
        console.wait_for_shell(limit=timeouts.BOOT)
    host_checks.need(console.succeed("id -u").strip() == "0", "the shell is not root's")
    with scenario.phase("the rest of the boot"):
        console.wait_for_boot()
    host_checks.check_mode(console, "live")
    host_checks.check_overlay(console, writable_medium=False)
