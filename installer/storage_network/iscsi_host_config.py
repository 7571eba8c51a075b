"""iSCSI configuration of the installed host: root sessions for its initramfs, records of all for iscsid."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.linux import host_initramfs
from installer.model import refusals
from installer.model.actions import IscsiPart
from installer.model.hardware import Facts, IscsiSession
from installer.selection.disks import Chosen
from installer.storage_network.iscsi_login import RECORDS, record_files, with_values
from network import storage_cards
from network.storage_cards import StorageCard

NETWORK = "etc/systemd/network/05-dom0kit-iscsi.network"
WANTS = "etc/systemd/system/sysinit.target.wants"
UNITS = {"iscsid.service": "/etc/systemd/system", "open-iscsi.service": "/usr/lib/systemd/system"}
CHAP = ("username", "password", "username_in", "password_in")
NEVER_WAIT = ("node.session.timeo.replacement_timeout", "5")
"""Keep requests of a lost iSCSI session waiting (node.session.timeo.replacement_timeout).

Kind: protocol. Reason: another path takes them, as open-iscsi's README recommends under multipath. Expiry: the requests go to
another path.
"""
TRIES = ("node.session.initial_login_retry_max", "8")

Put = Callable[[Path, str, str, int], None]


def own_macs(answers: Answers) -> frozenset[str]:
    """Return the MAC addresses of the network cards of the host's bridges, from resolved answers."""
    uplinks = (answers.network.management, *answers.network.bridges)
    return frozenset(selector.mac for uplink in uplinks for selector in uplink.selectors() if selector.mac)


def of_disks(sessions: Iterable[IscsiSession], paths: Iterable[str]) -> tuple[IscsiSession, ...]:
    """Return the sessions of these disks."""
    wanted = frozenset(paths)
    return tuple(session for session in sessions if wanted & frozenset(session.disks))


def boot_sessions(facts: Facts, chosen: Chosen) -> tuple[IscsiSession, ...]:
    """Return the sessions of the system disks."""
    return of_disks(facts.sessions, [path for disk in chosen.system for path in (disk.path, *disk.paths)])


def make_part(facts: Facts, chosen: Chosen, answers: Answers) -> IscsiPart | None:
    """Return the iSCSI sessions that the host must know; None without any (pure).

    :param answers: resolved answers, with MAC addresses in place of selectors.
    """
    if not facts.sessions:
        return None
    boot = boot_sessions(facts, chosen)
    mapped = [disk.path for disk in facts.disks if disk.map]
    own = own_macs(answers)
    return IscsiPart(
        boot=boot,
        data=tuple(session for session in facts.sessions if session not in boot),
        cards=tuple(session for session in facts.sessions if session.mac and session.mac not in own),
        mapped=of_disks(facts.sessions, mapped),
    )


def card_problems(facts: Facts, chosen: Chosen, answers: Answers) -> list[str]:
    """Return an error for each bridge card that carries a session of the root, which the bridge would cut."""
    own = own_macs(answers)
    problems = {}
    for session in boot_sessions(facts, chosen):
        if session.mac in own:
            problems[session.mac] = refusals.NIC_CARRIES_ROOT.text(
                f"the network card {session.card} {session.mac} is selected for a bridge, but carries {session.describe()} of "
                "the host's disk; select another card for it"
            )
    return list(problems.values())


def warnings(part: IscsiPart | None) -> list[str]:
    """Return a warning for each leased address: it is not renewed while the root depends on it."""
    cards = part.cards if part else ()
    leased = dict.fromkeys(f"{session.local} of {session.card} {session.mac}" for session in cards if session.leased)
    return [
        f"the address {text} comes from DHCP and is kept for iSCSI without renewal: reserve it, or set san.iscsi.nics"
        for text in leased
    ]


def idle_cards(facts: Facts, answers: Answers) -> list[str]:
    """Return a warning for each network card of san.iscsi.nics without a session: the host would not use it (pure)."""
    wanted = answers.san.iscsi.nics if answers.san.iscsi else ()
    used = {session.mac for session in facts.sessions}
    return [f"no iSCSI session uses the network card {nic.mac} of san.iscsi.nics" for nic in wanted if nic.mac not in used]


def boot_text(part: IscsiPart, chap: Callable[[IscsiSession], dict[str, str]]) -> str:
    """Return the text of ``/etc/dom0kit/iscsi``, which scripts/dom0kit-iscsi of the initramfs reads."""
    cards = {s.mac: storage_cards.initramfs_card(StorageCard(s.mac, s.local, s.vlan, s.mtu)) for s in part.cards}
    routes = {s.address: storage_cards.initramfs_route(s.address, s.gateway) for s in part.boot if s.gateway}
    targets = []
    for s in part.boot:
        values = chap(s)
        targets.append(("target", s.target, s.address, str(s.port), str(s.group), *(values.get(name) or "-" for name in CHAP)))
    return "".join("\t".join(words) + "\n" for words in (*cards.values(), *routes.values(), *targets))


def chap_of(record: str) -> dict[str, str]:
    """Return the users and secrets in a record's text."""
    lines = (line.partition(" = ") for line in record.splitlines())
    values = {name.removeprefix("node.session.auth."): value for name, _, value in lines}
    return {name: values[name] for name in CHAP if values.get(name)} if values.get("authmethod") == "CHAP" else {}


def host_values(session: IscsiSession, part: IscsiPart) -> dict[str, str]:
    """Return the record values of a session on the host: the initramfs logs in to the root's, open-iscsi to others."""
    values = {"node.tpgt": str(session.group), "node.startup": "onboot" if session in part.boot else "automatic", **dict([TRIES])}
    return values | (dict([NEVER_WAIT]) if session in part.mapped else {})


def write(part: IscsiPart, upper: Path, put: Put, root: Path = Path("/")) -> None:
    """Write the host's files: initiator name, records, sessions for the initramfs, units, unmanaged network cards.

    :param put: writes a file of the host's root with its mode.
    :param root: root of this system, which has logged in.
    :raises UserError: when a session has no record.
    """
    put(upper, host_initramfs.INITIATOR, (root / host_initramfs.INITIATOR).read_text(), 0o600)
    texts = {}
    for session in (*part.boot, *part.data):
        files = record_files(root, session.target, session.address, session.port)
        if not files:
            raise UserError(f"no record exists of {session.describe()}", "log out of it, or add its portal to san.iscsi.portals")
        texts[session] = files[0].read_text()
        # For sessions that it has not created, iscsid finds the record by the portal group.
        name = f"{RECORDS}/{session.target}/{session.address},{session.port},{session.group}/default"
        put(upper, name, with_values(texts[session], host_values(session, part)), 0o600)
    if part.boot or part.cards:
        put(upper, host_initramfs.ISCSI, boot_text(part, lambda session: chap_of(texts[session])), 0o600)
    if part.cards:
        put(upper, NETWORK, storage_cards.unmanaged_file({session.mac for session in part.cards}), 0o644)
    for unit in ("iscsid.service", *(["open-iscsi.service"] if part.data else [])):
        put(upper, f"{WANTS}/.{unit}", "", 0o644)
        (upper / WANTS / f".{unit}").unlink()
        (upper / WANTS / unit).unlink(missing_ok=True)
        os.symlink(f"{UNITS[unit]}/{unit}", upper / WANTS / unit)


def problems(files: dict[str, bytes], part: IscsiPart) -> list[str]:
    """Return why the initramfs could not log in to the root's targets; empty if it can."""
    wrong = []
    if part.boot and not re.search(rb"^InitiatorName=\S+", files.get(host_initramfs.INITIATOR, b""), re.MULTILINE):
        wrong.append(f"/{host_initramfs.INITIATOR} has no name")
    lines = [line.split("\t") for line in files.get(host_initramfs.ISCSI, b"").decode(errors="replace").splitlines()]
    known = {tuple(words[1:4]) for words in lines if words[0] == "target"}
    wrong += [
        f"/{host_initramfs.ISCSI} does not name {session.target} at {session.address}"
        for session in part.boot
        if (session.target, session.address, str(session.port)) not in known
    ]
    return wrong
