"""Network settings on trial in the running installer: systemd-networkd gets those of the answers, until they are taken back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from answerfiles.model import Bond, Management, StaticAddress, StaticAddress6
from dom0kit.fs import write_atomic
from dom0kit.process import COMMAND_SECONDS
from installer.model.hardware import Nic

FOLDER = Path("/run/systemd/network")
PREFIX = "05-dom0kit-test"
BOND, VLAN = "dom0kit-bond", "dom0kit-vlan"
MODES = {"active-backup": "active-backup", "balance-slb": "active-backup", "lacp": "802.3ad"}
MII_MILLISECONDS = 100
"""Interval at which the kernel looks at the links of a bond's cards.

Kind: pace. Reason: the kernel's recommendation (bonding.rst, miimon). Expiry: the next look.
"""


def network_section(management: Management) -> list[str]:
    """The lines of ``[Network]`` and ``[Route]`` of systemd.network(5) for the addresses."""
    v4, v6 = management.ipv4, management.ipv6
    both = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}
    lines = ["[Network]", f"DHCP={both[(v4 == 'dhcp', v6 == 'dhcp')]}"]
    lines.append(f"IPv6AcceptRA={'yes' if v6 != 'none' else 'no'}")
    lines.append(f"LinkLocalAddressing={'ipv6' if v6 != 'none' else 'no'}")
    for record in (v4, v6):
        if isinstance(record, StaticAddress | StaticAddress6) and record.gateway is not None:
            lines.append(f"Gateway={record.gateway}")
    lines += [f"DNS={server}" for server in management.dns]
    for record in (v4, v6):
        if isinstance(record, StaticAddress | StaticAddress6):
            # An address that another machine has is found out, and not taken (systemd.network(5), RFC 5227).
            lines += ["", "[Address]", f"Address={record.address}", "DuplicateAddressDetection=both"]
    return lines


def network_files(management: Management, nics: tuple[Nic, ...]) -> tuple[str, dict[str, str]]:
    """What networkd reads, and the name of the interface that gets the addresses.

    :param nics: the cards, one or those of a bond.
    """
    files: dict[str, str] = {}
    base = nics[0].name
    if isinstance(management.bond, Bond):
        base = BOND
        mode = MODES[management.bond.mode]
        files[f"{PREFIX}-bond.netdev"] = (
            f"[NetDev]\nName={BOND}\nKind=bond\n\n[Bond]\nMode={mode}\nMIIMonitorSec={MII_MILLISECONDS}ms\n"
        )
        for nic in nics:
            files[f"{PREFIX}-{nic.name}.network"] = f"[Match]\nName={nic.name}\n\n[Network]\nBond={BOND}\n"
    top = base
    addresses = network_section(management)
    if management.vlan is not None:
        top = VLAN
        files[f"{PREFIX}-vlan.netdev"] = f"[NetDev]\nName={VLAN}\nKind=vlan\n\n[VLAN]\nId={management.vlan}\n"
        carrier = ["[Network]", f"VLAN={VLAN}", "LinkLocalAddressing=no", "DHCP=no"]
        files[f"{PREFIX}-base.network"] = "\n".join([f"[Match]\nName={base}\n", *carrier]) + "\n"
    files[f"{PREFIX}-top.network"] = "\n".join([f"[Match]\nName={top}\n", *addresses]) + "\n"
    return top, files


def find_addresses(text: str, wanted: Mapping[int, str] | None = None) -> dict[int, str]:
    """Global addresses by version, from ``ip -json address show``.

    :param wanted: the fixed ones: no other counts in their place, such as one that DHCP gave before.
    """
    found: dict[int, str] = {}
    for link in entries(text):
        for entry in link.get("addr_info", []):
            if entry.get("scope") == "global" and not entry.get("tentative"):
                version = 4 if entry.get("family") == "inet" else 6
                address = f"{entry['local']}/{entry['prefixlen']}"
                if (wanted or {}).get(version, address) == address:
                    found.setdefault(version, address)
    return found


def entries(text: str) -> list[dict[str, Any]]:
    """The records of a listing that ``ip -json`` printed; none when it is no listing."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def set_up(folder: Path, files: Mapping[str, str], nics: tuple[Nic, ...], runner: Callable[..., object]) -> None:
    """Have networkd use these files in place of those of an earlier trial; none: the installer's own settings come back.

    :param runner: runs a command, with the arguments of :func:`dom0kit.process.run`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{PREFIX}-*"):
        old.unlink()
    for name in (VLAN, BOND):
        runner(["ip", "link", "delete", name], check=False, timeout=COMMAND_SECONDS)
    for name, text in files.items():
        write_atomic(folder / name, text)
    runner(["networkctl", "reload"], check=False, timeout=COMMAND_SECONDS)
    runner(["networkctl", "reconfigure", *(nic.name for nic in nics)], check=False, timeout=COMMAND_SECONDS)
