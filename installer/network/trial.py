"""Try the network settings of the answers in the running installer, until its own settings come back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from answerfiles.model import Management
from dom0kit.fs import write_atomic
from dom0kit.process import COMMAND_SECONDS
from installer.model.hardware import Nic
from network.model import Card, Layout, trial_layout
from network.networkd import BOND, PREFIX, VLAN
from network.observed import records

FOLDER = Path("/run/systemd/network")


def layout(management: Management, nics: tuple[Nic, ...]) -> Layout:
    """Return the layout of the management network on cards by their present names.

    :param nics: one card, or those of a bond.
    """
    return trial_layout(management, (Card(nic.mac, nic.name) for nic in nics))


def find_addresses(text: str, wanted: Mapping[int, str] | None = None) -> dict[int, str]:
    """Return global addresses by version, from ``ip -json address show``.

    :param wanted: fixed addresses by version: no other counts in their place, such as one that DHCP gave before.
    """
    found: dict[int, str] = {}
    for link in records(text):
        for entry in link.get("addr_info", []):
            if entry.get("scope") == "global" and not entry.get("tentative"):
                version = 4 if entry.get("family") == "inet" else 6
                address = f"{entry['local']}/{entry['prefixlen']}"
                if (wanted or {}).get(version, address) == address:
                    found.setdefault(version, address)
    return found


def set_up(folder: Path, files: Mapping[str, str], nics: tuple[Nic, ...], runner: Callable[..., object]) -> None:
    """Have systemd-networkd use these files in place of those of an earlier trial.

    :param files: by name; none: the installer's own settings come back.
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
