"""What a host can be named for: the names in DHCP leases, and what the firmware says that the machine is."""

from __future__ import annotations

import socket
from pathlib import Path

from dom0kit.machine_identity import own_number, own_uuid, read_asset, read_identity
from installer.hardware.sysfs import read
from installer.model.hardware import Machine

LEASES = "run/systemd/netif/leases"


def lease_values(text: str) -> dict[str, str]:
    """Return the values of a networkd lease file (``/run/systemd/netif/leases``)."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line and not line.startswith("#"))


def lease_name(text: str, own: str = "") -> str:
    """Return the host name of a lease (option 12), with the lease's domain (option 15) if it has none; "" without a name.

    :param own: name of the running system, which some servers return as the host name because it was sent to them.
    """
    values = lease_values(text)
    host, domain = values.get("HOSTNAME", "").rstrip("."), values.get("DOMAINNAME", "").strip(".")
    if not host or host.partition(".")[0] == own.partition(".")[0]:
        return ""
    return f"{host}.{domain}" if domain and "." not in host else host


def leases_of(card: str, root: Path = Path("/")) -> list[str]:
    """Return the leases of a card, and of its VLAN or bond: interfaces without hardware that have its MAC address."""
    net, found = root / "sys/class/net", []
    mac = read(net / card / "address")
    others = [folder for folder in sorted(net.glob("*")) if folder.name != card and not (folder / "device").exists()]
    for folder in (net / card, *(other for other in others if mac and read(other / "address") == mac)):
        try:
            found.append((root / LEASES / read(folder / "ifindex")).read_text(errors="replace"))
        except OSError:
            continue
    return found


def read_dhcp_names(root: Path = Path("/"), own: str | None = None) -> dict[str, str]:
    """Return the host names that DHCP servers gave, by the name of the network card."""
    mine = socket.gethostname() if own is None else own
    found = {}
    for folder in sorted((root / "sys/class/net").glob("*")):
        names = [name for text in leases_of(folder.name, root) if (name := lease_name(text, mine))]
        if names:
            found[folder.name] = names[0]
    return found


def read_machine(root: Path = Path("/")) -> Machine:
    """Return serial number, UUID and asset tag, without those that firmware has in place of a number of its own."""
    identity = read_identity(root)
    return Machine(own_number(identity.serial), own_uuid(identity.uuid), own_number(read_asset(root)))
