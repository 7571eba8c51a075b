"""The screens bear what people do: going back and forth, other windows, keys that end programs elsewhere, wrong input."""

from __future__ import annotations

from qa.host_checks import need
from qa.install.answers import DISK_SERIAL
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.scenarios.tui.test_tui import wanted
from qa.tui import navigation_checks
from qa.tui.operator import Person
from qa.tui.standard_path import Choices, begin, storage, to_summary
from qa.vm import media
from qa.vm.qemu_args import Drive
from qa.vm.serial_console import PAUSE

FIXED = {"address": "10.0.2.15/24", "gateway": "10.0.2.2"}


@scenario("tui-back-and-forth", firmware="bios", minutes=4, tags={"tui"})
def test_tui_back_and_forth(scenario: Scenario) -> None:
    """To the summary, back to the first screen and forth again: the same on each screen; nothing disturbs it."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    before = media.fingerprint(disk.path)
    credentials = scenario.settings.credentials
    choices = Choices(credentials.password, credentials.public, **FIXED)
    with scenario.machine("install", scenario.spec("install", drives=(disk, scenario.cd()))) as machine:
        person = Person(machine)
        seen: dict[str, str] = {}
        with scenario.phase("to the summary, with help on each screen"):

            def look(label: str) -> None:
                navigation_checks.harmless_keys(person)
                seen[label] = navigation_checks.help_of(person)

            to_summary(person, choices, look)
        scenario.keep("screens.txt", "\n\n".join(seen.values()))
        with scenario.phase("back to the first screen"):
            back = navigation_checks.back(person)
        with scenario.phase("forth again"):
            forth = navigation_checks.forth(person)
        navigation_checks.compare(seen, back)
        navigation_checks.compare(seen, forth)
        with scenario.phase("windows, a lost console, terminals of other sizes"):
            navigation_checks.windows(person)
            navigation_checks.lost_console(person)
        machine.screenshot("summary")
        machine.sleep(PAUSE)
    need(media.fingerprint(disk.path) == before, "the disk was written to")


@scenario("tui-bad-input", firmware="bios", minutes=5, tags={"tui"})
def test_tui_bad_input(scenario: Scenario) -> None:
    """Each mistake is refused with a sentence that says how to mend it; mended, it goes on to the summary."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    before = media.fingerprint(disk.path)
    choices = wanted(scenario)
    with scenario.machine("install", scenario.spec("install", drives=(disk, scenario.cd()))) as machine:
        person = Person(machine)
        with scenario.phase("boot"):
            begin(person)
        storage(person, choices)
        with scenario.phase("mistakes"):
            navigation_checks.wrong_network(person, choices)
            navigation_checks.wrong_password(person)
        about_host_from_root(person, choices)
        machine.screenshot("summary")
    need(media.fingerprint(disk.path) == before, "the disk was written to")


def about_host_from_root(person: Person, choices: Choices) -> None:
    """What was refused before is right now."""
    person.fill("Password", choices.password, hidden=True)
    person.fill("Once more", choices.password, hidden=True)
    person.button("Next")
    person.at_screen("Pool")
    person.press("enter")
    person.at_screen("Summary")
    person.see("10.0.2.15/24")
