"""Read the iBFT: boot settings that iSCSI firmware passes on, in the kernel's format below /sys/firmware/ibft.

The files are described in Documentation/ABI/testing/sysfs-ibft.
"""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from answerfiles.model.san import Chap
from answerfiles.secret import Secret
from dom0kit.machine_identity import MAC
from dom0kit.untrusted.values import ip_address, whole_number
from installer.hardware.sysfs import read
from network.storage_cards import StorageCard

FOLDER = "sys/firmware/ibft"


@dataclass(frozen=True)
class Target:
    """A target at a portal, with its log-in data."""

    name: str
    address: str
    port: int = 3260
    chap: Chap | None = None


@dataclass(frozen=True)
class Ibft:
    """The iBFT: the firmware's initiator name, network cards and targets."""

    initiator: str
    cards: tuple[StorageCard, ...]
    targets: tuple[Target, ...]


def read_ibft(root: Path = Path("/")) -> Ibft | None:
    """Read the iBFT; None when the machine did not boot over iSCSI."""
    folder = root / FOLDER
    if not (folder / "initiator").is_dir():
        return None
    cards = tuple(card for entry in sorted(folder.glob("ethernet*")) if (card := _card(entry)).mac)
    targets = tuple(target for entry in sorted(folder.glob("target*")) if (target := _target(entry)).name and target.address)
    return Ibft(_name(read(folder / "initiator/initiator-name")), cards, targets)


def _card(entry: Path) -> StorageCard:
    address, vlan = _address(read(entry / "ip-addr")), read(entry / "vlan")
    if address:
        address = _with_length(address, read(entry / "prefix-len") or read(entry / "subnet-mask"))
    return StorageCard(
        mac=_mac(read(entry / "mac")),
        address=address,
        vlan=whole_number(vlan, 1, 4094, 0),
        gateway=_address(read(entry / "gateway")),
    )


def _target(entry: Path) -> Target:
    port = read(entry / "port")
    user, secret = read(entry / "chap-name"), read(entry / "chap-secret")
    back, back_secret = read(entry / "rev-chap-name"), read(entry / "rev-chap-name-secret")
    chap = None
    if all(text and text.isprintable() for text in (user, secret)):
        chap = Chap.model_construct(user=user, secret=Secret(secret), target_user=None, target_secret=None)
        if all(text and text.isprintable() for text in (back, back_secret)):
            chap = chap.model_copy(update={"target_user": back, "target_secret": Secret(back_secret)})
    return Target(
        name=_name(read(entry / "target-name")),
        address=_address(read(entry / "ip-addr")),
        port=whole_number(port, 1, 65535, 3260),
        chap=chap,
    )


def _name(text: str) -> str:
    """Return an iSCSI name (RFC 7143, 4.2.7.1: no blanks or control characters); "" for anything else."""
    return text if re.fullmatch(r"(?:iqn|eui|naa)\.[!-~]{1,219}", text) else ""


def _mac(text: str) -> str:
    """Return a MAC address in lower case; "" for anything else, which no card has."""
    lower = text.lower()
    return lower if MAC.fullmatch(lower) else ""


def _address(text: str) -> str:
    """Return an address; "" if the firmware wrote zeros."""
    try:
        address = ip_address(text)
    except ValueError:
        return ""
    return "" if address.is_unspecified or address.is_multicast else str(address)


def _with_length(address: str, length: str) -> str:
    """Return an address with a prefix length; that of a network of its class' size when the firmware wrote none or a wrong one.

    A mask whose bits are no prefix (255.0.255.0) is wrong, as is a length that is longer than an address.
    """
    with suppress(ValueError):
        # A length of 0 would put every address on this card.
        if (found := ipaddress.ip_interface(f"{address}/{length}")).network.prefixlen:
            return found.with_prefixlen
    return f"{address}/{64 if ':' in address else 24}"
