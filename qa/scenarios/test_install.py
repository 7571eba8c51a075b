"""Install from the CD onto a blank disk, boot the host, look at everything an administrator would look at."""

from __future__ import annotations

import pytest

from qa import host, patience
from qa.command import Firmware
from qa.installed import InstalledDisks, own_copy
from qa.scenario import Scenario


@pytest.mark.parametrize(
    ("scenario", "firmware"),
    [pytest.param("install-bios", "bios", id="install-bios"), pytest.param("install-uefi", "uefi", id="install-uefi")],
    indirect=["scenario"],
)
def test_install(scenario: Scenario, firmware: Firmware, installed_disks: InstalledDisks) -> None:
    """ISO, installer, reboot, GRUB, Xen, dom0, first boot, log-in on the console, log-in by ssh."""
    target = own_copy(scenario, installed_disks.get(scenario, firmware))
    known = scenario.settings.credentials
    with target.boot("host") as machine:
        with scenario.phase("first boot"):
            machine.wait_event("firstboot", limit=patience.BOOT)
        console = machine.console()
        with scenario.phase("log-in on the console"):
            console.login("root", known.password)
        with scenario.phase("the rest of the boot"):
            host.settle(console.run)
        host.check_mode(console.run, "host")
        host.check_xen(console.run)
        host.check_services(console.run)
        with scenario.phase("log-in by ssh"):
            target.ssh.wait()
        host.check_xen(target.ssh.run)
        scenario.keep("journal.txt", target.ssh.run("journalctl -b --no-pager -o short-monotonic").ok())
        scenario.keep("blame.txt", target.ssh.run("systemd-analyze; systemd-analyze blame --no-pager | head -n 40; true").ok())
        with scenario.phase("checks by ssh"):
            host.check_overlay(target.ssh.run, writable_medium=True)
            host.check_identity(target.ssh.run)
            host.check_network(target.ssh.run)
            host.check_access(target.ssh.run, known.public)
            host.check_storage(target.ssh.run, firmware)
            host.check_services(target.ssh.run)
        on_screen = target.ssh.run("ps -o args= -t tty1; true").ok()
        host.need("agetty" in on_screen or "login" in on_screen, f"no log-in prompt on the screen (tty1): {on_screen!r}")
        machine.screenshot("tty1")
