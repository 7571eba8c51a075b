"""Read the iBFT: boot settings that iSCSI firmware passes on, in the kernel's format below /sys/firmware/ibft.

The files are described in Documentation/ABI/testing/sysfs-ibft.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from answerfiles.model.san import Chap
from answerfiles.secret import Secret
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
    cards = tuple(_card(entry) for entry in sorted(folder.glob("ethernet*")))
    targets = tuple(target for entry in sorted(folder.glob("target*")) if (target := _target(entry)).name and target.address)
    return Ibft(read(folder / "initiator/initiator-name"), cards, targets)


def _card(entry: Path) -> StorageCard:
    address, vlan = _address(read(entry / "ip-addr")), read(entry / "vlan")
    if address:
        length = read(entry / "prefix-len") or read(entry / "subnet-mask") or "24"
        address = ipaddress.ip_interface(f"{address}/{length}").with_prefixlen
    return StorageCard(
        mac=read(entry / "mac").lower(),
        address=address,
        vlan=int(vlan) if vlan.isdigit() else 0,
        gateway=_address(read(entry / "gateway")),
    )


def _target(entry: Path) -> Target:
    port = read(entry / "port")
    user, secret = read(entry / "chap-name"), read(entry / "chap-secret")
    back, back_secret = read(entry / "rev-chap-name"), read(entry / "rev-chap-name-secret")
    chap = None
    if user and secret:
        chap = Chap.model_construct(user=user, secret=Secret(secret), target_user=None, target_secret=None)
        if back and back_secret:
            chap = chap.model_copy(update={"target_user": back, "target_secret": Secret(back_secret)})
    return Target(
        name=read(entry / "target-name"),
        address=_address(read(entry / "ip-addr")),
        port=int(port) if port.isdigit() else 3260,
        chap=chap,
    )


def _address(text: str) -> str:
    """Return an address; "" if the firmware wrote zeros."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return "" if address.is_unspecified else str(address)
