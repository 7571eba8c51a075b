"""Hosts on an iSCSI LUN with two paths: told by the firmware, told by answers alone, and with CHAP."""

from __future__ import annotations

import secrets

import pytest

from qa import host, iscsi, media, patience
from qa.answers import BRIDGE, Values, answers
from qa.arrival import arrive, look_around
from qa.command import Nic
from qa.credentials import Ssh
from qa.host import Run, need
from qa.installed import run_installer
from qa.iscsi import Account, Array
from qa.lab.lab import Lab
from qa.machine import Machine
from qa.media import ANSWERS_ARGUMENT
from qa.san import (
    SIZE,
    check_initramfs,
    check_lvm,
    check_root,
    fsync_loop,
    good_paths,
    heard_above,
    target,
    wait_path_event,
    wait_paths,
)
from qa.scenario import Scenario

LOOK = (
    "iscsiadm -m session -P 1; multipath -ll; lsblk; ip address; ip route; networkctl --no-pager; dom0ctl paths; "
    "find /var/lib/iscsi -type f; cat /run/initramfs/iscsi.log; systemctl status iscsid --no-pager; true"
)


def installer(scenario: Scenario, lab: Lab, nics: tuple[Nic, ...], text: str, name: str = "install", **values: object) -> Machine:
    """A machine that starts the installer from the CD, after its firmware has done what it does."""
    stick = scenario.stick("install-serial", arguments=ANSWERS_ARGUMENT, answers=text)
    spec = scenario.spec(name, drives=(scenario.cd(1), stick), nics=nics, netns=lab.namespace)
    return scenario.machine(name, spec, **values)  # type: ignore[arg-type]


def install(scenario: Scenario, lab: Lab, nics: tuple[Nic, ...], text: str) -> None:
    """Install on the LUN."""
    with installer(scenario, lab, nics, text) as machine:
        run_installer(machine, scenario)


def check_host(scenario: Scenario, lab: Lab, machine: Machine, array: Array) -> Ssh:
    """The host arrives on its LUN with both paths, and keeps to what it must; the way to it by ssh."""
    console = arrive(scenario, machine)
    ssh = Ssh(scenario.settings.credentials, address=host.addresses(console.run)[0], netns=lab.namespace)
    ssh.wait()
    scenario.keep(f"san-{machine.name}.txt", ssh.run(LOOK).ok())
    look_around(scenario, machine, ssh, firmware="bios", prefix="10.77.0.", neighbour="10.77.0.1")
    check_root(ssh.run, array.lun)
    check_lvm(ssh.run, array.lun)
    check_initramfs(ssh.run)
    check_sessions(ssh.run)
    need(good_paths(ssh.run, array.lun.wwid) == 2, "dom0ctl paths does not show two good paths")
    return ssh


def check_sessions(run: Run) -> None:
    """A session to each portal, watched by iscsid; their cards are nobody else's."""
    found = iscsi.sessions(run)
    need(found == list(iscsi.PORTALS), f"there are sessions to {found}")
    run("systemctl is-active iscsid.service").ok()
    waits = run("cat /sys/class/iscsi_session/session*/recovery_tmo").ok().split()
    need(waits == ["5", "5"], f"a lost session makes requests wait for {waits} s")
    startup = run("grep -h node.startup /var/lib/iscsi/nodes/*/*/default").ok().split("\n")
    need(startup == ["node.startup = onboot"] * 2, f"the records say {startup}")
    listing = run("networkctl list --no-legend --no-pager").ok()
    cards = {line.split()[1]: line.split()[-1] for line in listing.splitlines() if line.strip()}
    for mac, address in zip(iscsi.CARDS, iscsi.ADDRESSES, strict=True):
        name = run(f"grep -l {mac} /sys/class/net/*/address | cut -d/ -f5").ok().strip()
        need(cards.get(name) == "unmanaged", f"networkd has {name} as {cards.get(name)}: {cards}")
        need(host.addresses(run, name) == [address], f"{name} has the addresses {host.addresses(run, name)}")
    ports = run(f"ovs-vsctl list-ports {BRIDGE}").ok().split()
    need(ports == ["mgmt0"], f"the bridge has the ports {ports}")


def pull_each_cable(scenario: Scenario, machine: Machine, run: Run, array: Array) -> None:
    """The cable of each path is pulled in turn and plugged in again, under a loop that writes and calls fsync."""
    times = []
    with fsync_loop(run) as loop:
        for path in (0, 1):
            with scenario.phase(f"path {path} goes and returns"):
                since = len(machine.events)
                machine.cable(path + 1, plugged=False)
                wait_path_event(machine, "lost", since)
                gone = wait_paths(run, array.lun.wwid, 1)
                machine.cable(path + 1, plugged=True)
                wait_path_event(machine, "returned", since)
                times.append((round(gone, 1), round(wait_paths(run, array.lun.wwid, 2), 1)))
    scenario.notes["fsync loop"] = loop
    scenario.notes["seconds to one and to two paths"] = times
    scenario.expected |= {"file system error"}
    heard_above(machine.console_text)
    check_sessions(run)
    check_root(run, array.lun)


def end(scenario: Scenario, machine: Machine, ssh: Ssh) -> None:
    """The host ends by itself: its root is there until then."""
    with scenario.phase("shut down"):
        ssh.run("systemctl poweroff --no-block; true")
        reason = machine.wait_end()
    need(reason == "guest-shutdown", f"the host was to power off, it ended by {reason}")


@pytest.mark.lab("tgtd", "tgtadm")
@pytest.mark.parametrize("scenario", ["san-iscsi-ibft-mpath"], ids=["san-iscsi-ibft-mpath"], indirect=True)
def test_san_iscsi_ibft_mpath(scenario: Scenario, lab: Lab) -> None:
    """The firmware brings up the LUN by two paths and says so in its iBFT; each path's cable is pulled under load."""
    iscsi.networks(lab)
    nics = iscsi.cards(lab)
    iscsi.firmware(lab, scenario.work / "tftp", iscsi.script((0, 1)))
    with iscsi.array(lab, media.blank_disk(scenario.work / "lun.img", SIZE)) as array:
        install(scenario, lab, nics, answers(scenario.settings.credentials, **target()))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            table = ssh.run("cd /sys/firmware/ibft && ls -d ethernet* target* && cat target*/target-name").ok().split()
            need(table == ["ethernet0", "ethernet1", "target0", "target1", *[iscsi.TARGET] * 2], f"the iBFT has {table}")
            name = ssh.run("cat /etc/iscsi/initiatorname.iscsi").ok().strip()
            need(name == f"InitiatorName={iscsi.INITIATOR}", f"the host's name is {name}, not the firmware's")
            pull_each_cable(scenario, machine, ssh.run, array)
            end(scenario, machine, ssh)


@pytest.mark.lab("tgtd", "tgtadm")
@pytest.mark.parametrize("scenario", ["san-iscsi-answers"], ids=["san-iscsi-answers"], indirect=True)
def test_san_iscsi_answers(scenario: Scenario, lab: Lab) -> None:
    """No iBFT: cards, portals and the host's name are in the answers, the target is discovered; each cable is pulled.

    The firmware reads the boot loader from the LUN, as an adapter's ROM does, and tells the system nothing.
    """
    iscsi.networks(lab)
    nics = iscsi.cards(lab)
    portals = [{"address": portal} for portal in iscsi.PORTALS]
    told: Values = {"initiator": iscsi.INITIATOR, "portals": portals, "nics": iscsi.answered_cards(0, 1)}
    values = target()
    values["san"] = {**values["san"], "iscsi": told}
    with iscsi.array(lab, media.blank_disk(scenario.work / "lun.img", SIZE)) as array:
        install(scenario, lab, iscsi.without_rom(nics), answers(scenario.settings.credentials, **values))
        iscsi.firmware(lab, scenario.work / "tftp", iscsi.script((0, 1), describe=False))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            need(ssh.run("ls /sys/firmware/ibft").code, "there is an iBFT")
            name = ssh.run("cat /etc/iscsi/initiatorname.iscsi").ok().strip()
            need(name == f"InitiatorName={iscsi.INITIATOR}", f"the host's name is {name}, not that of the answers")
            pull_each_cable(scenario, machine, ssh.run, array)
            end(scenario, machine, ssh)


@pytest.mark.lab("tgtd", "tgtadm")
@pytest.mark.parametrize("scenario", ["san-iscsi-chap"], ids=["san-iscsi-chap"], indirect=True)
def test_san_iscsi_chap(scenario: Scenario, lab: Lab) -> None:
    """Mutual CHAP: a wrong secret is refused and nothing is written; then one path by the iBFT, the other by the answers."""
    host_account, array_account = Account("xen1", secrets.token_hex(7)), Account("array", secrets.token_hex(7))
    wrong = Account("xen1", secrets.token_hex(7))
    scenario.secrets += [account.secret for account in (host_account, array_account, wrong)]
    iscsi.networks(lab)
    nics = iscsi.cards(lab)

    def text(account: Account, portal: int, *cards: int) -> str:
        chap = account.values() | array_account.values("target_user", "target_secret")
        entry = {"address": iscsi.PORTALS[portal], "target": iscsi.TARGET, "chap": chap}
        values = target()
        values["san"] = {**values["san"], "iscsi": {"portals": [entry], "nics": iscsi.answered_cards(*cards)}}
        return answers(scenario.settings.credentials, **values)

    lun = media.blank_disk(scenario.work / "lun.img", SIZE)
    before = media.fingerprint(lun)
    with iscsi.array(lab, lun, account=host_account, outgoing=array_account) as array:
        refused = installer(
            scenario, lab, iscsi.without_rom(nics), text(wrong, 0, 0), name="refused", expected_failures=("installer",)
        )
        with refused as machine:
            with scenario.phase("boot to the refusal"):
                event = machine.wait_event("installer", "failed", limit=patience.INSTALL)
            machine.wait(5)
        scenario.notes["refusal"] = f"{event.get('text', '')} {event.get('hint', '')}"
        need("refuses this host: the user or secret for CHAP is wrong" in event.get("text", ""), f"it says: {event.get('text')}")
        need(media.fingerprint(lun) == before, "the LUN was written to")
        iscsi.firmware(lab, scenario.work / "tftp", iscsi.script((0,), account=host_account, outgoing=array_account))
        install(scenario, lab, nics, text(host_account, 1, 1))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            chap = ssh.run("iscsiadm -m session -P 2 | grep -cE 'username(_in)?: (xen1|array)$'").ok().strip()
            need(chap == "4", f"of two users for each of two sessions {chap} are shown")
            modes = ssh.run("stat -c %a /etc/dom0kit/iscsi /var/lib/iscsi/nodes/*/*/default /run/dom0kit/image/initrd.img").ok()
            need(set(modes.split()) == {"600"}, f"files with secrets have the modes {modes.split()}")
            pull_each_cable(scenario, machine, ssh.run, array)
            end(scenario, machine, ssh)
