"""Logs in to iSCSI targets before anybody looks for disks: those of the firmware (iBFT), and those of the answers.

iscsiadm(8), iscsistart(8); the iBFT as the kernel shows it is in its Documentation/ABI/testing/sysfs-ibft.
"""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from answerfiles.model import Answers
from answerfiles.model.san import Chap, Portal
from dom0kit.errors import UserError
from dom0kit.files import write_atomic
from installer.commands import Commands
from installer.facts import read

IBFT = "sys/firmware/ibft"
NAME_FILE = Path("/etc/iscsi/initiatorname.iscsi")
PREFIX = "iqn.1993-08.org.debian:01"
DISCOVERED = re.compile(r"^\[?(?P<address>[^\s\],]+)\]?:(?P<port>\d+),-?\d+ (?P<target>\S+)$", re.MULTILINE)

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class BootCard:
    """A network card that the firmware has started from, with its address and prefix length; ``vlan`` 0: none."""

    mac: str
    address: str = ""
    prefix: int = 24
    vlan: int = 0


@dataclass(frozen=True)
class Ibft:
    """What the firmware left: its initiator's name, its cards, the names of its targets."""

    initiator: str
    cards: tuple[BootCard, ...]
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Session:
    """A session that was made: what the host's initramfs needs to make it again."""

    target: str
    address: str
    port: int
    chap: Chap | None = None


def read_ibft(root: Path = Path("/")) -> Ibft | None:
    """The firmware's table; None when the machine did not start over iSCSI."""
    folder = root / IBFT
    if not (folder / "initiator").is_dir():
        return None
    cards = []
    for card in sorted(folder.glob("ethernet*")):
        mask = read(card / "subnet-mask") or "255.255.255.0"
        vlan = read(card / "vlan")
        prefix = ipaddress.ip_network(f"0.0.0.0/{mask}").prefixlen
        cards.append(BootCard(read(card / "mac").lower(), read(card / "ip-addr"), prefix, int(vlan) if vlan.isdigit() else 0))
    targets = tuple(name for target in sorted(folder.glob("target*")) if (name := read(target / "target-name")))
    return Ibft(read(folder / "initiator/initiator-name"), tuple(cards), targets)


def initiator_name(answers: Answers, ibft: Ibft | None, random: bytes) -> str:
    """The host's name for targets: that of the answers, of the firmware, or a new one."""
    asked = answers.san.iscsi.initiator if answers.san.iscsi else None
    return asked or (ibft.initiator if ibft else "") or f"{PREFIX}:{random.hex()}"


def name_problem(answers: Answers, ibft: Ibft | None) -> str:
    """A name of the answers that is not the firmware's: the array would know one host by two names."""
    asked = answers.san.iscsi.initiator if answers.san.iscsi else None
    if ibft and asked and ibft.initiator and asked != ibft.initiator:
        return f"san.iscsi.initiator is {asked}, the firmware logs in as {ibft.initiator}"
    return ""


def where(address: str, port: int) -> str:
    """A portal as iscsiadm writes it."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def discovered(output: str) -> list[tuple[str, str, int]]:
    """Targets with address and port in the output of a discovery."""
    return [(m["target"], m["address"], int(m["port"])) for m in DISCOVERED.finditer(output)]


def chap_settings(chap: Chap) -> list[tuple[str, str]]:
    """The settings of a record for CHAP, one-way or mutual."""
    values = [("authmethod", "CHAP"), ("username", chap.user), ("password", chap.secret.reveal())]
    if chap.target_user is not None and chap.target_secret is not None:
        values += [("username_in", chap.target_user), ("password_in", chap.target_secret.reveal())]
    return [(f"node.session.auth.{name}", value) for name, value in values]


def log_in(answers: Answers, commands: Commands, tell: Tell, root: Path = Path("/")) -> tuple[Session, ...]:
    """Log in to everything; nothing is done on a machine without iSCSI.

    :raises UserError: when a portal does not answer, or refuses.
    """
    commands(["modprobe", "iscsi_ibft"], check=False)
    ibft = read_ibft(root)
    if ibft is None and answers.san.iscsi is None:
        return ()
    if problem := name_problem(answers, ibft):
        raise UserError(problem, "leave san.iscsi.initiator out, or set the same name in the firmware")
    write_atomic(NAME_FILE, f"InitiatorName={initiator_name(answers, ibft, os.urandom(6))}\n", 0o600)
    commands(["systemctl", "restart", "iscsid.service"])
    if ibft is not None:
        take_boot_cards(ibft.cards, commands)
        tell(0.1, "logging in to the firmware's targets")
        commands(["iscsiadm", "--mode", "fw", "--login"], check=False)
    made: list[Session] = []
    portals = answers.san.iscsi.portals if answers.san.iscsi else ()
    for number, portal in enumerate(portals):
        tell(0.2 + 0.8 * number / len(portals), f"logging in at {where(portal.address, portal.port)}")
        made += log_in_at(portal, commands)
    return tuple(made)


def take_boot_cards(cards: Iterable[BootCard], commands: Commands) -> None:
    """Give the firmware's cards their addresses; they are there already when the initramfs has logged in."""
    links = json.loads(commands(["ip", "-json", "link"]).output or "[]")
    names = {str(link.get("address", "")).lower(): str(link["ifname"]) for link in reversed(links)}
    for card in cards:
        name = names.get(card.mac)
        if name is None or not card.address:
            continue
        commands(["ip", "link", "set", name, "up"])
        device = name
        if card.vlan:
            device = f"{name}.{card.vlan}"
            commands(["ip", "link", "add", "link", name, "name", device, "type", "vlan", "id", str(card.vlan)], check=False)
            commands(["ip", "link", "set", device, "up"])
        commands(["ip", "address", "replace", f"{card.address}/{card.prefix}", "dev", device])


def log_in_at(portal: Portal, commands: Commands) -> list[Session]:
    """Log in to one target of a portal, or to all that it offers.

    :raises UserError: when there is none, or it refuses.
    """
    place = where(portal.address, portal.port)
    hint = "is its network there, and does the array know this host's initiator name?"
    if portal.target is not None:
        commands(["iscsiadm", "-m", "node", "-o", "new", "-T", portal.target, "-p", place])
        found = [Session(portal.target, portal.address, portal.port, portal.chap)]
    else:
        try:
            output = commands(["iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", place]).output
        except UserError as error:
            raise UserError(f"the iSCSI portal {place} offers nothing: {last_line(error)}", hint) from error
        found = [Session(*item, portal.chap) for item in discovered(output)]
    if not found:
        raise UserError(f"the iSCSI portal {place} offers no target to this host", hint)
    for session in found:
        record = ["iscsiadm", "-m", "node", "-T", session.target, "-p", where(session.address, session.port)]
        for name, value in chap_settings(session.chap) if session.chap else []:
            commands([*record, "-o", "update", "-n", name, "-v", value])
        try:
            commands([*record, "--login"])
        except UserError as error:
            if "already" not in error.message:
                raise UserError(f"{session.target} at {session.address} refuses: {last_line(error)}", hint) from error
    return [replace(session) for session in found]


def last_line(error: UserError) -> str:
    """What a command said last."""
    return error.message.strip().splitlines()[-1].strip()


def records_text(sessions: Iterable[Session], cards: Iterable[BootCard]) -> str:
    """``/etc/dom0kit/iscsi``, which the live-root script's helper in the initramfs reads; blanks separate, ``-`` is nothing.

    Secrets are in it: it is for root alone, as is the initramfs that carries it.
    """
    lines = [f"card {card.mac} {card.address or '-'}/{card.prefix} {card.vlan}" for card in cards]
    for session in sessions:
        words = ["target", session.target, session.address, str(session.port)]
        lines.append(" ".join([*words, *(chap_words(session.chap) if session.chap else ["-"] * 4)]))
    return "\n".join(lines) + "\n"


def chap_words(chap: Chap) -> list[str]:
    """User and secret, then those of the target or ``-``."""
    mutual = [chap.target_user or "-", chap.target_secret.reveal() if chap.target_secret else "-"]
    return [chap.user, chap.secret.reveal(), *mutual]
