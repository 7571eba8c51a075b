"""Hosts on a LUN with two paths, as over Fibre Channel: installed, with a path gone, with all gone, on either path alone."""

from __future__ import annotations

import json

import pytest

from qa import host, media, patience
from qa.answers import answers
from qa.arrival import arrive, look_around
from qa.command import Drive, Firmware, Nic
from qa.credentials import Ssh
from qa.host import need
from qa.installed import install_from_cd, note_steps
from qa.lab.lab import Lab
from qa.machine import Machine, free_port
from qa.media import ANSWERS_ARGUMENT
from qa.netboot import Boot, Trees, check_came_by_network, check_installed_once, mac, serve, wait_installed
from qa.san import (
    ALUA,
    OnSan,
    SanDisks,
    check_initramfs,
    check_lvm,
    check_root,
    fsync_loop,
    good_paths,
    new_lun,
    shown,
    target,
    wait_path_event,
    wait_paths,
)
from qa.scenario import Scenario

HOOK = "/etc/dom0kit/hooks/alert.d/10-note"
HOOK_NOTE = "/run/alert-hook"


def machine_of(scenario: Scenario, on: OnSan, name: str, *paths: int) -> tuple[Machine, Ssh]:
    """A machine with the host's LUN, by all paths or those named, and the way to it by ssh."""
    port = free_port()
    values = {"firmware": on.firmware, "variables": on.variables, "nics": (Nic(ssh_port=port),)}
    idle = tuple(path for path in range(on.lun.paths) if paths and path not in paths)
    machine = scenario.machine(name, scenario.spec(name, drives=on.lun.drives(*paths), hbas=idle, **values))
    return machine, Ssh(scenario.settings.credentials, port)


def install(scenario: Scenario, firmware: Firmware, disks: SanDisks) -> OnSan:
    """Install on a LUN with two paths, boot it, look at it, and keep it for other scenarios of the run."""
    folder = scenario.settings.work / f"san-{firmware}"
    folder.mkdir(exist_ok=True)
    on = OnSan(new_lun(folder), firmware, folder / "vars.fd" if firmware == "uefi" else None)
    text = answers(scenario.settings.credentials, **target())
    install_from_cd(scenario, on.lun.drives(), text, firmware=firmware, variables=on.variables)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        arrive(scenario, machine)
        ssh.wait()
        scenario.keep("san.txt", ssh.run("multipath -ll; lsblk; dom0ctl paths; dom0ctl status; efibootmgr -v; true").ok())
        look_around(scenario, machine, ssh, firmware=firmware)
        check_root(ssh.run, on.lun)
        check_lvm(ssh.run, on.lun)
        check_initramfs(ssh.run)
        need(good_paths(ssh.run, on.lun.wwid) == 2, "dom0ctl paths does not show two good paths")
        need("paths     all there" in ssh.run("dom0ctl status").ok(), "dom0ctl status has no word of the paths")
        ssh.run("systemctl is-active dom0kit-paths.service").ok()
        if firmware == "uefi":
            # OVMF drops at its next start what QEMU's boot order does not name; what was made is in the installer's log.
            made = ssh.run(r"grep '^Boot[0-9A-F]*\* dom0kit' /var/log/dom0kit/installer.log").ok()
            for label in ("dom0kit", "dom0kit (path 1)", "dom0kit (path 2)"):
                need(f"* {label}\t" in made, f"the installer made no entry {label}:\n{made}")
        with scenario.phase("shut down"):
            ssh.run("systemctl poweroff --no-block; true")
            machine.wait_end()
    disks.hosts[firmware] = on
    return on


def installed(scenario: Scenario, disks: SanDisks, firmware: Firmware = "bios") -> OnSan:
    """A host on a LUN of the scenario's own; the first scenario that asks installs one."""
    known = disks.hosts.get(firmware) or install(scenario, firmware, disks)
    return known.copy(scenario.work)


@pytest.mark.parametrize(
    ("scenario", "firmware"),
    [pytest.param("san-fc-bios", "bios", id="san-fc-bios"), pytest.param("san-fc-uefi", "uefi", id="san-fc-uefi")],
    indirect=["scenario"],
)
def test_san_fc(scenario: Scenario, firmware: Firmware, san_disks: SanDisks) -> None:
    """Install on a LUN with two paths; the root is the map, both paths are ready, LVM knows the map alone."""
    install(scenario, firmware, san_disks)


@pytest.mark.parametrize("scenario", ["san-path-loss-during-install"], ids=["san-path-loss-during-install"], indirect=True)
def test_san_path_loss_during_install(scenario: Scenario) -> None:
    """A path goes while the image is copied, comes back, then the other one goes: the installation goes on, the host boots."""
    lun = new_lun(scenario.work)
    text = answers(scenario.settings.credentials, **target())
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = scenario.spec("install", drives=(*lun.drives(), scenario.cd(2), stick))
    with scenario.machine("install", spec) as machine:
        with scenario.phase("boot to the installer"):
            machine.wait_event("installer", "started", limit=patience.BOOT)

        def copying() -> bool:
            return any(e.get("event") == "step" and e.get("name") == "copy the image" for e in machine.events)

        with scenario.phase("install"):
            machine.wait_until(copying, "step in which the image is copied", limit=patience.INSTALL)
            lun.pull(machine, 0)
            machine.wait(5)
            lun.plug(machine, 0)
            machine.wait(6)
            need(not any(e.get("event") == "finished" for e in machine.events), "it was over before the second path went")
            lun.pull(machine, 1)
            machine.wait_event("installer", limit=patience.INSTALL)
        machine.wait_end()
        note_steps(machine, scenario)
    on = OnSan(lun, "bios", None)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        arrive(scenario, machine)
        ssh.wait()
        check_root(ssh.run, lun)
        check_lvm(ssh.run, lun)
        check_initramfs(ssh.run)


@pytest.mark.parametrize("scenario", ["san-path-loss-running"], ids=["san-path-loss-running"], indirect=True)
def test_san_path_loss_running(scenario: Scenario, san_disks: SanDisks) -> None:
    """Each path is pulled in turn under an fsync loop, which loses nothing; the host, its log and its hook know of it."""
    on = installed(scenario, san_disks)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        machine.wait_event("firstboot", limit=patience.BOOT)
        ssh.wait()
        ssh.run(f"printf '#!/bin/sh\\necho $DOM0KIT_EVENT $DOM0KIT_LEFT >>{HOOK_NOTE}\\n' >{HOOK}; chmod 755 {HOOK}").ok()
        times = []
        with fsync_loop(ssh.run) as loop:
            for path in (0, 1):
                since = len(machine.events)
                on.lun.pull(machine, path)
                event = wait_path_event(machine, "lost", since)
                need((event["left"], event["expected"]) == (1, 2), f"the event is {event}")
                gone = wait_paths(ssh.run, on.lun.wwid, 1)
                machine.wait(5)
                on.lun.plug(machine, path)
                wait_path_event(machine, "returned", since)
                times.append((round(gone, 1), round(wait_paths(ssh.run, on.lun.wwid, 2), 1)))
        scenario.notes["fsync loop"] = loop
        scenario.notes["seconds to one and to two paths"] = times
        hooked = ssh.run(f"cat {HOOK_NOTE}").ok().splitlines()
        need(hooked == ["path-lost 1", "path-returned 2"] * 2, f"the alert hook was told: {hooked}")
        logged = [json.loads(line)["state"] for line in ssh.run("cat /var/log/dom0kit/paths-events.jsonl").ok().splitlines()]
        need(logged[-4:] == ["lost", "returned"] * 2, f"the log of events has: {logged}")
        journal = ssh.run("journalctl -b --no-pager | grep 'dom0kit: disk'").ok()
        need("has lost its path" in journal and "has returned" in journal, f"the journal says: {journal}")
        need("has lost its path" in machine.console_text, "the console says nothing of a lost path")
        check_root(ssh.run, on.lun)
        host.check_no_failed_unit(ssh.run)


@pytest.mark.parametrize(
    ("scenario", "path"),
    [
        pytest.param("san-degraded-boot-a", 0, id="san-degraded-boot-a"),
        pytest.param("san-degraded-boot-b", 1, id="san-degraded-boot-b"),
    ],
    indirect=["scenario"],
)
def test_san_degraded_boot(scenario: Scenario, path: int, san_disks: SanDisks) -> None:
    """The host boots with one path alone, on the map, and says that one is missing; the other one is taken in when it comes."""
    on = installed(scenario, san_disks)
    machine, ssh = machine_of(scenario, on, "degraded", path)
    other = 1 - path
    with machine:
        machine.wait_event("firstboot", limit=patience.BOOT)
        ssh.wait()
        check_root(ssh.run, on.lun, paths=1)
        check_lvm(ssh.run, on.lun)
        wait_path_event(machine, "degraded", 0)
        need(ssh.run("dom0ctl paths").code == 1, "dom0ctl paths says that all is well")
        need("1 of 2" in ssh.run("dom0ctl status").ok(), "dom0ctl status does not say that a path is missing")
        since = len(machine.events)
        on.lun.plug(machine, other)
        wait_path_event(machine, "returned", since)
        wait_paths(ssh.run, on.lun.wwid, 2)
        check_root(ssh.run, on.lun)
        host.check_no_failed_unit(ssh.run)


@pytest.mark.parametrize("scenario", ["san-all-paths-down"], ids=["san-all-paths-down"], indirect=True)
def test_san_all_paths_down(scenario: Scenario, san_disks: SanDisks) -> None:
    """No path for 20 s: requests wait, nothing is lost. For more than 60 s: they fail, and the host boots again."""
    on = installed(scenario, san_disks)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        machine.wait_event("firstboot", limit=patience.BOOT)
        ssh.wait()
        with fsync_loop(ssh.run) as loop:
            since = len(machine.events)
            for path in (0, 1):
                on.lun.pull(machine, path)
            wait_path_event(machine, "down", since)
            machine.wait(20)
            for path in (0, 1):
                on.lun.plug(machine, path)
            wait_path_event(machine, "returned", since)
            wait_paths(ssh.run, on.lun.wwid, 2)
        scenario.notes["20 s without a path"] = loop
        need(loop["longest"] > 15, f"no write waited: {loop}")
        scenario.expected |= {"file system error"}
        seen = len(machine.console_text)
        for path in (0, 1):
            on.lun.pull(machine, path)
        machine.wait_until(
            lambda: "I/O error" in machine.console_text[seen:], "word of failed requests on the console", limit=240
        )
    machine, ssh = machine_of(scenario, on, "again")
    with machine:
        machine.wait_event("firstboot", limit=patience.BOOT)
        ssh.wait()
        check_root(ssh.run, on.lun)
        host.check_no_failed_unit(ssh.run)


@pytest.mark.parametrize("scenario", ["san-no-multipath-is-loud"], ids=["san-no-multipath-is-loud"], indirect=True)
def test_san_no_multipath_is_loud(scenario: Scenario, san_disks: SanDisks) -> None:
    """With the image's plain initramfs the host finds no disk and says so; it never mounts a path."""
    on = installed(scenario, san_disks)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        machine.wait_event("firstboot", limit=patience.BOOT)
        ssh.wait()
        size = "$(jq .image_size /run/dom0kit/overlay/initramfs.json)"
        ssh.run(f"truncate -s {size} /run/dom0kit/image/initrd.img && sync").ok()
        need(ssh.run("dom0ctl initramfs --check").code == 1, "dom0ctl initramfs --check does not notice")
        ssh.run("systemctl poweroff --no-block; true")
        machine.wait_end()
    machine, _ = machine_of(scenario, on, "without")
    with machine:
        wanted = f"no disk or medium holds the image (dev:{on.lun.map}-part3)"
        machine.wait_until(lambda: wanted in machine.console_text, "word of the missing disk", limit=patience.BOOT)
        need("mounted filesystem" not in machine.console_text, "a file system was mounted all the same")


@pytest.mark.parametrize("scenario", ["san-one-row-per-lun"], ids=["san-one-row-per-lun"], indirect=True)
def test_san_one_row_per_lun(scenario: Scenario) -> None:
    """Two LUNs of two paths each, and a disk: three choices, no path among them; what names a path is refused."""
    one = new_lun(scenario.work, "one.img", boot=2)
    two = new_lun(scenario.work, "two.img", boot=4, first=2, serial="LUN2", wwn=one.wwn + 0x100)
    local = Drive(media.blank_disk(scenario.work / "disk.img"), serial="DISK1", bootindex=6)
    text = answers(scenario.settings.credentials, target={"disk": {"path": "/dev/sda"}})
    stick = scenario.stick("live", arguments="console=ttyS0,115200", answers=text)
    spec = scenario.spec("live", drives=(*one.drives(), *two.drives(), scenario.cd(0), local, stick))
    with scenario.machine("live", spec) as machine:
        console = machine.console()
        console.shell(limit=patience.BOOT)
        tried = console.run("dom0kit install --plan-only --answers label:ANSWERS/host1.yaml", limit=patience.COMMAND)
        need(tried.code == 1, f"a path was taken for a disk:\n{tried.output}")
        need(f"one path of the multipath disk {one.map}" in tried.output, f"no word of the map:\n{tried.output}")
        facts = json.loads(console.run("dom0kit facts --json").ok())
        rows = sorted(disk["path"] for disk in facts["disks"] if not disk["map"] and disk["transport"] != "usb")
        need(rows == sorted(["/dev/vda", one.map, two.map]), f"the choices are {rows}")
        paths = [disk["path"] for disk in facts["disks"] if disk["map"]]
        need(len(paths) == 4, f"the paths are {paths}")
        for lun in (one, two):
            disk = next(disk for disk in facts["disks"] if disk["path"] == lun.map)
            need((len(disk["paths"]), disk["serial"]) == (2, lun.serial), f"the map is {disk}")


@pytest.mark.parametrize("scenario", ["san-alua"], ids=["san-alua"], indirect=True)
def test_san_alua(scenario: Scenario, san_disks: SanDisks) -> None:
    """A LUN of an ALUA array (the kernel's scsi_debug): declared multipath, it has the handler and a group for each state."""
    on = installed(scenario, san_disks)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        machine.wait_event("firstboot", limit=patience.BOOT)
        ssh.wait()
        before = {item["wwid"] for item in shown(ssh.run)["maps"]}
        ssh.run(ALUA, limit=patience.COMMAND).ok()
        new = [item for item in shown(ssh.run)["maps"] if item["wwid"] not in before]
        scenario.keep("alua.txt", ssh.run("multipath -ll; dom0ctl paths; multipath -t | grep -c 'vendor '; true").ok())
        need(len(new) == 1, f"there are {len(new)} new maps: {new}")
        need(new[0]["handler"] == "1 alua", f"the handler is {new[0]['handler']!r}")
        priorities = [group["priority"] for group in new[0]["groups"]]
        need(len(set(priorities)) == 2, f"the groups have the priorities {priorities}, not two different ones")
        need("ALUA" in ssh.run("dom0ctl paths").ok(), "dom0ctl paths does not name ALUA")
        table = ssh.run("multipath -t").ok()
        need("NETAPP" in table and "rdac" in table, "the table of vendors is not there")
        # The next boot knows it as well. Nothing is written to it: scsi_debug's second port refuses some commands.
        need(ssh.run("dom0ctl initramfs --check").code == 1, "dom0ctl initramfs --check does not notice a new LUN")
        ssh.run("dom0ctl initramfs").ok()
        check_initramfs(ssh.run)
        host.check_no_failed_unit(ssh.run)


@pytest.mark.lab("nginx")
@pytest.mark.parametrize("scenario", ["san-pxe-unattended"], ids=["san-pxe-unattended"], indirect=True)
def test_san_pxe_unattended(scenario: Scenario, lab: Lab, trees: Trees) -> None:
    """A machine without a disk of its own boots from the network, is installed on a LUN, and comes up from it."""
    name, boot = scenario.name, Boot("bios", rom=True)
    served = serve(lab, scenario, trees.tree, boot)
    nic = lab.nic(mac(name), rom=boot.rom, bootindex=0)
    lun = new_lun(scenario.work, boot=1)
    spec = scenario.spec("host", nics=(nic,), drives=lun.drives(), netns=lab.namespace, reset_ends=False)
    with scenario.machine("host", spec) as machine:
        starts = wait_installed(scenario, machine, served, name)
        console = arrive(scenario, machine)
        check_came_by_network(served, name, starts)
        check_installed_once(machine)
        ssh = Ssh(scenario.settings.credentials, address=host.addresses(console.run)[0], netns=lab.namespace)
        ssh.wait()
        check_root(ssh.run, lun)
        check_lvm(ssh.run, lun)
        check_initramfs(ssh.run)
