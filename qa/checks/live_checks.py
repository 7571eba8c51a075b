"""Checks of a live system, from any medium and with or without Xen."""

from __future__ import annotations

from qa import timeouts
from qa.checks import host_checks
from qa.scenario import Scenario
from qa.vm.serial_console import Console


def open_live_shell(scenario: Scenario, console: Console) -> None:
    """Wait for root's shell, which needs no password, and for the rest of the boot; check mode and root overlay.

    :raises ScenarioFailed: for the first check that fails.
    """
    with scenario.phase("boot to a shell"):
        console.wait_for_shell(limit=timeouts.BOOT)
    host_checks.need(console.succeed("id -u").strip() == "0", "the shell does not run as root")
    with scenario.phase("the rest of the boot"):
        console.wait_for_boot()
    host_checks.check_mode(console, "live")
    host_checks.check_overlay(console, writable_medium=False)
