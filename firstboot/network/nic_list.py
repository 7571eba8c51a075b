"""Network cards: those that the kernel shows, and the names that they get."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from network.model import Card


@dataclass(frozen=True)
class Nic:
    """A network card as the kernel has named it."""

    name: str
    mac: str


def read_nics(root: Path) -> list[Nic]:
    """Return the network cards that the kernel shows: those with hardware behind them, so neither bridges nor guests' ports."""
    nics = []
    for folder in sorted((root / "sys/class/net").glob("*")):
        if (folder / "device").exists():
            nics.append(Nic(folder.name, (folder / "address").read_text().strip().lower()))
    return nics


def missing(cards: Iterable[Card], nics: Sequence[Nic]) -> list[Card]:
    """Return the cards of the answers that the kernel does not show."""
    present = {nic.mac for nic in nics}
    return [card for card in cards if card.mac not in present]


def rename_commands(cards: Sequence[Card], nics: Sequence[Nic]) -> list[list[str]]:
    """Return the commands that give the cards their names now; at later boots udev does it from netplan's .link files.

    Two cards may have to change names with each other, and a name may be held by a card that is to have none: all that are in
    the way first get names of their MAC addresses, which are unique.
    """
    wanted = {card.name: card.mac for card in cards}
    names = {card.mac: card.name for card in cards}
    first, second = [], []
    seen = set()
    for nic in sorted(nics, key=lambda nic: names.get(nic.mac) != nic.name):
        right = names.get(nic.mac) if nic.mac not in seen else None
        seen.add(nic.mac)
        if nic.name == right or (right is None and nic.name not in wanted):
            continue
        down = ["ip", "link", "set", "dev", nic.name, "down"]
        if right is not None and right not in {other.name for other in nics}:
            second += [down, ["ip", "link", "set", "dev", nic.name, "name", right]]
            continue
        spare = "x" + nic.mac.replace(":", "")
        first += [down, ["ip", "link", "set", "dev", nic.name, "name", spare]]
        if right is not None:
            second.append(["ip", "link", "set", "dev", spare, "name", right])
    return first + second


def missing_text(gone: Sequence[Card], nics: Sequence[Nic]) -> str:
    """Return what to say when cards are not there."""
    present = ", ".join(f"{nic.name} ({nic.mac})" for nic in nics) or "none"
    return f"no network card has the address {', '.join(f'{card.mac} ({card.name})' for card in gone)}; present: {present}"


def missing_error(gone: Sequence[Card], nics: Sequence[Nic]) -> UserError:
    """No card of the management network is there."""
    hint = "put the card back, or correct network.management in /etc/dom0kit/host.json and run: dom0ctl firstboot run"
    return UserError(missing_text(gone, nics), hint)
