"""Install from the CD onto a blank disk, boot the host, check everything that an administrator would check."""

from __future__ import annotations

from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.install.installed_disk import InstalledDisks, own_copy
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm.qemu_args import Firmware


@scenario("install-bios", firmware="bios", minutes=8, stage="installed-bios", tags={"install", "smoke"})
@scenario("install-uefi", firmware="uefi", minutes=8, stage="installed-uefi", tags={"install", "smoke"})
def test_install(scenario: Scenario, firmware: Firmware, installed_disks: InstalledDisks) -> None:
    """Install, reboot through GRUB, Xen and dom0 to the first boot, log in on the console and by ssh."""
    target = own_copy(scenario, installed_disks.get(scenario, firmware, renew=True))
    with target.boot("host") as machine:
        wait_for_first_boot(scenario, machine)
        check_installed_host(scenario, machine, target.ssh, firmware=firmware)
