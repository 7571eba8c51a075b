"""A host is upgraded from a medium: the image is tried once and confirmed by the host itself, and left again by command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dom0kit.units import MIB
from qa import timeouts
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import DISK_SERIAL, Values, answers
from qa.install.installed_disk import InstalledDisks, install_from_cd, own_copy
from qa.install.other_image import NAME
from qa.metadata import scenario
from qa.san.multipath_array import check_root, wait_for_paths
from qa.san.multipath_host import install as install_on_lun
from qa.san.multipath_host import spec_of
from qa.scenario import Scenario
from qa.scenarios.install.test_disks import SERIALS, SMALL
from qa.upgrade.upgraded_host import (
    UpgradedHost,
    boot_and_try,
    check_same_host,
    check_trial,
    on_one_disk,
    run_first_boot,
)
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.ports import reserve
from qa.vm.qemu_args import Drive, Firmware, MachineSpec, Nic

MIRROR: Values = {"target": {"mirror": [{"serial": serial} for serial in SERIALS]}}


def upgrade(host: UpgradedHost) -> tuple[str, dict[str, str]]:
    """Boot the installed image, bring the other one, try it; return the first image's name and the host's identity."""
    first, before = boot_and_try(host)
    with host.boot("trial") as machine:
        check_trial(host, machine, before)
        need(host.images()[first] == ["staged"], f"the images after the confirmation: {host.images()}")
        host.scenario.keep("status.txt", host.ssh.succeed("dom0ctl status"))
        host.scenario.diagnose("journal-trial.txt", host.ssh, "journalctl -b --no-pager -o short-monotonic")
        host.restart(machine)
    return first, before


def check_confirmed(host: UpgradedHost, machine: Machine, before: Mapping[str, str]) -> None:
    """Check the host after it has confirmed the image and was started again."""
    wait_for_first_boot(host.scenario, machine)
    host.ssh.wait_for_login()
    need("dom0kit.try" not in host.ssh.succeed("cat /proc/cmdline"), "a confirmed image was started as a try")
    need(host.images()[NAME] == ["running", "confirmed"], f"the images after a restart: {host.images()}")
    check_same_host(host, before)


def check_back(host: UpgradedHost, machine: Machine, first: str, before: Mapping[str, str]) -> None:
    """Check the host after it has returned to its first image by command."""
    wait_for_first_boot(host.scenario, machine)
    host.ssh.wait_for_login()
    need(host.images() == {first: ["running", "confirmed"], NAME: ["staged"]}, f"the images after the return: {host.images()}")
    check_same_host(host, before)


@scenario("upgrade-and-return", firmware="bios", minutes=12, stage="installed-bios", tags={"upgrade", "smoke"})
def test_upgrade_and_return(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """Stage another image, try it, see that the host confirms it, and return to the first one by command."""
    host = on_one_disk(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")))
    first, before = boot_and_try(host)
    with host.boot("trial") as machine:
        check_trial(host, machine, before)
        host.roll_back(machine)
    with host.boot("back") as machine:
        check_back(host, machine, first, before)


@scenario("upgrade-bios", firmware="bios", minutes=25, stage="installed-bios", tags={"upgrade"})
@scenario("upgrade-uefi", firmware="uefi", minutes=25, stage="installed-uefi", tags={"upgrade"})
def test_upgrade(scenario: Scenario, firmware: Firmware, installed_disks: InstalledDisks) -> None:
    """Stage another image, try it, and see that it is confirmed and starts from then on; return to the first one by command."""
    host = on_one_disk(scenario, own_copy(scenario, installed_disks.get(scenario, firmware)))
    first, before = upgrade(host)
    with host.boot("again") as machine:
        check_confirmed(host, machine, before)
        host.roll_back(machine)
    with host.boot("back") as machine:
        check_back(host, machine, first, before)


@scenario("upgrade-raid1", firmware="bios", minutes=30, tags={"upgrade", "disks"})
def test_upgrade_raid1(scenario: Scenario) -> None:
    """Upgrade a host on a mirror; afterwards it starts the new image from each disk without the other one."""
    disks = tuple(
        Drive(media.blank_disk(scenario.work / f"{serial}.img", SMALL), serial=serial, bootindex=place)
        for place, serial in enumerate(SERIALS)
    )
    install_from_cd(scenario, disks, answers(scenario.settings.credentials, **MIRROR))
    ssh, nics = ssh_by_port(scenario)
    present = disks

    def spec(name: str) -> MachineSpec:
        return scenario.spec(name, drives=present, nics=nics)

    host = UpgradedHost(scenario, spec, ssh, device="/dev/vdc")
    _, before = upgrade(host)
    with host.boot("again") as machine:
        check_confirmed(host, machine, before)
        with scenario.phase("synchronization"):
            # All data must be on both disks before one is lost.
            ssh.succeed("mdadm --wait /dev/md/*; true", limit=timeouts.INSTALL)
        machine.shutdown(ssh)
    for number, left in enumerate(disks):
        overlay = media.overlay(scenario.work / f"left-{number}.qcow2", left.path)
        present = (replace(left, path=overlay, format="qcow2", bootindex=0),)
        with host.boot(f"disk-{number + 1}-alone") as machine:
            check_confirmed(host, machine, before)


@scenario("upgrade-nvme-4k", firmware="uefi", minutes=25, tags={"upgrade", "disks"})
def test_upgrade_nvme_4k(scenario: Scenario) -> None:
    """Upgrade a host on an NVMe disk with sectors of 4096 bytes."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), "nvme", serial=DISK_SERIAL, bootindex=0, sector=4096)
    variables = scenario.work / "vars.fd"
    install_from_cd(scenario, [disk], answers(scenario.settings.credentials), firmware="uefi", variables=variables)
    ssh, nics = ssh_by_port(scenario)

    def spec(name: str) -> MachineSpec:
        return scenario.spec(name, drives=(disk,), nics=nics, firmware="uefi", variables=variables)

    host = UpgradedHost(scenario, spec, ssh, device="/dev/vda")
    _, before = upgrade(host)
    with host.boot("again") as machine:
        check_confirmed(host, machine, before)


@scenario("upgrade-san", firmware="bios", minutes=25, stage="san-fc-bios", tags={"upgrade", "san", "multipath"})
def test_upgrade_san(scenario: Scenario) -> None:
    """Upgrade a host on a LUN with two paths; afterwards it starts the new image by its second path alone."""
    on = install_on_lun(scenario).copy(scenario.work)
    ssh, nics = ssh_by_port(scenario)
    paths: tuple[int, ...] = ()

    def spec(name: str) -> MachineSpec:
        return replace(spec_of(scenario, on, name, *paths), nics=nics)

    host = UpgradedHost(scenario, spec, ssh, device="/dev/vda")
    _, before = upgrade(host)
    with host.boot("again") as machine:
        check_confirmed(host, machine, before)
        check_root(ssh, on.lun)
        wait_for_paths(ssh, on.lun.wwid, 2)
        machine.shutdown(ssh)
    paths = (1,)
    with host.boot("second-path") as machine:
        check_confirmed(host, machine, before)
        check_root(ssh, on.lun, paths=1)


def ssh_by_port(scenario: Scenario) -> tuple[Ssh, tuple[Nic, ...]]:
    """Return the ssh client of a host on the emulator's user network, and the host's card."""
    port = reserve()
    return Ssh(scenario.settings.credentials, port), (Nic(ssh_port=port),)


@scenario("upgrade-full-disk", firmware="bios", minutes=6, stage="installed-bios", tags={"upgrade", "refusal"})
def test_upgrade_full_disk(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """A host without space for another image refuses it before it writes anything, and takes it once there is space."""
    host = on_one_disk(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")))
    system = "/run/dom0kit/medium"
    filler = f"{system}/filler"
    with host.boot("before") as machine:
        run_first_boot(host, machine)
        first = host.first_image()
        free = int(host.ssh.succeed(f"df --output=avail -B1 {system} | tail -n 1"))
        host.ssh.succeed(f"fallocate -l {free - 300 * MIB} {filler}")
        used = host.ssh.succeed(f"du -s --apparent-size {system}/images; ls -A {system}/images")
        refused = host.ssh.fail(f"dom0ctl image stage {host.device} 2>&1")
        scenario.keep("refused.txt", refused)
        need("space" in refused and "hint" in refused, f"the refusal does not name the space: {refused}")
        left = host.ssh.succeed(f"du -s --apparent-size {system}/images; ls -A {system}/images")
        need(left == used, f"a refused image left something: {left}")
        need(host.images() == {first: ["running", "confirmed"]}, f"the images after the refusal: {host.images()}")
        host.ssh.succeed(f"rm {filler}")
        host.stage()
        machine.shutdown(host.ssh)
