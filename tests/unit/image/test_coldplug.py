"""The system triggers udev again for all devices that bring drivers, nodes or units, and of no others."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import pytest

ELEMENTS = Path(__file__).parents[3] / "image/elements"
DROP_IN = ELEMENTS / "dom0-base/tree/etc/systemd/system/systemd-udev-trigger.service.d/10-dom0kit.conf"

BUSES = ("pci", "usb", "virtio", "acpi", "scsi", "nvme", "serio", "hid", "platform", "xen", "cpu", "fc_host", "infiniband")
CLASSES = ("block", "net", "misc", "input", "graphics", "drm", "vtconsole", "vc", "mem", "dmi", "rtc", "watchdog", "tpmrm")


def commands() -> list[str]:
    """Return the command lines of the drop-in, the first of them empty: it takes away the unit's own."""
    text = re.sub(r"\\\n\s*", "", DROP_IN.read_text())
    return re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)


def words(line: str, option: str) -> list[str]:
    """Return the values of an option that is given several times."""
    return re.findall(rf"--{option}=(\S+)", line)


def test_the_command_of_the_unit_is_replaced() -> None:
    first, *rest = commands()
    assert first == ""
    assert len(rest) == 3
    assert all(line.startswith("-udevadm trigger --type=") and "--action=add" in line for line in rest)


@pytest.mark.parametrize("subsystem", [*BUSES, *CLASSES])
def test_devices_with_drivers_nodes_or_rules_are_told(subsystem: str) -> None:
    _, devices, _, _ = commands()
    assert "--type=devices" in devices
    assert "tty" in words(devices, "subsystem-nomatch")
    assert subsystem not in words(devices, "subsystem-nomatch")
    assert not words(devices, "subsystem-match")


@pytest.mark.parametrize(
    ("name", "triggered"),
    [("hvc0", True), ("ttyS0", True), ("ttyUSB1", True), ("ttyAMA0", True), ("console", True), ("tty63", False)],
)
def test_of_the_terminals_those_with_units_get_events(name: str, triggered: bool) -> None:
    _, _, terminals, _ = commands()
    assert words(terminals, "subsystem-match") == ["tty"]
    # udevadm-trigger(8) takes the patterns of a shell.
    assert any(fnmatch.fnmatchcase(name, pattern) for pattern in words(terminals, "sysname-match")) == triggered


def test_of_the_modules_those_with_rules_are_told() -> None:
    _, _, _, modules = commands()
    assert "--type=subsystems" in modules
    assert words(modules, "subsystem-match") == ["module"]
    assert {"block", "fuse", "configfs"} <= set(words(modules, "sysname-match"))
