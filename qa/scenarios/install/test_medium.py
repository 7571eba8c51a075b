"""Answers on the medium itself, and a plan that is only shown."""

from __future__ import annotations

from dom0kit.events import Reporter
from iso import master
from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL, answers
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.qemu_args import Drive

PATH = "/answers/host1.yaml"


@scenario("answers-on-medium", firmware="bios", minutes=3, tags={"install", "answers"})
def test_answers_on_medium(scenario: Scenario) -> None:
    """Read answers from the ISO; ``dom0kit.plan-only`` prints the plan and writes nothing."""
    file = scenario.work / "host1.yaml"
    file.write_text(answers(scenario.settings.credentials))
    iso = scenario.work / "with-answers.iso"
    with scenario.phase("master an ISO with answers"):
        master.build(scenario.settings.iso.parent / "image", iso, Reporter("build"), added={PATH: file})
    disk = media.blank_disk(scenario.work / "disk.img")
    before = media.fingerprint(disk)
    stick = scenario.stick("install-serial", arguments=f"dom0kit.answers={PATH} dom0kit.plan-only")
    drives = (Drive(disk, serial=DISK_SERIAL), Drive(iso, "cdrom", bootindex=0), stick)
    with scenario.machine("install", scenario.spec("install", drives=drives)) as machine:
        with scenario.phase("boot to the plan"):
            event = machine.wait_for_event("installer", limit=timeouts.INSTALL)
        machine.sleep(10)  # an installer that writes nevertheless would do it now
        machine.screenshot("plan")
    need("nothing was changed" in str(event.get("text")), f"the installer ended with {event}")
    need("dom0kit-system" in machine.console_text, "the plan's table is not on the console")
    need(media.fingerprint(disk) == before, "the disk was written to")
