"""The ISO as a USB stick boots the live system."""

from __future__ import annotations

from qa.checks import host_checks
from qa.checks.live_checks import open_live_shell
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.qemu_args import Drive, Firmware


@scenario("usb-bios", firmware="bios", minutes=3, tags={"install", "live"})
@scenario("usb-uefi", firmware="uefi", minutes=3, tags={"install", "live"})
def test_usb(scenario: Scenario, firmware: Firmware) -> None:
    """Boot to a root shell on the serial console: an overlay as root, the stick as the medium, read-only."""
    iso = scenario.settings.iso
    if firmware == "uefi":
        # OVMF prefers the El Torito record even on a disk, and then the partition table would not be tested.
        iso = media.hide_el_torito(iso, scenario.work / "stick.iso")
    stick = Drive(iso, "usb", bootindex=0, read_only=True, serial="STICK")
    drives = (stick, scenario.stick("live"))
    with scenario.machine("live", scenario.spec("live", firmware=firmware, drives=drives)) as machine:
        console = machine.console()
        open_live_shell(scenario, console)
        booted = console.execute("test -d /sys/firmware/efi").code == 0
        host_checks.need(booted == (firmware == "uefi"), f"the firmware is {firmware}, /sys/firmware/efi exists: {booted}")
        disk = console.succeed("lsblk -n -s -l -o SERIAL $(findmnt -n -o SOURCE /run/dom0kit/medium)").split()
        host_checks.need("STICK" in disk, f"the medium is not the stick but on {disk}")
        host_checks.check_no_failed_unit(console)
