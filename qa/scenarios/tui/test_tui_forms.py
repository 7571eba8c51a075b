"""Navigation and validation of the screens: back and forth, other windows, keys that end other programs, wrong input."""

from __future__ import annotations

from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.scenarios.tui.test_tui import wanted
from qa.tui import navigation_checks
from qa.tui.operator import Operator
from qa.tui.standard_path import Choices, begin, storage, to_summary
from qa.vm import media
from qa.vm.qemu_args import Drive
from qa.vm.serial_console import PAUSE

FIXED = {"address": "10.0.2.15/24", "gateway": "10.0.2.2"}


@scenario("tui-back-and-forth", firmware="bios", minutes=4, tags={"tui"})
def test_tui_back_and_forth(scenario: Scenario) -> None:
    """Go to the summary, back to the first screen and forth again: each screen is unchanged."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    before = media.fingerprint(disk.path)
    credentials = scenario.settings.credentials
    choices = Choices(credentials.password, credentials.public, **FIXED)
    with scenario.machine("install", scenario.spec("install", drives=(disk, scenario.cd()))) as machine:
        operator = Operator(machine)
        seen: dict[str, str] = {}
        with scenario.phase("to the summary, with help on each screen"):

            def look(label: str) -> None:
                navigation_checks.harmless_keys(operator)
                seen[label] = navigation_checks.help_of(operator)

            to_summary(operator, choices, look)
        scenario.keep("screens.txt", "\n\n".join(seen.values()))
        with scenario.phase("back to the first screen"):
            back = navigation_checks.back(operator)
        with scenario.phase("forth again"):
            forth = navigation_checks.forth(operator)
        navigation_checks.compare(seen, back)
        navigation_checks.compare(seen, forth)
        with scenario.phase("windows, a lost console, terminals of other sizes"):
            navigation_checks.windows(operator)
            navigation_checks.lost_console(operator)
        machine.screenshot("summary")
        machine.sleep(PAUSE)
    need(media.fingerprint(disk.path) == before, "the disk was written to")


@scenario("tui-bad-input", firmware="bios", minutes=5, tags={"tui"})
def test_tui_bad_input(scenario: Scenario) -> None:
    """Refuse each mistake with a message that tells how to correct it; corrected, go on to the summary."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    before = media.fingerprint(disk.path)
    choices = wanted(scenario)
    with scenario.machine("install", scenario.spec("install", drives=(disk, scenario.cd()))) as machine:
        operator = Operator(machine)
        with scenario.phase("boot"):
            begin(operator)
        storage(operator, choices)
        with scenario.phase("mistakes"):
            navigation_checks.wrong_network(operator, choices)
            navigation_checks.wrong_password(operator)
        about_host_from_root(operator, choices)
        machine.screenshot("summary")
    need(media.fingerprint(disk.path) == before, "the disk was written to")


def about_host_from_root(operator: Operator, choices: Choices) -> None:
    """Correct what was refused before."""
    operator.fill("Password", choices.password, hidden=True)
    operator.fill("Repeat password", choices.password, hidden=True)
    operator.press_button("Next")
    operator.wait_for_screen("Pool")
    operator.press("enter")
    operator.wait_for_screen("Summary")
    operator.wait_for_text("10.0.2.15/24")
