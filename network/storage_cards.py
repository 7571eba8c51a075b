"""Network cards for iSCSI alone: outside of all bridges, with a fixed address, and without a DHCP client or a network manager.

The root disk may be behind them, so the initramfs brings them up and nothing touches them afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from network.networkd import unmanaged

STANDARD_MTU = 1500
COMMENT = "Written by the installer of dom0kit: these cards carry iSCSI sessions, see /etc/dom0kit/iscsi."


@dataclass(frozen=True)
class StorageCard:
    """A network card for iSCSI.

    :param mac: in lower case.
    :param address: with its prefix length, as ``192.0.2.10/24``; empty for a card that gets none.
    :param vlan: 0 for frames without a tag.
    :param mtu: bytes; 0 keeps what the card has.
    :param gateway: the router to portals in other networks; empty without one.
    """

    mac: str
    address: str = ""
    vlan: int = 0
    mtu: int = 0
    gateway: str = ""


def ip_commands(card: StorageCard, name: str) -> list[tuple[list[str], bool]]:
    """Return the commands that bring a card up, and for each whether it must succeed.

    :param name: of the card's interface.
    """
    commands: list[tuple[list[str], bool]] = []
    if card.mtu:
        commands.append((["ip", "link", "set", name, "mtu", str(card.mtu)], True))
    commands.append((["ip", "link", "set", name, "up"], True))
    device = name
    if card.vlan:
        device = f"{name}.{card.vlan}"
        # It may be there from an earlier attempt.
        commands.append((["ip", "link", "add", "link", name, "name", device, "type", "vlan", "id", str(card.vlan)], False))
        commands.append((["ip", "link", "set", device, "up"], True))
    if card.address:
        commands.append((["ip", "address", "replace", card.address, "dev", device], True))
    return commands


def route_command(portal: str, gateway: str) -> list[str]:
    """Return the command that makes the route to one portal."""
    return ["ip", "route", "replace", portal, "via", gateway]


def initramfs_card(card: StorageCard) -> tuple[str, ...]:
    """Return the words of a ``card`` line of ``/etc/dom0kit/iscsi``, which scripts/dom0kit-iscsi of the initramfs describes."""
    mtu = 0 if card.mtu == STANDARD_MTU else card.mtu
    return ("card", card.mac, card.address or "-", str(card.vlan), str(mtu))


def initramfs_route(portal: str, gateway: str) -> tuple[str, ...]:
    """Return the words of a ``route`` line of ``/etc/dom0kit/iscsi``."""
    return ("route", portal, gateway)


def unmanaged_file(macs: Iterable[str]) -> str:
    """Return the file that keeps systemd-networkd away from these cards; it would take the addresses away again."""
    return unmanaged(macs, COMMENT)
