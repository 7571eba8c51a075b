"""A machine that is installed stays installed, whatever it boots from first."""

from __future__ import annotations

from typing import Any

from qa import timeouts
from qa.checks import host_checks
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL, answers
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.network_boot import Boot, Trees, machine_spec, serve
from qa.network_boot import mac as network_mac
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import Drive


def resets(machine: Machine) -> int:
    """Return how often the machine has reset itself."""
    return sum(event["event"] == "RESET" for event in machine.channels.qmp_events)


def installer_events(machine: Machine, kind: str) -> list[dict[str, Any]]:
    """Return the installer's events of a kind so far."""
    return [dict(event) for event in machine.events if event.get("source") == "installer" and event.get("event") == kind]


def restart(machine: Machine) -> None:
    """Reboot the host and wait for the reset."""
    before = resets(machine)
    machine.console().send("systemctl reboot\n")
    machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT, number=before + 1)


def check_kept(machine: Machine) -> None:
    """Check that the installer wrote once, found the installation afterwards, and said so."""
    need(len(installer_events(machine, "writing")) == 1, "the installer wrote to the disk again")
    kept = [event for event in installer_events(machine, "finished") if event.get("unchanged")]
    need(kept, "the installer never reported that the machine is installed already")
    need("this machine is installed already" in machine.console_text, "the console does not say why nothing was installed")


@scenario("no-reinstall-loop-cd-bios", firmware="bios", minutes=12, tags={"install", "refusal"})
def test_no_reinstall_loop_cd(scenario: Scenario) -> None:
    """Install from a CD that stays first in the boot order, with ``wipe: true`` and a restart: the disk boots from then on."""
    disk = media.blank_disk(scenario.work / "disk.img")
    text = answers(scenario.settings.credentials, wipe=True)
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    drives = (Drive(disk, serial=DISK_SERIAL, bootindex=1), scenario.cd(0), stick)
    with scenario.machine("host", scenario.spec("host", drives=drives, reset_ends=False)) as machine:
        with scenario.phase("install"):
            machine.wait_for_event("installer", "writing", limit=timeouts.BOOT)
            machine.wait_for_event("installer", limit=timeouts.INSTALL)
            machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT)
        with scenario.phase("the installer again, and the restart into the disk"):
            machine.wait_for_qmp_event("RESET", limit=timeouts.BOOT, number=2)
        check_kept(machine)
        console = wait_for_first_boot(scenario, machine)
        first = host_checks.identity(console)
        restart(machine)
        with scenario.phase("once more"):
            console = machine.console()
            console.login("root", scenario.settings.credentials.password)
        need(host_checks.identity(console) == first, "the host's identity changed: it was installed again")
        check_kept(machine)


@scenario("refuse-own-installation", firmware="uefi", minutes=9, tags={"install", "refusal"})
def test_refuse_own_installation(scenario: Scenario) -> None:
    """Start the medium again on an installed UEFI machine with the answers that erase its disk: nothing changes, it boots."""
    disk = media.blank_disk(scenario.work / "disk.img")
    text = answers(scenario.settings.credentials, wipe=True, finish="poweroff")
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    drives = (Drive(disk, serial=DISK_SERIAL, bootindex=1), scenario.cd(0), stick)
    with scenario.machine("install", scenario.spec("install", drives=drives)) as machine, scenario.phase("install"):
        machine.wait_for_event("installer", limit=timeouts.INSTALL)
        machine.wait_for_shutdown()
    with scenario.machine("again", scenario.spec("again", drives=drives, reset_ends=False)) as machine:
        with scenario.phase("the medium again"):
            event = machine.wait_for_event("installer", limit=timeouts.INSTALL)
            machine.screenshot("kept")
        need(event.get("unchanged") is True, f"the installer ended with {event}")
        need("reinstall: true" in machine.console_text, "the console does not say how to install again")
        with scenario.phase("restart into the disk"):
            machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT)
        wait_for_first_boot(scenario, machine)
        need(not installer_events(machine, "writing"), "the installer wrote to the disk")


@scenario("no-reinstall-lost-report", firmware="bios", minutes=10, tags={"network", "pxe"}, lab=True, needs=("nginx",))
def test_no_reinstall_lost_report(scenario: Scenario, lab: Lab, trees: Trees) -> None:
    """Lose the reports from the first write on: the next network boot starts the disk all the same."""
    name, boot = "pxe-bios", Boot("bios", rom=True, no_ipxe=True)
    trees.tree.keep_armed(name)
    served = serve(lab, scenario, trees.tree, boot)
    nic = lab.nic(network_mac(name), rom=boot.rom, bootindex=0)
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=1)
    with scenario.machine("host", machine_spec(scenario, lab, boot, nic, disk)) as machine:
        with scenario.phase("install until the order has ended"):
            machine.wait_for_event("installer", "writing", limit=timeouts.BOOT)
            machine.wait_until(lambda: not trees.tree.is_armed(name), "end of the order to install", limit=timeouts.COMMAND)
        # nginx answers 502 to every report from here on.
        served.lose_reports()
        with scenario.phase("install without a receiver"):
            machine.wait_for_event("installer", limit=timeouts.INSTALL)
            machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT)
        need(not served.reported(name, "finished", "installer"), "the report arrived: the scenario tests nothing")
        wait_for_first_boot(scenario, machine)
        need(len(installer_events(machine, "started")) == 1, "the installer ran again")
