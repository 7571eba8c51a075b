"""Machine identity: MAC address, SMBIOS UUID and serial number."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DMI = "sys/class/dmi/id"
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
NETWORK = "sys/class/net"
BACKEND_MAC = "fe:ff:ff:ff:ff:ff"
"""The MAC address of the host's side of a guest's network card, set by Xen's scripts."""
MEANINGLESS = re.compile(r"(.)\1{7}-(\1{4}-){3}\1{12}|03000200-0400-0500-0006-000700080009")
"""UUIDs of boards without a UUID of their own: all zeros, all f, and the default of AMI's firmware."""
NO_NUMBER = re.compile(
    r"(?:system |chassis )?serial ?number|asset[ -]?tag|no asset (?:tag|information)|(?:to be )?filled by o\.?e\.?m\.?"
    r"|to be filled by o\.?e\.?m\.?|default string|not (?:specified|available|applicable|defined|set|provided)"
    r"|none|unknown|invalid|empty|null|n/?a|oem|o\.e\.m\.|(?:system|chassis) serial|x+|[0 .-]+|0?123456789[0a-f]*|f{8,}",
    re.IGNORECASE,
)
"""Serial numbers and asset tags of boards that have none of their own: many machines share them."""
PLACE = re.compile(r"\{(mac|uuid|serial|host)\}")


@dataclass(frozen=True)
class Identity:
    """A machine's identifiers; empty where the machine has none.

    :param mac: lower case with colons.
    :param uuid: SMBIOS's system UUID, lower case.
    :param serial: SMBIOS's serial number of the system.
    :param host: the host's name, once the answers are known.
    """

    mac: str = ""
    uuid: str = ""
    serial: str = ""
    host: str = ""

    def fill(self, template: str) -> str:
        """Return a URL with ``{mac}``, ``{uuid}``, ``{serial}`` and ``{host}`` replaced.

        ``{mac}`` is written with dashes, as 52-54-00-12-34-56, and stands for a ``{host}`` that has no name yet.
        """
        mac = self.mac.replace(":", "-")
        values = {"mac": mac, "uuid": self.uuid, "serial": self.serial, "host": self.host or mac}
        return PLACE.sub(lambda match: quote(values[match.group(1)], safe=""), template)

    def missing(self, template: str) -> list[str]:
        """Return the placeholders of a template for which this machine has no value."""
        found = set(PLACE.findall(template))
        return sorted(name for name in found if not getattr(self, name) and not (name == "host" and self.mac))

    def to_json(self) -> dict[str, str]:
        """Return the fields that identify the sender in every report."""
        return {"host": self.host, "mac": self.mac, "uuid": self.uuid, "serial": self.serial}


def read_identity(root: Path = Path("/"), *, mac: str = "", host: str = "") -> Identity:
    """Read UUID and serial number of the firmware (/sys/class/dmi/id, readable by root alone)."""
    return Identity(mac, _dmi(root, "product_uuid").lower(), _dmi(root, "product_serial"), host)


def own_number(text: str) -> str:
    """Return a serial number or asset tag; "" for one of those that firmware has in place of a number of its own."""
    return "" if NO_NUMBER.fullmatch(text.strip()) else text.strip()


def own_uuid(text: str) -> str:
    """Return the firmware's UUID; "" for one that many boards share."""
    return "" if MEANINGLESS.fullmatch(text) else text


def read_asset(root: Path = Path("/")) -> str:
    """Read the asset tag of the chassis (SMBIOS type 3)."""
    return _dmi(root, "chassis_asset_tag")


def machine_uuid(root: Path = Path("/")) -> str:
    """Return an identifier of this machine, the same in the installer and on the host.

    It is the firmware's UUID. Where the firmware has none, or one that many boards share, it is a UUID (RFC 9562, version 5)
    of the lowest MAC address; empty when there is no network card either.
    """
    if found := own_uuid(read_identity(root).uuid):
        return found
    macs = machine_macs(root)
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"mac:{macs[0]}")) if macs else ""


def machine_macs(root: Path = Path("/")) -> tuple[str, ...]:
    """Return the MAC addresses of this machine's physical network cards, sorted."""
    return tuple(sorted({mac for mac in map(_card, (root / NETWORK).glob("*")) if mac}))


def _card(folder: Path) -> str:
    """Return the MAC address of a physical card; "" for a virtual one.

    A member of a kernel bond shows the bond's address, and its own in ``bonding_slave/perm_hwaddr``.
    """
    if not (folder / "device").exists():
        return ""
    for name in ("bonding_slave/perm_hwaddr", "address"):
        try:
            mac = (folder / name).read_text().strip().lower()
        except OSError:
            continue
        return mac if MAC.fullmatch(mac) and mac not in (BACKEND_MAC, "00:00:00:00:00:00") else ""
    return ""


def _dmi(root: Path, name: str) -> str:
    try:
        return (root / DMI / name).read_text(errors="replace").strip()
    except OSError:
        return ""
