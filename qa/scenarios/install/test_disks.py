"""Disks of other kinds: a mirror of two, sectors of 4096 bytes."""

from __future__ import annotations

import re

from dom0kit.units import GIB
from qa import timeouts
from qa.checks import host_checks
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import DISK_SERIAL, VOLUME_GROUP, Values, answers
from qa.install.installed_disk import install_from_cd
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.guest import Guest
from qa.vm.ports import reserve
from qa.vm.qemu_args import Drive, Firmware, Nic

SERIALS = ("MIRROR1", "MIRROR2")
SMALL = 16 * GIB
"""Bytes of a disk, all of which the first synchronization reads and writes."""
DOM0_MIB = 1280
MIRROR: Values = {
    "target": {"mirror": [{"serial": serial} for serial in SERIALS]},
    "guests": {"volume_group": VOLUME_GROUP, "thin": True},
    "dom0": {"memory": f"{DOM0_MIB} MiB", "cpus": 1},
}


def members(mdstat: str) -> list[str]:
    """Return the state of each array's members in ``/proc/mdstat``: ``UU`` is complete, ``U_`` has lost one."""
    return re.findall(r"\[([U_]+)\]\s*$", mdstat, re.MULTILINE)


def check_mirror(guest: Guest, *, whole: bool) -> None:
    """Check that system and guests are on monitored arrays with both members, or with one each."""
    source = guest.succeed("findmnt -n -o SOURCE --mountpoint /run/dom0kit/medium").strip()
    kind = guest.succeed(f"lsblk -n -s -o TYPE {source}").split()
    need("raid1" in kind, f"the system partition {source} is on {kind}, not on a mirror")
    mdstat = guest.succeed("cat /proc/mdstat")
    found = members(mdstat)
    need(len(found) == 2, f"there are {len(found)} arrays, not one for the system and one for guests:\n{mdstat}")
    wrong = [state for state in found if (state == "UU") != whole or "U" not in state]
    need(not wrong, f"/proc/mdstat shows {found}, {'whole' if whole else 'degraded'} arrays were expected:\n{mdstat}")
    pool = guest.succeed(f"lvs --noheadings -o lv_name,lv_attr {VOLUME_GROUP}/thin").split()
    need(pool[:1] == ["thin"] and pool[1].startswith("twi-a"), f"the thin pool is {pool}")
    guest.succeed("systemctl is-active mdmonitor.service")


def check_dom0(guest: Guest) -> None:
    """Check that dom0 has the memory of the answers."""
    memory = guest.succeed("xl list 0 | tail -n 1").split()
    need(memory[2:3] == [str(DOM0_MIB)], f"dom0 is {memory}, not of {DOM0_MIB} MiB")


@scenario("raid1", firmware="bios", minutes=18, tags={"install", "disks"})
@scenario("raid1-uefi", firmware="uefi", minutes=20, tags={"install", "disks"})
def test_raid1(scenario: Scenario, firmware: Firmware) -> None:
    """Install onto two disks; boot with both, then with each one missing: degraded, and the same host."""
    paths = [media.blank_disk(scenario.work / f"{serial}.img", SMALL) for serial in SERIALS]
    disks = [Drive(path, serial=serial, bootindex=i) for i, (path, serial) in enumerate(zip(paths, SERIALS, strict=True))]
    variables = scenario.work / "vars.fd" if firmware == "uefi" else None
    port = reserve()
    ssh = Ssh(scenario.settings.credentials, port)
    machine_is: Values = {"firmware": firmware, "variables": variables}
    install_from_cd(scenario, disks, answers(scenario.settings.credentials, **MIRROR), **machine_is)
    machine_is["nics"] = (Nic(ssh_port=port),)
    with scenario.machine("both", scenario.spec("both", drives=tuple(disks), **machine_is)) as machine:
        wait_for_first_boot(scenario, machine)
        ssh.wait_for_login()
        scenario.diagnose("mdstat.txt", ssh, "cat /proc/mdstat; mdadm --detail --scan; lsblk; efibootmgr")
        with scenario.phase("synchronisation"):
            # All data must be on both disks before one is lost.
            ssh.succeed("mdadm --wait /dev/md/*; true", limit=timeouts.INSTALL)
        check_mirror(ssh, whole=True)
        check_dom0(ssh)
        before = host_checks.identity(ssh)
        with scenario.phase("shut down"):
            machine.shutdown(ssh)
    for gone, left in ((0, 1), (1, 0)):
        name = f"without-disk-{gone + 1}"
        overlay = media.overlay(scenario.work / f"{name}.qcow2", paths[left])
        disk = Drive(overlay, format="qcow2", serial=SERIALS[left], bootindex=0)
        with scenario.machine(name, scenario.spec(name, drives=(disk,), **machine_is)) as machine:
            console = machine.console()
            with scenario.phase(f"boot without disk {gone + 1}"):
                console.login("root", scenario.settings.credentials.password)
                console.wait_for_boot()
            ssh.wait_for_login()
            check_mirror(ssh, whole=False)
            host_checks.check_services(ssh)
            host_checks.check_xen(ssh)
            after = host_checks.identity(ssh)
            changed = [key for key in before if before[key] != after[key]]
            need(not changed, f"the loss of disk {gone + 1} changed: {', '.join(changed)}")


@scenario("nvme-4k", firmware="uefi", minutes=9, tags={"install", "disks"})
def test_nvme_4k(scenario: Scenario) -> None:
    """Install under UEFI on an NVMe disk with 4096-byte sectors: partition table, ESP and file system fit, and it boots."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), "nvme", serial=DISK_SERIAL, bootindex=0, sector=4096)
    variables = scenario.work / "vars.fd"
    install_from_cd(scenario, [disk], answers(scenario.settings.credentials), firmware="uefi", variables=variables)
    port = reserve()
    spec = scenario.spec("host", drives=(disk,), nics=(Nic(ssh_port=port),), firmware="uefi", variables=variables)
    with scenario.machine("host", spec) as machine:
        wait_for_first_boot(scenario, machine)
        ssh = Ssh(scenario.settings.credentials, port)
        check_installed_host(scenario, machine, ssh, firmware="uefi")
        sizes = ssh.succeed("lsblk -n -d -o LOG-SEC,PHY-SEC /dev/nvme0n1").split()
        need(sizes == ["4096", "4096"], f"the disk's sectors have {sizes} bytes, not 4096")
