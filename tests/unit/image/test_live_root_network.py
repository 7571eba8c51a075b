"""The live root's bond and VLAN are those that the installer makes and removes."""

from __future__ import annotations

import re
from pathlib import Path

from network import networkd

ELEMENT = Path(__file__).resolve().parents[3] / "image/elements/dom0-live/tree/etc/initramfs-tools"
SCRIPT = (ELEMENT / "scripts/dom0kit-stack").read_text()


def test_names_modes_and_interval_are_those_of_the_installer() -> None:
    values = dict(re.findall(r"(?m)^DOM0KIT_(BOND|VLAN|MII)=(\S+)", SCRIPT))
    assert values == {"BOND": networkd.BOND, "VLAN": networkd.VLAN, "MII": str(networkd.MII_MILLISECONDS)}
    for mode in re.findall(r"(?m)^    ([a-z-]+):\?\*\)", SCRIPT):
        assert f"printf {networkd.BOND_MODES[mode]}\n" in SCRIPT


def test_files_of_a_trial_come_before_those_of_the_live_root() -> None:
    """Networkd takes the first file that matches, in the order of their names."""
    prefix = re.search(r"DOM0KIT_FILES/([a-z0-9-]+)", SCRIPT)
    assert prefix
    assert prefix.group(1).startswith(networkd.BOOT_PREFIX)
    live = next((ELEMENT.parents[1] / "usr/lib/systemd/network").glob("*dom0kit-live.network"))
    assert networkd.PREFIX < prefix.group(1) < live.name


def test_the_drivers_are_in_the_initramfs() -> None:
    assert {"8021q", "bonding"} <= set(re.findall(r"[\w-]+", (ELEMENT / "hooks/dom0kit").read_text()))
