"""Log in to iSCSI targets before disks are probed: those of the firmware (iBFT) and of the answers.

See iscsiadm(8). Secrets are written into its records and not passed as arguments, which are logged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from answerfiles.model.san import Chap, Iscsi, Portal
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.linux.host_initramfs import INITIATOR, IQN_PREFIX
from dom0kit.polling import TimedOut, poll
from dom0kit.process import CommandFailed
from installer.command_log import Commands
from installer.hardware.ibft import Ibft, Target, read_ibft
from installer.hardware.iscsi_sessions import ADDRESSES, Link, on_link, parse_links
from network import storage_cards
from network.storage_cards import StorageCard

RECORDS = Path("var/lib/iscsi/nodes")
UNMANAGED = Path("run/systemd/network/05-dom0kit-iscsi.network")
DISCOVERED = re.compile(r"^\[?(?P<address>[^\s\],]+)\]?:(?P<port>\d+),-?\d+ (?P<target>\S+)$", re.MULTILINE)
REFUSED, UNPROVEN, PRESENT = 24, 19, 15
"""Exit codes of iscsiadm: log-in not authorized, log-in ended by this side, session exists."""
LINK_SECONDS = 20.0
"""Wait until the network cards for iSCSI have a link.

Kind: protocol. Reason: autonegotiation takes up to 8 s, and one of several cables may be out. Expiry: the log-in is tried over
the cards that have a link.
"""
LOOK_SECONDS = 0.5
"""Pause between two checks of the links.

Kind: pace. Reason: reading sysfs costs nothing. Expiry: the next check.
"""
TRIES = ("node.session.initial_login_retry_max", "2")
"""Limit attempts, so that a missing portal costs half a minute instead of two."""

Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class RequestedTargets:
    """iSCSI settings of the answers and the firmware.

    :param named: targets that are given with their portal, those of the firmware first.
    :param offered: portals to discover targets at.
    """

    cards: tuple[StorageCard, ...]
    named: tuple[Target, ...]
    offered: tuple[Portal, ...]


def requested_targets(iscsi: Iscsi | None, ibft: Ibft | None) -> RequestedTargets:
    """Merge the answers with the iBFT; a network card in the answers replaces the firmware's."""
    portals = iscsi.portals if iscsi else ()
    cards = {card.mac: card for card in (ibft.cards if ibft else ()) if card.address}
    for nic in iscsi.nics if iscsi else ():
        gateway = str(nic.gateway) if nic.gateway else ""
        cards[nic.mac] = StorageCard(nic.mac, nic.address.with_prefixlen, nic.vlan or 0, nic.mtu or 0, gateway)
    named = [*(ibft.targets if ibft else ())]
    named += [Target(portal.target, portal.address, portal.port, portal.chap) for portal in portals if portal.target]
    return RequestedTargets(tuple(cards.values()), tuple(named), tuple(portal for portal in portals if not portal.target))


def initiator_name(iscsi: Iscsi | None, ibft: Ibft | None, random: bytes) -> str:
    """Return the initiator name: from the answers, from the firmware, or a new one."""
    return (iscsi.initiator if iscsi else None) or (ibft.initiator if ibft else "") or f"{IQN_PREFIX}:{random.hex()}"


def name_problem(iscsi: Iscsi | None, ibft: Ibft | None) -> str:
    """Return an error if the answers' initiator name differs from the firmware's, as the array would see two hosts."""
    own = iscsi.initiator if iscsi else None
    if ibft and own and ibft.initiator and own != ibft.initiator:
        return f"san.iscsi.initiator is {own}, the firmware logs in as {ibft.initiator}"
    return ""


def where(address: str, port: int) -> str:
    """Return a portal in iscsiadm's format."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def discovered(output: str) -> list[tuple[str, str, int]]:
    """Return the targets with address and port in the output of a discovery."""
    return [(m["target"], m["address"], int(m["port"])) for m in DISCOVERED.finditer(output)]


def chap_values(chap: Chap | None) -> dict[str, str]:
    """Return the CHAP values of a record, one-way or mutual."""
    if chap is None:
        return {}
    values = {"authmethod": "CHAP", "username": chap.user, "password": chap.secret.reveal()}
    if chap.target_user is not None and chap.target_secret is not None:
        values |= {"username_in": chap.target_user, "password_in": chap.target_secret.reveal()}
    return {f"node.session.auth.{name}": value for name, value in values.items()}


def with_values(record: str, values: Mapping[str, str]) -> str:
    """Return a record's text with values replaced; its lines are ``name = value``."""
    lines = [line for line in record.splitlines() if line.partition(" = ")[0] not in values and line != "# END RECORD"]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in values.items()), "# END RECORD"]) + "\n"


def record_files(root: Path, target: str, address: str, port: int) -> list[Path]:
    """Return a target's records at a portal: ``TARGET/ADDRESS,PORT,GROUP/default``, without a group ``TARGET/ADDRESS,PORT``."""
    folder = root / RECORDS / target
    return sorted(
        path for place in folder.glob(f"{address},{port}*") for path in ([place] if place.is_file() else place.glob("*"))
    )


def log_in(iscsi: Iscsi | None, commands: Commands, tell: Tell, root: Path = Path("/")) -> None:
    """Log in to all targets; do nothing on a machine without iSCSI.

    :raises UserError: when a portal does not answer, or a target rejects the log-in.
    """
    commands(["modprobe", "iscsi_ibft"], check=False)
    ibft = read_ibft(root)
    if ibft is None and (iscsi is None or not (iscsi.portals or iscsi.nics)):
        return
    if problem := name_problem(iscsi, ibft):
        raise UserError(problem, "remove san.iscsi.initiator, or set the same name in the firmware")
    name = initiator_name(iscsi, ibft, os.urandom(6))
    write_atomic(root / INITIATOR, f"InitiatorName={name}\n", 0o600)
    commands(["systemctl", "restart", "iscsid.service"])
    wanted = requested_targets(iscsi, ibft)
    take_cards(wanted.cards, commands, root)
    links = parse_links(commands(ADDRESSES, quiet=True).output)
    targets, lost = list(wanted.named), list[UserError]()
    for portal in wanted.offered:
        tell(0.1, f"discovering targets at {where(portal.address, portal.port)}")
        targets += offers(portal, links, commands)
    for number, target in enumerate(dict.fromkeys(targets)):
        tell(0.2 + 0.8 * number / len(targets), f"logging in at {where(target.address, target.port)}")
        add_route(target.address, wanted.cards, links, commands)
        try:
            enter(target, name, commands, root)
        except UserError as error:
            # One of the firmware's paths may be down; the host finds it in the iBFT when it is back.
            if not ibft or target not in ibft.targets or len(lost := [*lost, error]) == len(ibft.targets):
                raise
            commands.note(f"left out: {error.message}")
    # Additional portals that the array reports for the firmware's targets, in directly connected networks.
    for target in ibft.targets if ibft else ():
        log_in_at_additional_portals(target, [t for t in dict.fromkeys(targets) if t.name == target.name], links, commands, root)


def take_cards(cards: Iterable[StorageCard], commands: Commands, root: Path) -> None:
    """Assign addresses to network cards for iSCSI, and keep networkd from removing them.

    :raises UserError: when a card is missing.
    """
    cards = tuple(cards)
    if not cards:
        return
    links = parse_links(commands(ADDRESSES, quiet=True).output)
    names = {str(link.get("address", "")).lower(): str(link["ifname"]) for link in reversed(links) if "linkinfo" not in link}
    if missing := [card.mac for card in cards if card.mac not in names]:
        raise UserError(
            f"no network card has the MAC address {', '.join(missing)}, which is configured for iSCSI",
            "run 'dom0kit facts' to list the network cards",
        )
    (root / UNMANAGED).parent.mkdir(parents=True, exist_ok=True)
    write_atomic(root / UNMANAGED, storage_cards.unmanaged_file(card.mac for card in cards))
    commands(["networkctl", "reload"], check=False)
    for card in cards:
        for command, needed in storage_cards.ip_commands(card, names[card.mac]):
            commands(command, check=needed)
    wait_for_links([names[card.mac] for card in cards], root)


def wait_for_links(names: list[str], root: Path) -> None:
    """Wait for links up to a limit: one of several cables may be unplugged."""
    with suppress(TimedOut):
        poll(lambda: all(carrier(root, name) for name in names), LINK_SECONDS, LOOK_SECONDS, "the cards to have a link")


def carrier(root: Path, name: str) -> bool:
    """Return whether an interface has a link."""
    try:
        return (root / "sys/class/net" / name / "carrier").read_text().strip() == "1"
    except OSError:
        return False


def add_route(address: str, cards: Iterable[StorageCard], links: list[Link], commands: Commands) -> None:
    """Add a route to a portal in a remote network, over the first card with a router."""
    by = next((card.gateway for card in cards if card.gateway), "")
    if by and re.fullmatch(r"[0-9a-fA-F.:]+", address) and not on_link(address, links):
        commands(storage_cards.route_command(address, by))


def discover(address: str, port: int, commands: Commands) -> list[tuple[str, str, int]]:
    """Return all targets that a portal offers; keep records, whose secrets discovery would overwrite.

    :raises UserError: when it does not answer.
    """
    return discovered(
        commands(["iscsiadm", "-m", "discovery", "-t", "sendtargets", "-p", where(address, port), "-o", "nonpersistent"]).output
    )


def offers(portal: Portal, links: list[Link], commands: Commands) -> list[Target]:
    """Return the targets of a portal, at this portal and at others in directly connected networks.

    :raises UserError: when there is none.
    """
    place = where(portal.address, portal.port)
    try:
        found = discover(portal.address, portal.port, commands)
    except UserError as error:
        hint = "check the address, and with 'ip address' this machine's networks"
        raise UserError(f"the iSCSI portal {place} does not answer: {last_line(error)}", hint) from error
    near = [item for item in found if item[1] == portal.address or on_link(item[1], links)]
    for name, address, port in found:
        if (name, address, port) not in near:
            commands.note(f"{name} at {where(address, port)} is skipped: no network card is in its network")
    if not near:
        raise UserError(
            f"the iSCSI portal {place} offers no target to this host", "check that the array accepts its initiator name"
        )
    return [Target(name, address, port, portal.chap) for name, address, port in near]


def log_in_at_additional_portals(target: Target, known: list[Target], links: list[Link], commands: Commands, root: Path) -> None:
    """Log in at additional portals of a firmware target; skip those that reject it, as they were not requested."""
    try:
        found = discover(target.address, target.port, commands)
    except UserError:
        return
    there = {(item.address, item.port) for item in known}
    for name, address, port in found:
        if name != target.name or (address, port) in there or not on_link(address, links):
            continue
        try:
            enter(Target(name, address, port, target.chap), "", commands, root)
        except UserError as error:
            commands.note(f"left out: {error.message}")


def enter(target: Target, initiator: str, commands: Commands, root: Path) -> None:
    """Log in to a target at one portal.

    :param initiator: this host's name, for the error message.
    :raises UserError: when it rejects the log-in or does not answer.
    """
    place = where(target.address, target.port)
    record = ["iscsiadm", "-m", "node", "-T", target.name, "-p", place]
    if not record_files(root, target.name, target.address, target.port):
        commands([*record, "-o", "new"])
    values = chap_values(target.chap) | dict([TRIES])
    for path in record_files(root, target.name, target.address, target.port):
        write_atomic(path, with_values(path.read_text(), values), 0o600)
    try:
        commands([*record, "--login"])
    except CommandFailed as error:
        if error.returncode != PRESENT:
            raise refusal(target, initiator, error) from error


def refusal(target: Target, initiator: str, error: CommandFailed) -> UserError:
    """Return the error for a failed log-in."""
    place = where(target.address, target.port)
    if error.returncode == REFUSED:
        what = "the CHAP user or secret is wrong" if target.chap else "the array requires CHAP"
        return UserError(
            f"the iSCSI target {target.name} at {place} refuses this host: {what}, or it does not know {initiator}",
            "compare san.iscsi in the answers, or the firmware's settings, with the array's",
        )
    if error.returncode == UNPROVEN and target.chap and target.chap.target_user:
        return UserError(
            f"the iSCSI target {target.name} at {place} fails mutual authentication: its CHAP user or secret differs",
            "compare target_user and target_secret in the answers, or the firmware's settings, with the array's",
        )
    hint = "check the address, and with 'ip address' this machine's networks"
    return UserError(f"cannot log in to the iSCSI target {target.name} at {place}: {last_line(error)}", hint)


def last_line(error: UserError) -> str:
    """Return the last line of a command's output, or the first that has the reason."""
    lines = [line.strip() for line in error.message.strip().splitlines()]
    why = [line for line in lines if "error (" in line or "cannot make connection" in line]
    return (why or lines)[-1].removeprefix("iscsiadm: ")
