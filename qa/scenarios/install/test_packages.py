"""Drivers and programs that the image lacks: from a stick into the installer, onto the host, and into its initramfs."""

from __future__ import annotations

from dataclasses import replace

from qa import timeouts
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install import sample_debs
from qa.install.answers import DISK_SERIAL, answers
from qa.install.installed_disk import run_installer
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.guest import Guest
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.ports import reserve
from qa.vm.qemu_args import Drive, Nic

SOURCE = {"folder": f"label:{sample_debs.LABEL}/{sample_debs.FOLDER}"}
MODULES = " ".join(name.replace("-", "_") for name in (*sample_debs.BY_CARD, sample_debs.BY_NAME))
IN_INSTALLER = f"""#!/bin/sh -e
for module in {MODULES}; do test -d /sys/module/$module; done
test -e /sys/class/net/can0
{sample_debs.PROGRAM} | grep '{sample_debs.HELLO}'
test ! -e /usr/sbin/policy-rc.d
"""
"""User script that fails unless the drivers have found their card before a disk is touched."""
SCRIPT = {"stage": "planned", "content": IN_INSTALLER}


def check_drivers(guest: Guest) -> None:
    """Check that the host has the packages and that its initramfs loaded their drivers before the root was mounted.

    :raises ScenarioFailed: for the first check that fails.
    """
    for name in (sample_debs.DRIVERS, sample_debs.PROGRAM):
        state = guest.succeed(f"dpkg-query --show --showformat='${{db:Status-Abbrev}}' {name}")
        need(state.startswith("ii"), f"{name} is not installed: {state}")
    need(sample_debs.HELLO in guest.succeed(sample_debs.PROGRAM), "the program of the additional package does not run")
    guest.succeed("test -e /sys/class/net/can0")
    messages = guest.succeed("dmesg --notime").splitlines()
    root = next((n for n, line in enumerate(messages) if "EXT4-fs" in line and "mounted filesystem" in line), None)
    need(root is not None, "the kernel has no message of a mounted root")
    for word in ("kvaser_pci 0000:", f"{sample_debs.BY_NAME}: "):
        first = next((n for n, line in enumerate(messages) if word in line), None)
        need(first is not None and root is not None and first < root, f"{word!r} is not among the messages before the root")
    need("as /etc is now" in guest.succeed("dom0ctl initramfs --check"), "the initramfs does not match /etc")
    kept = guest.succeed("ls /run/dom0kit/medium/state/*/packages").split()
    need(len(kept) == 2, f"the host has kept the packages {kept}")


@scenario("driver-disk", firmware="bios", minutes=9, tags={"install", "drivers"})
def test_driver_disk(scenario: Scenario) -> None:
    """Install a card's driver from a stick, unattended; it works in the installer, and on the host from its initramfs on."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    text = answers(scenario.settings.credentials, packages=[SOURCE], scripts=[SCRIPT])
    drives = (disk, scenario.cd(1), sample_debs.stick(scenario, sample_debs.make(scenario)))
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = scenario.spec("install", drives=(*drives, stick), devices=sample_debs.DEVICES)
    with scenario.machine("install", spec) as machine:
        run_installer(machine, scenario)
    port = reserve()
    spec = scenario.spec("host", drives=(disk,), nics=(Nic(ssh_port=port),), devices=sample_debs.DEVICES)
    with scenario.machine("host", spec) as machine:
        wait_for_first_boot(scenario, machine)
        ssh = Ssh(scenario.settings.credentials, port)
        check_installed_host(scenario, machine, ssh, firmware="bios")
        scenario.diagnose("dmesg.txt", ssh, "dmesg")
        check_drivers(ssh)


@scenario("driver-disk-refused", firmware="bios", minutes=3, tags={"install", "drivers", "refusal"})
def test_driver_disk_refused(scenario: Scenario) -> None:
    """Refuse a driver for another kernel with a message, and write nothing to the disk."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    before = media.fingerprint(disk.path)
    text = answers(scenario.settings.credentials, packages=[SOURCE])
    wrong = sample_debs.stick(scenario, sample_debs.make(scenario, release="6.1.0-9-amd64")[:1])
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = replace(scenario.spec("install"), drives=(disk, scenario.cd(1), wrong, stick))
    with scenario.machine("install", spec, expected_failures=("installer",)) as machine, scenario.phase("boot to the failure"):
        machine.wait_for_event("installer", "failed", limit=timeouts.INSTALL)
        event = next(e for e in machine.events if e.get("event") == "failed")
    details = str(event.get("details"))
    need("drivers for the kernel 6.1.0-9-amd64" in details, f"the failure does not name the kernel: {details}")
    need(media.fingerprint(disk.path) == before, "the disk was written to")
