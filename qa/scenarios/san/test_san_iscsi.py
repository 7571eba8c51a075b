"""Hosts on an iSCSI LUN with two paths: configured by the firmware, by answers alone, with CHAP, and of an array with ALUA."""

from __future__ import annotations

import secrets
import time
from typing import Any

from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import Values, answers
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.san import lio_array, tgt_array
from qa.san.fsync_loop import fsync_loop
from qa.san.iscsi_host import check_host, end, install, installer, pull_each_cable
from qa.san.multipath_array import SEEN_SECONDS, SIZE, multipath_status, target
from qa.san.tgt_array import Account
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.guest import Guest
from qa.vm.polling import poll


def with_iscsi(**iscsi: object) -> Values:
    """Return the answers' part for a host on a LUN, with these values for iSCSI."""
    values = target()
    values["san"] = {**values["san"], "iscsi": iscsi}
    return values


def by_answers() -> Values:
    """Return the part of answers that have cards, portals and the host's own name."""
    portals = [{"address": portal} for portal in tgt_array.PORTALS]
    return with_iscsi(initiator=tgt_array.INITIATOR, portals=portals, nics=tgt_array.answered_cards(0, 1))


def with_chap(account: Account, array_account: Account, portal: int, *cards: int) -> Values:
    """Return the part of answers with one portal, mutual CHAP and some of the cards."""
    chap = account.values() | array_account.values("target_user", "target_secret")
    entry = {"address": tgt_array.PORTALS[portal], "target": tgt_array.TARGET, "chap": chap}
    return with_iscsi(portals=[entry], nics=tgt_array.answered_cards(*cards))


def with_alua() -> Values:
    """Return the part of answers for the array with ALUA, whose second port is in a VLAN."""
    values = with_iscsi(nics=tgt_array.answered_cards(1, vlan=lio_array.VLAN))
    return {**values, "target": {"disk": {"serial": lio_array.SERIAL}}}


@scenario(
    "san-iscsi-ibft-mpath",
    firmware="bios",
    minutes=13,
    tags={"san", "iscsi", "multipath"},
    lab=True,
    needs=(
        "tgtd",
        "tgtadm",
    ),
)
def test_san_iscsi_ibft_mpath(scenario: Scenario, lab: Lab) -> None:
    """Boot a LUN by two paths that the firmware describes in its iBFT; each path's cable is pulled under load."""
    tgt_array.networks(lab)
    nics = tgt_array.cards(lab)
    tgt_array.firmware(lab, scenario.work / "tftp", tgt_array.script((0, 1)))
    with tgt_array.array(lab, media.blank_disk(scenario.work / "lun.img", SIZE)) as array:
        install(scenario, lab, nics, answers(scenario.settings.credentials, **target()))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            table = ssh.succeed("cd /sys/firmware/ibft && ls -d ethernet* target* && cat target*/target-name").split()
            need(table == ["ethernet0", "ethernet1", "target0", "target1", *[tgt_array.TARGET] * 2], f"the iBFT has {table}")
            name = ssh.succeed("cat /etc/iscsi/initiatorname.iscsi").strip()
            need(name == f"InitiatorName={tgt_array.INITIATOR}", f"the host's name is {name}, not the firmware's")
            pull_each_cable(scenario, machine, ssh, array)
            end(scenario, machine, ssh)


@scenario(
    "san-iscsi-answers",
    firmware="bios",
    minutes=10,
    tags={"san", "iscsi", "multipath"},
    lab=True,
    needs=(
        "tgtd",
        "tgtadm",
    ),
)
def test_san_iscsi_answers(scenario: Scenario, lab: Lab) -> None:
    """Boot without an iBFT: cards, portals and the host's name come from the answers, the target by discovery.

    The firmware reads the boot loader from the LUN, as an adapter's ROM does, and passes nothing to the system.
    """
    tgt_array.networks(lab)
    nics = tgt_array.cards(lab)
    with tgt_array.array(lab, media.blank_disk(scenario.work / "lun.img", SIZE)) as array:
        install(scenario, lab, tgt_array.without_rom(nics), answers(scenario.settings.credentials, **by_answers()))
        tgt_array.firmware(lab, scenario.work / "tftp", tgt_array.script((0, 1), describe=False))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            need(ssh.execute("ls /sys/firmware/ibft").code, "there is an iBFT")
            name = ssh.succeed("cat /etc/iscsi/initiatorname.iscsi").strip()
            need(name == f"InitiatorName={tgt_array.INITIATOR}", f"the host's name is {name}, not that of the answers")
            pull_each_cable(scenario, machine, ssh, array)
            end(scenario, machine, ssh)


@scenario(
    "san-iscsi-chap",
    firmware="bios",
    minutes=12,
    tags={"san", "iscsi", "multipath"},
    lab=True,
    needs=(
        "tgtd",
        "tgtadm",
    ),
)
def test_san_iscsi_chap(scenario: Scenario, lab: Lab) -> None:
    """Use mutual CHAP: a wrong secret is refused and nothing is written; then one path by the iBFT, the other by the answers."""
    host_account, array_account = Account("xen1", secrets.token_hex(7)), Account("array", secrets.token_hex(7))
    wrong = Account("xen1", secrets.token_hex(7))
    scenario.secrets += [account.secret for account in (host_account, array_account, wrong)]
    tgt_array.networks(lab)
    nics = tgt_array.cards(lab)

    def text(account: Account, portal: int, *cards: int) -> str:
        return answers(scenario.settings.credentials, **with_chap(account, array_account, portal, *cards))

    lun = media.blank_disk(scenario.work / "lun.img", SIZE)
    before = media.fingerprint(lun)
    with tgt_array.array(lab, lun, account=host_account, outgoing=array_account) as array:
        refused = installer(
            scenario, lab, tgt_array.without_rom(nics), text(wrong, 0, 0), name="refused", expected_failures=("installer",)
        )
        with refused as machine:
            with scenario.phase("boot to the refusal"):
                event = machine.wait_for_event("installer", "failed", limit=timeouts.INSTALL)
            machine.sleep(5)
        scenario.notes["refusal"] = f"{event.get('text', '')} {event.get('hint', '')}"
        need("refuses this host: the CHAP user or secret is wrong" in event.get("text", ""), f"it says: {event.get('text')}")
        need(media.fingerprint(lun) == before, "the LUN was written to")
        tgt_array.firmware(lab, scenario.work / "tftp", tgt_array.script((0,), account=host_account, outgoing=array_account))
        install(scenario, lab, nics, text(host_account, 1, 1))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            chap = ssh.succeed("iscsiadm -m session -P 2 | grep -cE 'username(_in)?: (xen1|array)$'").strip()
            need(chap == "4", f"of two users for each of two sessions {chap} are shown")
            modes = ssh.succeed("stat -c %a /etc/dom0kit/iscsi /var/lib/iscsi/nodes/*/*/default /run/dom0kit/image/initrd.img")
            need(set(modes.split()) == {"600"}, f"files with secrets have the modes {modes.split()}")
            pull_each_cable(scenario, machine, ssh, array)
            end(scenario, machine, ssh)


def groups(guest: Guest, wwid: str) -> list[dict[str, Any]]:
    """Return the groups of a map, the one of the highest priority first."""
    found = next(item for item in multipath_status(guest)["maps"] if item["wwid"] == wwid)
    need(found["handler"] == "1 alua", f"the handler is {found['handler']!r}")
    return sorted(found["groups"], key=lambda group: -int(group["priority"]))


def wait_for_active_path(guest: Guest, wwid: str, path: str) -> float:
    """Wait until the group with this path is active and has the highest priority; return the seconds that it took."""
    start = time.monotonic()
    found: list[dict[str, Any]] = []

    def used() -> bool:
        found[:] = groups(guest, wwid)
        first = found[0]
        two = len({group["priority"] for group in found}) == 2
        return bool(two and first["state"] == "active" and first["paths"][0]["dev"] == path)

    poll(used, f"use of the path {path}", limit=SEEN_SECONDS, evidence=lambda: f"the groups are {found}")
    return round(time.monotonic() - start, 1)


@scenario(
    "san-iscsi-alua",
    firmware="bios",
    minutes=11,
    machines=2,
    memory_mib=3072 + 1024,
    tags={"san", "iscsi", "multipath"},
    lab=True,
)
def test_san_iscsi_alua(scenario: Scenario, lab: Lab) -> None:
    """Boot from an ALUA array: the port that the array prefers is used, also after it prefers the other one.

    The firmware knows one port; the other one, in a VLAN, is found by discovery.
    """
    tgt_array.networks(lab)
    nics = tgt_array.cards(lab)
    tgt_array.firmware(lab, scenario.work / "tftp", tgt_array.script((0,), portals=lio_array.PORTALS))
    disk = media.blank_disk(scenario.work / "lun.img", SIZE)
    with lio_array.array(scenario, lab, disk, ("optimized", "non-optimized")) as array:
        install(scenario, lab, nics, answers(scenario.settings.credentials, **with_alua()))
        with scenario.machine("host", scenario.spec("host", nics=nics, netns=lab.namespace)) as machine:
            ssh = check_host(scenario, lab, machine, array)
            before = groups(ssh, array.lun.wwid)
            used, other = (group["paths"][0]["dev"] for group in before)
            wait_for_active_path(ssh, array.lun.wwid, used)
            with fsync_loop(ssh) as loop, scenario.phase("the array prefers the other port"):
                array.set_state(0, "non-optimized")
                array.set_state(1, "optimized")
                seconds = wait_for_active_path(ssh, array.lun.wwid, other)
            scenario.notes["ALUA"] = {"before": before, "after": groups(ssh, array.lun.wwid), "seconds": seconds}
            scenario.notes["fsync loop while the array changes its preference"] = loop
            scenario.keep("alua.txt", ssh.succeed("multipath -ll; dom0ctl multipath; grep . /sys/block/sd?/device/access_state"))
            pull_each_cable(scenario, machine, ssh, array)
            end(scenario, machine, ssh)
