"""Current state of network cards and their addresses, from the kernel and systemd-networkd."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dom0kit.machine_identity import MAC
from dom0kit.process import QUERY_SECONDS, Runner
from installer.hardware.sysfs import read
from installer.model.hardware import USB_FUNCTIONS
from network.networkd import BOND, VLAN
from network.observed import records

NET = "sys/class/net"
LEASES = "run/systemd/netif/leases"
BOOT_NIC = "run/dom0kit/boot-nic"
ANSWERS_OPTION = "OPTION_224"


@dataclass(frozen=True)
class Link:
    """A network card.

    :param carrier: whether a link is detected; None while the card is down.
    :param addresses: addresses of global scope.
    :param url: value of DHCP option 224.
    :param usb_function: see :attr:`installer.model.hardware.Nic.is_usb_function`.
    """

    name: str
    mac: str
    carrier: bool | None = None
    addresses: tuple[str, ...] = ()
    url: str = ""
    usb_function: bool = False

    @property
    def usable(self) -> bool:
        """Return whether it has a link and an address."""
        return bool(self.carrier and self.addresses)


def read_links(runner: Runner, root: Path = Path("/")) -> list[Link]:
    """Return all physical network cards, and the bond and the VLAN that kernel arguments put on them, sorted by name."""
    addresses = global_addresses(runner(["ip", "-json", "address"], check=False, timeout=QUERY_SECONDS).output)
    links = []
    for folder in sorted((root / NET).glob("*")):
        if not (folder / "device").exists() and folder.name not in (BOND, VLAN):
            continue
        url = option_text(read(root / LEASES / read(folder / "ifindex")))
        carrier = {"1": True, "0": False}.get(read(folder / "carrier"))
        # A member of a bond shows the bond's address in place of its own.
        mac = (read(folder / "bonding_slave/perm_hwaddr") or read(folder / "address")).lower()
        usb = (folder / "device/driver").resolve().name.startswith(USB_FUNCTIONS)
        links.append(Link(folder.name, mac, carrier, addresses.get(folder.name, ()), url, usb))
    return links


def read_boot_nic(links: list[Link], root: Path = Path("/")) -> str:
    """Return the MAC address of the boot network card, which the initramfs notes before the IP address that it had; or ""."""
    text = read(root / BOOT_NIC).partition(" ")[0]
    if MAC.fullmatch(text.lower()):
        return text.lower()
    return next((link.mac for link in links if link.name == text), "")


def global_addresses(text: str) -> dict[str, tuple[str, ...]]:
    """Return addresses by interface from ``ip -json address``, without tentative ones (RFC 4862)."""
    found: dict[str, tuple[str, ...]] = {}
    for link in records(text):
        good = [a["local"] for a in link.get("addr_info", []) if a.get("scope") == "global" and not a.get("tentative")]
        found[str(link.get("ifname"))] = tuple(good)
    return found


def option_text(lease: str) -> str:
    """Return DHCP option 224 from a networkd lease file, which stores private options (224 to 254) in hexadecimal."""
    for line in lease.splitlines():
        name, _, value = line.partition("=")
        if name == ANSWERS_OPTION:
            try:
                return bytes.fromhex(value.strip()).rstrip(b"\0").decode("ascii").strip()
            except ValueError:
                return ""
    return ""
