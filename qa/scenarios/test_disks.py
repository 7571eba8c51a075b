"""Disks other than one plain disk: a mirror that boots with either half, and an NVMe drive with sectors of 4096 bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from qa import host, media, patience
from qa.answers import VOLUME_GROUP, answers
from qa.command import Drive, Firmware, MachineSpec, Nic
from qa.credentials import Ssh
from qa.failure import ScenarioFailed
from qa.machine import free_port
from qa.media import ANSWERS_ARGUMENT
from qa.scenario import Scenario

MIRROR = {
    "target": {"mirror": [{"serial": "DISK1"}, {"serial": "DISK2"}]},
    "guests": {"volume_group": VOLUME_GROUP, "thin": True},
    "dom0": {"memory": "1280 MiB", "cpus": 1},
}
SIZE = 16 * 1024**3


def installed(scenario: Scenario, firmware: Firmware, drives: tuple[Drive, ...], more: dict[str, Any]) -> Path | None:
    """Install from the CD by an answers stick.

    :returns: the UEFI variables that the installer left; None for BIOS.
    :raises ScenarioFailed: when the installer fails or does not reboot.
    """
    variables = scenario.work / "vars.fd" if firmware == "uefi" else None
    text = answers(scenario.settings.credentials, more=more)
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = scenario.spec("install", firmware=firmware, variables=variables, drives=(*drives, scenario.cd(len(drives)), stick))
    with scenario.machine("install", spec) as machine:
        with scenario.phase("install"):
            machine.wait_event("installer", limit=patience.INSTALL)
        reason = machine.wait_end()
    if reason != "guest-reset":
        raise ScenarioFailed(f"the answers ask for a reboot, the machine ended by {reason}")
    return variables


def look(scenario: Scenario, name: str, spec: MachineSpec, port: int, *, members: int, end: bool = False) -> None:
    """Boot the host and look at what a mirror with so many members left must be.

    :param members: 0 for a host without a mirror.
    :param end: switch it off at the end in place of cutting its power.
    """
    ssh = Ssh(scenario.settings.credentials, port)
    with scenario.machine(name, spec) as machine:
        with scenario.phase(f"{name}: boot"):
            machine.wait_event("firstboot", limit=patience.BOOT)
        console = machine.console()
        with scenario.phase(f"{name}: log-in"):
            console.login("root", scenario.settings.credentials.password)
            ssh.wait()
        host.settle(ssh.run)
        arrays = ssh.run("cat /proc/mdstat").ok()
        state = ssh.run("lsblk; vgs; lvs -a; findmnt /run/dom0kit/medium; cat /proc/cmdline; xl list; efibootmgr; true").ok()
        scenario.keep(f"{name}-state.txt", f"{arrays}\n{state}")
        scenario.keep(f"{name}-journal.txt", ssh.run("journalctl -b --no-pager -o short-monotonic").ok())
        host.check_xen(ssh.run)
        host.check_services(ssh.run)
        host.check_overlay(ssh.run, writable_medium=True)
        groups = ssh.run("vgs --noheadings -o vg_name").ok().split()
        host.need(groups == [VOLUME_GROUP], f"volume groups: {groups}")
        if members:
            shown = arrays.count(f"[2/{members}]")
            host.need(shown == 2, f"not two arrays with {members} of 2 members:\n{arrays}")
            source = ssh.run("findmnt -n -o SOURCE --mountpoint /run/dom0kit/medium").ok().strip()
            host.need(source.startswith("/dev/md"), f"the system is on {source}, not on the array")
            pool = ssh.run("lvs --noheadings -o lv_name,lv_attr guests/thin").ok().split()
            host.need(pool[:1] == ["thin"] and pool[1].startswith("twi-a"), f"the thin pool is {pool}")
            memory = ssh.run("xl list 0 | tail -n 1").ok().split()
            host.need(memory[2] == "1280", f"dom0 has {memory[2]} MiB, not 1280")
            ssh.run("systemctl is-active mdmonitor.service").ok()
        if end:
            ssh.run("systemctl poweroff")
            reason = machine.wait_end()
            host.need(reason == "guest-shutdown", f"the host was told to switch off, the machine ended by {reason}")


@pytest.mark.parametrize(
    ("scenario", "firmware"),
    [pytest.param("raid1-bios", "bios", id="raid1-bios"), pytest.param("raid1-uefi", "uefi", id="raid1-uefi")],
    indirect=["scenario"],
)
def test_raid1(scenario: Scenario, firmware: Firmware) -> None:
    """Install on two disks; boot with both, then with each of them alone."""
    disks = [media.blank_disk(scenario.work / f"disk{number}.img", SIZE) for number in (1, 2)]
    fresh = tuple(Drive(disk, serial=f"DISK{n + 1}", bootindex=n) for n, disk in enumerate(disks))
    variables = installed(scenario, firmware, fresh, MIRROR)

    def spec(name: str, drives: tuple[Drive, ...], port: int) -> MachineSpec:
        return scenario.spec(name, firmware=firmware, variables=variables, nics=(Nic(ssh_port=port),), drives=drives)

    # Freshly installed, the arrays still synchronise: what the installer wrote must be on both all the same.
    for number in (2, 1):
        name, port = f"only-disk{number}", free_port()
        copy = media.overlay(scenario.work / f"{name}.qcow2", disks[number - 1])
        drive = Drive(copy, format="qcow2", serial=f"DISK{number}", bootindex=0)
        look(scenario, name, spec(name, (drive,), port), port, members=1)
    port = free_port()
    look(scenario, "both", spec("both", fresh, port), port, members=2, end=True)


@pytest.mark.parametrize("scenario", [pytest.param("nvme-4k", id="nvme-4k")], indirect=["scenario"])
def test_nvme_4k(scenario: Scenario) -> None:
    """Install on an NVMe drive whose sectors have 4096 bytes, and boot from it; UEFI, for no BIOS can."""
    disk = media.blank_disk(scenario.work / "nvme.img", SIZE)
    drive = Drive(disk, "nvme", serial="NVME1", sector=4096, bootindex=0)
    more = {"target": {"disk": {"transport": "nvme", "model": "qemu nvme*"}}}
    variables = installed(scenario, "uefi", (drive,), more)
    port = free_port()
    spec = scenario.spec("host", firmware="uefi", variables=variables, nics=(Nic(ssh_port=port),), drives=(drive,))
    look(scenario, "host", spec, port, members=0, end=True)
