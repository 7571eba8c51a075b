"""A disk with data is erased only after confirmation; saved answers install a second machine to the same result."""

from __future__ import annotations

import json
from pathlib import Path

from dom0kit.process import run
from qa.checks.host_checks import need
from qa.guest.host_json import differences, read_host_file
from qa.install.answers import DISK_SERIAL, HOST_NAME
from qa.install.installed_disk import install_from_cd
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.scenarios.tui.test_tui import wanted
from qa.tui import navigation_checks, standard_path
from qa.tui.operator import Operator
from qa.vm import media
from qa.vm.qemu_args import Drive

ASKED = "Type the word erase to continue, or choose Back."
IDENTITIES = ("created", "id", "identity", "uuid")
"""Keys of host.json whose values differ between installations."""


@scenario("tui-dirty-disk", firmware="bios", minutes=4, tags={"tui", "refusal"})
def test_tui_dirty_disk(scenario: Scenario) -> None:
    """Name what is lost in the last question; write nothing without the confirmation, install with it."""
    disk = Drive(media.ext4_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    before = media.fingerprint(disk.path)
    with scenario.machine("install", scenario.spec("install", drives=(disk, scenario.cd()))) as machine:
        operator = Operator(machine)
        standard_path.begin(operator)
        operator.choose(DISK_SERIAL)
        operator.wait_for_text("ext4 signature (label 'precious')")
        standard_path.storage(operator, wanted(scenario))
        standard_path.network(operator, wanted(scenario))
        standard_path.about_host(operator, wanted(scenario))
        operator.wait_for_screen("Summary")
        operator.press_button("Next")
        operator.wait_for_screen("Confirmation")
        with scenario.phase("refusals"):
            for text in ("will be lost", DISK_SERIAL, "ext4 signature"):
                operator.wait_for_text(text)
            navigation_checks.refused(operator, "Confirmation", ASKED, button="Install")
            operator.fill("Type 'erase'", "yes")
            navigation_checks.refused(operator, "Confirmation", ASKED, button="Install")
            operator.press("esc")
            operator.wait_for_screen("Summary")
            need(media.fingerprint(disk.path) == before, "the disk was written to before the confirmation")
        scenario.keep("summary.txt", operator.screen.text)
        standard_path.confirm(operator, dirty=True)
        standard_path.watch(operator, scenario)
    need(media.fingerprint(disk.path) != before, "the installer reports success, but the disk is unchanged")
    need(read_host_file(disk.path, scenario.work)["host_name"] == HOST_NAME, "the disk holds another host")


@scenario("tui-save-answers", firmware="bios", minutes=7, tags={"tui", "answers"})
def test_tui_save_answers(scenario: Scenario) -> None:
    """Install a second machine unattended from the file saved at the summary; both get the same host.json."""
    first = Drive(media.blank_disk(scenario.work / "first.img"), serial=DISK_SERIAL, bootindex=0)
    stick = Drive(media.answers_stick(scenario.work / "usb.img", {"notes.txt": "mine\n"}, "MYSTICK"), "usb", serial="MYSTICK")
    with scenario.machine("by-hand", scenario.spec("by-hand", drives=(first, scenario.cd(), stick))) as machine:
        operator = Operator(machine)
        standard_path.to_summary(operator, wanted(scenario))
        with scenario.phase("save the answers"):
            operator.press_button("Answers")
            operator.wait_for_screen("Answers")
            operator.wait_for_text("host_name")
            operator.press_button("Save to USB")
            operator.wait_for_screen("Save to a USB stick")
            operator.choose("MYSTICK")
            operator.press_button("Save")
            operator.wait_for_text("You can remove the stick now.")
            operator.press("enter")
            operator.wait_for_screen("Answers")
            operator.press("esc")
        standard_path.confirm(operator)
        standard_path.watch(operator, scenario)
    text = saved(stick.path, f"{HOST_NAME}.yaml")
    need(saved(stick.path, "notes.txt") == "mine\n", "the stick's own file is gone")
    need(scenario.settings.credentials.password not in text, "the password is in the saved file")
    need("password_hash:" in text, f"the saved file has no hash:\n{text}")
    second = Drive(media.blank_disk(scenario.work / "second.img"), serial=DISK_SERIAL, bootindex=0)
    install_from_cd(scenario, [second], text, name="unattended")
    by_hand, unattended = (read_host_file(disk.path, scenario.work) for disk in (first, second))
    different = differences(by_hand, unattended, IDENTITIES)
    need(not different, f"the two hosts differ: {json.dumps(different)}")
    tables = [run(["sgdisk", "--print", disk.path]).output.partition("Number")[2] for disk in (first, second)]
    need(tables[0] == tables[1], f"the partitions differ:\n{tables[0]}\n{tables[1]}")


def saved(stick: Path, name: str) -> str:
    """Return a file on a stick."""
    return run(["mcopy", "-i", stick, f"::{name}", "-"]).output
