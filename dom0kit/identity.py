"""Who a machine is, for servers that know it by its MAC address, its UUID or its serial number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

DMI = "sys/class/dmi/id"
MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
PLACE = re.compile(r"\{(mac|uuid|serial|host)\}")


@dataclass(frozen=True)
class Identity:
    """What names a machine; empty texts where it does not say.

    :param mac: lower case with colons.
    :param uuid: SMBIOS's system UUID, lower case.
    :param serial: SMBIOS's serial number of the system.
    :param host: the host's name, once the answers gave it one.
    """

    mac: str = ""
    uuid: str = ""
    serial: str = ""
    host: str = ""

    def fill(self, template: str) -> str:
        """A URL with ``{mac}``, ``{uuid}``, ``{serial}`` and ``{host}`` replaced; ``{mac}`` with dashes, as 52-54-00-12-34-56."""
        values = {"mac": self.mac.replace(":", "-"), "uuid": self.uuid, "serial": self.serial, "host": self.host}
        return PLACE.sub(lambda match: quote(values[match.group(1)], safe=""), template)

    def missing(self, template: str) -> list[str]:
        """The names that a template asks for and this machine does not have."""
        return sorted({name for name in PLACE.findall(template) if not getattr(self, name)})

    def to_json(self) -> dict[str, str]:
        """What every report says of its sender."""
        return {"host": self.host, "mac": self.mac, "uuid": self.uuid, "serial": self.serial}


def read_identity(root: Path = Path("/"), *, mac: str = "", host: str = "") -> Identity:
    """UUID and serial number as the firmware gives them (sysfs: /sys/class/dmi/id, root alone may read them)."""
    return Identity(mac, _dmi(root, "product_uuid").lower(), _dmi(root, "product_serial"), host)


def _dmi(root: Path, name: str) -> str:
    try:
        return (root / DMI / name).read_text(errors="replace").strip()
    except OSError:
        return ""
