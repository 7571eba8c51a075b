"""The standard path through the installer's screens, from the first one to the last question."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from qa import timeouts
from qa.errors import ScenarioFailed
from qa.install import answers
from qa.install.installed_disk import note_steps
from qa.scenario import Scenario
from qa.tui.operator import Operator
from qa.vm.qemu_args import MANAGEMENT_MAC

Look = Callable[[str], None]
"""Called with a short name on every screen when it is filled in."""
FIRST = "Keyboard"
WORD = "erase"
TEST = 360
"""Seconds of machine time for the test of the network: its own limit, and a slow DHCP server."""


@dataclass(frozen=True)
class Choices:
    """The answers that an operator gives.

    :param disk: a text in the disk's line, such as its serial number.
    :param card: a text in the network card's line.
    :param address: a fixed address with its prefix length, or "" for DHCP.
    """

    password: str
    key: str = ""
    name: str = answers.HOST_NAME
    disk: str = answers.DISK_SERIAL
    card: str = MANAGEMENT_MAC
    dns: str = answers.USER_NETWORK_DNS
    region: str = "Europe"
    city: str = "Berlin"
    ntp: str = answers.NTP
    address: str = ""
    gateway: str = ""


def nothing(label: str) -> None:
    """Do nothing on a screen."""


def begin(operator: Operator, look: Look = nothing) -> None:
    """Go from power-on to the screen of the disks."""
    operator.wait_for_screen(FIRST, limit=timeouts.BOOT)
    operator.wait_for_text("Key map")
    look("keyboard")
    operator.press("enter")
    operator.wait_for_screen("What to do")
    look("what")
    operator.press("enter")
    if operator.wait_for_screen("Drivers and packages", "Warnings") == "Warnings":
        look("warnings")
        operator.press_button("Continue anyway")
        operator.wait_for_screen("Drivers and packages")
    look("packages")
    operator.press_button("Next")
    operator.wait_for_screen("Target disk")


def storage(operator: Operator, wanted: Choices, look: Look = nothing) -> None:
    """Select the disk, and the space for guests."""
    operator.wait_for_screen("Target disk")
    operator.choose(wanted.disk)
    look("disk")
    operator.press("enter")
    operator.wait_for_screen("Guest storage")
    look("guests")
    operator.press("enter")


def network(operator: Operator, wanted: Choices, look: Look = nothing, *, test: str = "[ok] IPv4 address") -> None:
    """Select card and address, test the network, and enter names.

    :param test: the text that the test must report.
    """
    operator.wait_for_screen("Network card")
    operator.choose(wanted.card)
    look("card")
    operator.press("enter")
    operator.wait_for_screen("Host address")
    if wanted.address:
        operator.choose("Static address")
    look("address")
    operator.press("enter")
    if wanted.address:
        operator.wait_for_screen("Static IPv4 address")
        operator.fill("Address/prefix", wanted.address)
        operator.fill("Gateway", wanted.gateway)
        look("fixed-address")
        operator.press_button("Next")
    operator.wait_for_screen("Network test")
    operator.wait_for_text(test, limit=TEST)
    operator.wait_for_text("Test finished", limit=TEST)
    operator.wait_until_drawn()
    look("test")
    operator.press_button("Next")
    operator.wait_for_screen("Host name")
    operator.fill("Host name", wanted.name)
    operator.fill("Name servers", wanted.dns)
    look("name")
    operator.press_button("Next")


def about_host(operator: Operator, wanted: Choices, look: Look = nothing) -> None:
    """Enter time, administrator and pool."""
    to_pool(operator, wanted, look)
    operator.wait_for_screen("Pool")
    look("pool")
    operator.press("enter")


def to_pool(operator: Operator, wanted: Choices, look: Look = nothing) -> None:
    """Enter time and administrator."""
    operator.wait_for_screen("Time zone")
    operator.choose(wanted.region)
    look("region")
    operator.press("enter")
    operator.wait_for_screen("Time zone and clock")
    operator.choose(wanted.city)
    operator.fill("NTP servers", wanted.ntp)
    look("city")
    operator.press_button("Next")
    operator.wait_for_screen("Administrator")
    operator.fill("Password", wanted.password, hidden=True)
    operator.fill("Repeat password", wanted.password, hidden=True)
    if wanted.key:
        operator.fill("SSH key", wanted.key)
    look("administrator")
    operator.press_button("Next")


def to_summary(operator: Operator, wanted: Choices, look: Look = nothing) -> None:
    """Answer all questions, from power-on to the summary."""
    begin(operator, look)
    storage(operator, wanted, look)
    network(operator, wanted, look)
    about_host(operator, wanted, look)
    operator.wait_for_screen("Summary")
    operator.wait_for_text(wanted.name)
    look("summary")


def confirm(operator: Operator, look: Look = nothing, *, dirty: bool = False) -> None:
    """Confirm the last question, from the summary to the beginning of the installation."""
    operator.wait_for_screen("Summary")
    operator.press_button("Next")
    operator.wait_for_screen("Confirmation")
    if dirty:
        operator.wait_for_text("will be lost")
        operator.fill("Type 'erase'", WORD)
    look("last-question")
    operator.press_button("Install")


def watch(operator: Operator, scenario: Scenario, look: Look = nothing, *, name: str = answers.HOST_NAME) -> None:
    """Wait for the installation up to the restart, which ends the machine.

    :raises ScenarioFailed: when it fails, or the machine does not restart.
    """
    machine = operator.machine
    with scenario.phase("install"):
        operator.wait_for_screen(f"Installing {name}")
        over = r"Step ([3-9]|1\d) of|The host is installed"
        operator.wait_until(lambda: bool(re.search(over, operator.screen.flat)), "third step", limit=timeouts.INSTALL)
        look("progress")
        machine.wait_for_event("installer", limit=timeouts.INSTALL)
        operator.wait_for_screen("The host is installed", limit=timeouts.COMMAND)
    look("installed")
    operator.press_button("Reboot now")
    with scenario.phase("shut down"):
        reason = machine.wait_for_shutdown()
    if reason != "guest-reset":
        raise ScenarioFailed(f"the operator chose a restart, the machine ended by {reason}")
    note_steps(machine, scenario)
