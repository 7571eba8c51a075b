"""Disks of other kinds: a mirror of two, sectors of 4096 bytes."""

from __future__ import annotations

import re

import pytest

from qa import host, media, patience
from qa.answers import DISK_SERIAL, answers
from qa.arrival import arrive, look_around
from qa.command import Drive, Nic
from qa.credentials import Ssh
from qa.host import Run, need
from qa.installed import install_from_cd
from qa.machine import free_port
from qa.scenario import Scenario

SERIALS = ("MIRROR1", "MIRROR2")
SMALL = 16 * 1024**3
"""Bytes of a disk: what a first synchronisation reads and writes is this much."""


def members(mdstat: str) -> list[str]:
    """The state of each array's members in ``/proc/mdstat``: ``UU`` is whole, ``U_`` has lost one."""
    return re.findall(r"\[([U_]+)\]\s*$", mdstat, re.MULTILINE)


def check_mirror(run: Run, *, whole: bool) -> None:
    """The system is on an array; all arrays have both members, or each has lost one."""
    source = run("findmnt -n -o SOURCE /run/dom0kit/medium").ok().strip()
    kind = run(f"lsblk -n -s -o TYPE {source}").ok().split()
    need("raid1" in kind, f"the system partition {source} is on {kind}, not on a mirror")
    mdstat = run("cat /proc/mdstat").ok()
    found = members(mdstat)
    need(found, f"no array in /proc/mdstat:\n{mdstat}")
    wrong = [state for state in found if (state == "UU") != whole or "U" not in state]
    need(not wrong, f"/proc/mdstat shows {found}, {'whole' if whole else 'degraded'} arrays were expected:\n{mdstat}")


@pytest.mark.parametrize("scenario", ["raid1"], ids=["raid1"], indirect=True)
def test_raid1(scenario: Scenario) -> None:
    """Install onto two disks; boot with both; boot with each one gone: degraded, and the same host."""
    paths = [media.blank_disk(scenario.work / f"{serial}.img", SMALL) for serial in SERIALS]
    disks = [Drive(path, serial=serial, bootindex=i) for i, (path, serial) in enumerate(zip(paths, SERIALS, strict=True))]
    target = {"mirror": [{"serial": serial} for serial in SERIALS]}
    install_from_cd(scenario, disks, answers(scenario.settings.credentials, target=target))
    port = free_port()
    ssh = Ssh(scenario.settings.credentials, port)
    nics = (Nic(ssh_port=port),)
    with scenario.machine("both", scenario.spec("both", drives=tuple(disks), nics=nics)) as machine:
        arrive(scenario, machine)
        ssh.wait()
        check_mirror(ssh.run, whole=True)
        before = host.identity(ssh.run)
        scenario.keep("mdstat.txt", ssh.run("cat /proc/mdstat; mdadm --detail --scan; lsblk").ok())
        with scenario.phase("synchronisation and shut down"):
            # What a lost disk would take with it must be on the other one first.
            ssh.run("mdadm --wait /dev/md/* || true; sync", limit=patience.INSTALL).ok()
            ssh.run("systemctl poweroff --no-block; true")
            machine.wait_end()
    for gone, left in ((0, 1), (1, 0)):
        name = f"without-disk-{gone + 1}"
        overlay = media.overlay(scenario.work / f"{name}.qcow2", paths[left])
        disk = Drive(overlay, format="qcow2", serial=SERIALS[left], bootindex=0)
        with scenario.machine(name, scenario.spec(name, drives=(disk,), nics=nics)) as machine:
            console = machine.console()
            with scenario.phase(f"boot without disk {gone + 1}"):
                console.login("root", scenario.settings.credentials.password)
                host.settle(console.run)
            ssh.wait()
            check_mirror(ssh.run, whole=False)
            host.check_services(ssh.run)
            host.check_xen(ssh.run)
            after = host.identity(ssh.run)
            changed = [key for key in before if before[key] != after[key]]
            need(not changed, f"changed by the loss of disk {gone + 1}: {', '.join(changed)}")
            groups = ssh.run("vgs --noheadings -o vg_name").ok().split()
            need("guests" in groups, f"without disk {gone + 1} the volume groups are {groups}")


@pytest.mark.parametrize("scenario", ["nvme-4k"], ids=["nvme-4k"], indirect=True)
def test_nvme_4k(scenario: Scenario) -> None:
    """UEFI, one NVMe disk with 4096-byte sectors: partition table, ESP and file system are right for them, and it boots."""
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), "nvme", serial=DISK_SERIAL, bootindex=0, sector=4096)
    variables = scenario.work / "vars.fd"
    install_from_cd(scenario, [disk], answers(scenario.settings.credentials), firmware="uefi", variables=variables)
    port = free_port()
    spec = scenario.spec("host", drives=(disk,), nics=(Nic(ssh_port=port),), firmware="uefi", variables=variables)
    with scenario.machine("host", spec) as machine:
        arrive(scenario, machine)
        ssh = Ssh(scenario.settings.credentials, port)
        look_around(scenario, machine, ssh, firmware="uefi")
        sizes = ssh.run("lsblk -n -d -o LOG-SEC,PHY-SEC /dev/nvme0n1").ok().split()
        need(sizes == ["4096", "4096"], f"the disk's sectors have {sizes} bytes: the scenario tested something else")
