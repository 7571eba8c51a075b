"""The usual way through the installer's screens, from the first one to the last question."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from qa import timeouts
from qa.failure import ScenarioFailed
from qa.install import answers
from qa.install.installed_disk import note_steps
from qa.scenario import Scenario
from qa.tui.operator import Person
from qa.vm.qemu_args import MANAGEMENT_MAC

Look = Callable[[str], None]
"""Called with a short name on every screen, when it is filled in."""
FIRST = "Keyboard"
WORD = "erase"
TEST = 360
"""Seconds for the test of the network: its own limit, and a DHCP server that takes its time."""


@dataclass(frozen=True)
class Choices:
    """What a person wants.

    :param disk: a text in the disk's line, such as its serial number.
    :param card: the same of the network card.
    :param address: a fixed address with its length, or empty for DHCP.
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
    """Look at nothing in particular."""


def begin(person: Person, look: Look = nothing) -> None:
    """From power-on to the screen of the disks."""
    person.at_screen(FIRST, limit=timeouts.BOOT)
    person.see("key map")
    look("keyboard")
    person.press("enter")
    person.at_screen("What to do")
    look("what")
    person.press("enter")
    if person.at_screen("Drivers and packages", "Before you go on") == "Before you go on":
        look("warnings")
        person.button("Go on all the same")
        person.at_screen("Drivers and packages")
    look("packages")
    person.button("Next")
    person.at_screen("Disk to install on")


def storage(person: Person, wanted: Choices, look: Look = nothing) -> None:
    """Disk and space for guests."""
    person.at_screen("Disk to install on")
    person.choose(wanted.disk)
    look("disk")
    person.press("enter")
    person.at_screen("Space for guests")
    look("guests")
    person.press("enter")


def network(person: Person, wanted: Choices, look: Look = nothing, *, test: str = "[ok] IPv4 address") -> None:
    """Card, address, its test, and names.

    :param test: what the test must say.
    """
    person.at_screen("Network card")
    person.choose(wanted.card)
    look("card")
    person.press("enter")
    person.at_screen("Address of the host")
    if wanted.address:
        person.choose("A fixed address")
    look("address")
    person.press("enter")
    if wanted.address:
        person.at_screen("Fixed IPv4 address")
        person.fill("Address/length", wanted.address)
        person.fill("Gateway", wanted.gateway)
        look("fixed-address")
        person.button("Next")
    person.at_screen("Test of the network")
    person.see(test, limit=TEST)
    person.see("The test is over", limit=TEST)
    person.settle()
    look("test")
    person.button("Next")
    person.at_screen("Name of the host")
    person.fill("Host name", wanted.name)
    person.fill("Name servers", wanted.dns)
    look("name")
    person.button("Next")


def about_host(person: Person, wanted: Choices, look: Look = nothing) -> None:
    """Time, log-in, pool."""
    to_pool(person, wanted, look)
    person.at_screen("Pool")
    look("pool")
    person.press("enter")


def to_pool(person: Person, wanted: Choices, look: Look = nothing) -> None:
    """Time and log-in."""
    person.at_screen("Time zone")
    person.choose(wanted.region)
    look("region")
    person.press("enter")
    person.at_screen("Time zone and clock")
    person.choose(wanted.city)
    person.fill("NTP servers", wanted.ntp)
    look("city")
    person.button("Next")
    person.at_screen("Administrator")
    person.fill("Password", wanted.password, hidden=True)
    person.fill("Once more", wanted.password, hidden=True)
    if wanted.key:
        person.fill("SSH key", wanted.key)
    look("administrator")
    person.button("Next")


def to_summary(person: Person, wanted: Choices, look: Look = nothing) -> None:
    """All questions, from power-on to the summary."""
    begin(person, look)
    storage(person, wanted, look)
    network(person, wanted, look)
    about_host(person, wanted, look)
    person.at_screen("Summary")
    person.see(wanted.name)
    look("summary")


def confirm(person: Person, look: Look = nothing, *, dirty: bool = False) -> None:
    """From the summary over the last question to the beginning of the installation."""
    person.at_screen("Summary")
    person.button("Next")
    person.at_screen("Last question")
    if dirty:
        person.see("will be lost")
        person.fill("Type 'erase'", WORD)
    look("last-question")
    person.button("Install")


def watch(person: Person, scenario: Scenario, look: Look = nothing, *, name: str = answers.HOST_NAME) -> None:
    """The installation up to the restart, which ends the machine.

    :raises ScenarioFailed: when it fails, or the machine does not restart.
    """
    machine = person.machine
    with scenario.phase("install"):
        person.at_screen(f"Installing {name}")
        over = r"Step ([3-9]|1\d) of|The host is installed"
        person.until(lambda: bool(re.search(over, person.screen.flat)), "third step", limit=timeouts.INSTALL)
        look("progress")
        machine.wait_for_event("installer", limit=timeouts.INSTALL)
        person.at_screen("The host is installed", limit=timeouts.COMMAND)
    look("installed")
    person.button("Restart now")
    with scenario.phase("shut down"):
        reason = machine.wait_for_shutdown()
    if reason != "guest-reset":
        raise ScenarioFailed(f"the person chose a restart, the machine ended by {reason}")
    note_steps(machine, scenario)
