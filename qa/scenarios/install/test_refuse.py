"""The installer touches no disk that is in use unless the answers allow it."""

from __future__ import annotations

from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL, answers
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import Drive


@scenario("refuse-dirty-disk", firmware="bios", minutes=3, tags={"install", "refusal"})
def test_refuse_dirty_disk(scenario: Scenario) -> None:
    """Refuse a disk with a file system without ``wipe: true``: the failure names both, and nothing is written."""
    disk = media.ext4_disk(scenario.work / "precious.img")
    before = media.fingerprint(disk)
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=answers(scenario.settings.credentials))
    drives = (Drive(disk, serial=DISK_SERIAL), scenario.cd(0), stick)
    spec = scenario.spec("install", drives=drives)
    with scenario.machine("install", spec, expected_failures=("installer",)) as machine:
        with scenario.phase("boot to the refusal"):
            event = machine.wait_for_event("installer", "failed", limit=timeouts.INSTALL)
        machine.sleep(10)  # an installer that writes nevertheless would do it now
        machine.screenshot("refused")
    text = f"{event.get('text', '')} {event.get('hint', '')}"
    scenario.notes["refusal"] = text.strip()
    need(DISK_SERIAL in text or "/dev/vda" in text, f"the refusal names no disk: {text}")
    need("wipe: true" in text + machine.console_text, f"the refusal does not say how to allow it (wipe: true): {text}")
    need(media.fingerprint(disk) == before, "the disk was written to")
