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
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import Drive

PATH = "/answers/host1.yaml"
BMC_MAC = "0a:00:27:00:00:01"


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


@scenario("bmc-usb-nic", firmware="bios", minutes=3, tags={"install", "network"})
def test_bmc_usb_nic(scenario: Scenario) -> None:
    """Plan on a machine whose management controller shows a network card over USB: the only real card is taken."""
    text = answers(scenario.settings.credentials, network={})
    stick = scenario.stick("install-serial", arguments=f"{ANSWERS_ARGUMENT} dom0kit.plan-only", answers=text)
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL)
    controller = ("-device", "qemu-xhci,id=bmc", "-netdev", "user,id=bmcnet,restrict=on")
    card = ("-device", f"usb-net,bus=bmc.0,netdev=bmcnet,mac={BMC_MAC}")
    spec = scenario.spec("install", drives=(disk, scenario.cd(0), stick), devices=(*controller, *card))
    with scenario.machine("install", spec) as machine:
        with scenario.phase("boot to the plan"):
            event = machine.wait_for_event("installer", limit=timeouts.INSTALL)
        machine.screenshot("plan")
    need("nothing was changed" in str(event.get("text")), f"the installer ended with {event}")
    need("the only network card" in machine.console_text, "the plan does not take the only card")
    need(BMC_MAC not in machine.console_text.partition("management: ")[2].partition("\n")[0], "the plan takes the card over USB")
