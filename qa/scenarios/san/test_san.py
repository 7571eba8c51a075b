"""Installation of hosts on a LUN with two paths, as over Fibre Channel."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from dom0kit.units import GIB
from qa import timeouts
from qa.checks import host_checks
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install.answers import VOLUME_GROUP, Values, answers
from qa.install.installed_disk import install_from_cd, note_steps
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.network_boot import Boot, Trees, check_came_by_network, check_installed_once, mac, serve, wait_for_installation
from qa.san.multipath_array import (
    Lun,
    OnSan,
    check_initramfs,
    check_lvm,
    check_root,
    multipath_status,
    new_lun,
    target,
    wait_for_paths,
)
from qa.san.multipath_host import blank, check_lun_host, install, machine_of, power_off, san_answers
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.guest import Guest
from qa.vm.machine import Machine
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import Drive

SECOND = "LUN2"
"""The serial number of a machine's second LUN."""


@scenario("san-fc-bios", firmware="bios", minutes=6, stage="san-fc-bios", tags={"san", "multipath"})
def test_san_fc_bios(scenario: Scenario) -> None:
    """Install on a LUN with two paths; the root is the map, both paths are ready, LVM knows only the map."""
    install(scenario, renew=True)


def with_guests_on(serial: str) -> Values:
    """Return the answers' part of a host with another LUN for guests."""
    rules = [{"serial": serial, "multipath": "required"}]
    return san_answers(guests={"volume_group": VOLUME_GROUP, "disks": rules})


@scenario("san-fc-uefi", firmware="uefi", minutes=13, tags={"san", "multipath"})
def test_san_fc_uefi(scenario: Scenario) -> None:
    """Install under UEFI with a second LUN for guests: its second path is added later, and it is grown.

    Then the firmware boots the host by the second path alone, from the entries that the installer made.
    """
    on = blank(scenario, "uefi")
    guests = new_lun(scenario.work, "guests.img", serial=SECOND, wwn=on.lun.wwn + 0x100, boot=None, first=2)
    text = answers(scenario.settings.credentials, **with_guests_on(SECOND))
    install_from_cd(scenario, (*on.lun.drives(), guests.drive(0)), text, firmware="uefi", variables=on.variables)
    machine, ssh = machine_of(scenario, on, "host", luns=(replace(guests, paths=1),), hbas=(3,))
    with machine:
        check_lun_host(scenario, machine, ssh, on, guests)
        # OVMF drops entries that QEMU's boot order does not name at its next start; the installer's log has all of them.
        made = ssh.succeed(r"grep '^Boot[0-9A-F]*\* dom0kit' /var/log/dom0kit/installer.log")
        for label in ("dom0kit", "dom0kit (path 1)", "dom0kit (path 2)"):
            need(f"* {label}\t" in made, f"the installer made no entry {label}:\n{made}")
        with scenario.phase("a path is added"):
            guests.plug(machine, 1)
            wait_for_paths(ssh, guests.wwid, 2)
        with scenario.phase("the LUN is grown"):
            grow(machine, ssh, guests)
        scenario.diagnose("guests.txt", ssh, "dom0ctl multipath; pvs; vgs")
        power_off(scenario, machine, ssh)
    # Without QEMU's boot order the firmware uses its own entries.
    alone = replace(on, lun=replace(on.lun, boot=None))
    machine, ssh = machine_of(scenario, alone, "second-path", 1, luns=(guests,))
    with machine:
        machine.wait_for_event("firstboot", limit=timeouts.BOOT)
        ssh.wait_for_login()
        check_root(ssh, on.lun, paths=1)
        check_lvm(ssh, on.lun, guests)
        entries = ssh.succeed("efibootmgr -v")
        scenario.keep("entries-second-path.txt", entries)
        current = re.search(r"^BootCurrent: ([0-9A-F]{4})", entries, re.MULTILINE)
        need(current, f"efibootmgr shows no BootCurrent:\n{entries}")
        assert current
        need(f"Boot{current.group(1)}* dom0kit" in entries, f"the firmware did not start an entry of dom0kit:\n{entries}")
        for label in ("dom0kit", "dom0kit (path 2)"):
            need(f"* {label}\t" in entries, f"the firmware has no entry {label}:\n{entries}")


def grow(machine: Machine, guest: Guest, lun: Lun) -> None:
    """Grow a LUN while the host runs: one command takes the new size in, and the volume group gets the space."""
    before = int(guest.succeed(f"blockdev --getsize64 {lun.map}"))
    lun.resize(machine, before + 2 * GIB)
    seen = guest.succeed("dom0ctl multipath --rescan 2>&1")
    need(f"{lun.wwid} has grown from" in seen, f"the map did not grow:\n{seen}")
    after = int(guest.succeed(f"blockdev --getsize64 {lun.map}"))
    need(after == before + 2 * GIB, f"the map has {after} bytes, the LUN {before + 2 * GIB}")
    found = next(item for item in multipath_status(guest)["maps"] if item["wwid"] == lun.wwid)
    need(found["size"] == after, f"dom0ctl multipath says {found['size']}")
    guest.succeed(f"pvresize {lun.map}")
    size = int(float(guest.succeed(f"pvs --noheadings --units b --nosuffix -o pv_size {lun.map}")))
    need(before < size <= after, f"the physical volume has {size} bytes")
    need("nothing new" in guest.succeed("dom0ctl multipath --rescan 2>&1"), "a second rescan reports a change")


@scenario("san-path-loss-during-install", firmware="bios", minutes=6, tags={"san", "multipath"})
def test_san_path_loss_during_install(scenario: Scenario) -> None:
    """Remove a path while the image is copied, add it again, remove the other one: the installation continues."""
    lun = new_lun(scenario.work)
    text = answers(scenario.settings.credentials, **target())
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = scenario.spec("install", drives=(*lun.drives(), scenario.cd(2), stick))
    with scenario.machine("install", spec) as machine:
        with scenario.phase("boot to the installer"):
            machine.wait_for_event("installer", "started", limit=timeouts.BOOT)

        def copying() -> bool:
            return any(e.get("event") == "step" and e.get("name") == "copy the image" for e in machine.events)

        with scenario.phase("install"):
            machine.wait_until(copying, "step in which the image is copied", limit=timeouts.INSTALL)
            lun.pull(machine, 0)
            machine.sleep(5)
            lun.plug(machine, 0)
            machine.sleep(6)
            need(
                not any(e.get("event") == "finished" for e in machine.events),
                "it ended before the second path was removed",
            )
            lun.pull(machine, 1)
            machine.wait_for_event("installer", limit=timeouts.INSTALL)
        machine.wait_for_shutdown()
        note_steps(machine, scenario)
    on = OnSan(lun, "bios", None)
    machine, ssh = machine_of(scenario, on, "host")
    with machine:
        wait_for_first_boot(scenario, machine)
        ssh.wait_for_login()
        check_root(ssh, lun)
        check_lvm(ssh, lun)
        check_initramfs(ssh)


@scenario("san-one-row-per-lun", firmware="bios", minutes=2, tags={"san", "multipath", "refusal"})
def test_san_one_row_per_lun(scenario: Scenario) -> None:
    """Offer two LUNs of two paths each and a disk: three choices, no path among them; a path is refused.

    Of two disks with one serial number, none is chosen by it, and each by its path.
    """
    one = new_lun(scenario.work, "one.img", boot=2)
    two = new_lun(scenario.work, "two.img", boot=4, first=2, serial=SECOND, wwn=one.wwn + 0x100)
    local = Drive(media.blank_disk(scenario.work / "disk.img"), serial="DISK1", bootindex=6)
    twins = [Drive(media.blank_disk(scenario.work / f"twin{n}.img"), serial="TWIN") for n in (1, 2)]
    text = answers(scenario.settings.credentials, target={"disk": {"path": "/dev/sda"}})
    stick = scenario.stick("live", arguments="console=ttyS0,115200", answers=text)
    spec = scenario.spec("live", drives=(*one.drives(), *two.drives(), scenario.cd(0), local, *twins, stick))
    with scenario.machine("live", spec, expected_failures=("installer",)) as machine:
        console = machine.console()
        console.wait_for_shell(limit=timeouts.BOOT)
        tried = console.execute("dom0kit install --plan-only --answers label:ANSWERS/host1.yaml", limit=timeouts.COMMAND)
        need(tried.code == 1, f"a path was accepted as a disk:\n{tried.output}")
        need(f"a path of the multipath disk {one.map}" in tried.output, f"the map is not named:\n{tried.output}")
        console.succeed("mkdir /tmp/a && mount -o ro LABEL=ANSWERS /tmp/a && cp /tmp/a/host1.yaml /tmp && umount /tmp/a")
        console.succeed("cd /tmp && sed s,/dev/sda,/dev/vdc, host1.yaml >path.yaml")
        console.succeed("cd /tmp && sed 's,path: /dev/sda,serial: TWIN,' host1.yaml >serial.yaml && grep TWIN serial.yaml")
        tried = console.execute("dom0kit install --plan-only --answers /tmp/serial.yaml", limit=timeouts.COMMAND)
        need(tried.code == 1 and "[disk-ambiguous]" in tried.output, f"one of two twins was chosen:\n{tried.output}")
        tried = console.execute("dom0kit install --plan-only --answers /tmp/path.yaml", limit=timeouts.COMMAND)
        need(tried.code == 0 and "same serial number as /dev/vdb" in tried.output, f"a twin was not accepted:\n{tried.output}")
        facts = json.loads(console.succeed("dom0kit facts --json"))
        rows = sorted(disk["path"] for disk in facts["disks"] if not disk["map"] and disk["transport"] != "usb")
        need(rows == sorted(["/dev/vda", "/dev/vdb", "/dev/vdc", one.map, two.map]), f"the choices are {rows}")
        paths = [disk["path"] for disk in facts["disks"] if disk["map"]]
        need(len(paths) == 4, f"the paths are {paths}")
        for lun in (one, two):
            disk = next(disk for disk in facts["disks"] if disk["path"] == lun.map)
            need((len(disk["paths"]), disk["serial"]) == (2, lun.serial), f"the map is {disk}")
            states = [(path["dm"], path["check"]) for group in disk["lun"]["groups"] for path in group["paths"]]
            need((disk["lun"]["vendor"], states) == ("QEMU", [("active", "ready")] * 2), f"multipathd reports: {disk['lun']}")
        scenario.keep("facts.txt", console.succeed("dom0kit facts"))


@scenario("san-pxe-unattended", firmware="bios", minutes=8, tags={"san", "multipath", "pxe"}, lab=True, needs=("nginx",))
def test_san_pxe_unattended(scenario: Scenario, lab: Lab, trees: Trees) -> None:
    """Boot a machine with one path to a LUN from the network, install it, boot it from the LUN.

    Then the second path is added.
    """
    name, boot = scenario.name, Boot("bios", rom=True)
    trees.tree.keep_armed(name)
    served = serve(lab, scenario, trees.tree, boot)
    nic = lab.nic(mac(name), rom=boot.rom, bootindex=0)
    lun = new_lun(scenario.work, boot=1)
    spec = scenario.spec("host", nics=(nic,), drives=lun.drives(0), hbas=(1,), netns=lab.namespace, reset_ends=False)
    with scenario.machine("host", spec) as machine:
        starts = wait_for_installation(scenario, machine, served, name, warning="1 of 1 paths active: only a single path")
        console = wait_for_first_boot(scenario, machine)
        check_came_by_network(served, name, starts)
        check_installed_once(machine)
        ssh = Ssh(scenario.settings.credentials, address=host_checks.addresses(console)[0], netns=lab.namespace)
        ssh.wait_for_login()
        check_root(ssh, lun, paths=1)
        check_lvm(ssh, lun)
        check_initramfs(ssh)
        lun.plug(machine, 1)
        wait_for_paths(ssh, lun.wwid, 2)
        check_root(ssh, lun)
