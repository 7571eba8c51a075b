"""Machines whose management controller has its console on the second serial port."""

from __future__ import annotations

import struct
from pathlib import Path

from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL, answers
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import Drive

COM2 = 0x2F8


def spcr(path: Path) -> Path:
    """Write the body of an ACPI table SPCR, revision 2: the firmware's console is a 16550 at COM2, with 115200 baud."""
    path.write_bytes(struct.pack("<B3sBBBBQ", 0, bytes(3), 1, 8, 0, 1, COM2) + bytes(6) + bytes([7, 0, 1]) + bytes(19))
    return path


@scenario("com2-only", firmware="bios", minutes=3, tags={"install", "console"}, first_port=False)
@scenario("com2-firmware-console", firmware="bios", minutes=3, tags={"install", "console"}, first_port=True)
def test_second_serial_port(scenario: Scenario, first_port: bool) -> None:
    """See the installer on COM2: where there is no other port, and where there is and only the firmware says that it is COM2."""
    text = answers(scenario.settings.credentials)
    entry = "install" if first_port else "install-serial"
    stick = scenario.stick(entry, arguments=f"{ANSWERS_ARGUMENT} dom0kit.plan-only", answers=text)
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL)
    devices: tuple[str, ...] = ()
    if first_port:
        table = f"sig=SPCR,rev=2,data={spcr(scenario.work / 'spcr')}"
        devices = ("-chardev", "null,id=first", "-device", "isa-serial,chardev=first,index=0", "-acpitable", table)
    spec = scenario.spec("install", drives=(disk, scenario.cd(0), stick), devices=devices, com=2)
    with scenario.machine("install", spec) as machine:
        with scenario.phase("boot to the plan"):
            event = machine.wait_for_event("installer", limit=timeouts.INSTALL)
        need("nothing was changed" in str(event.get("text")), f"the installer ended with {event}")
        machine.wait_for_console_text("dom0kit-system")
        console = machine.console()
        console.wait_for_shell()
        need(console.succeed("tty").strip() == "/dev/ttyS1", "the shell on COM2 is not on ttyS1")
        active = console.succeed("cat /sys/class/tty/console/active").split()
        need(("ttyS0" if first_port else "ttyS1") in active, f"the kernel's consoles are {active}")
        if not first_port:
            need("GRUB" in machine.console_text or "Loading Linux" in machine.console_text, "the boot menu is not on COM2")
