"""A machine and what a user would choose on it."""

from __future__ import annotations

import dataclasses
import uuid
from typing import Any

from dom0kit.units import GIB
from installer.model.hardware import MEDIUM, Disk, Facts, Nic, PhysicalVolume
from installer.model.image_manifest import ImageFile, Manifest
from installer.tui.state import State
from installer.tui.toolkit.forms import Values

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDnFkLW6Es36TnlB5Vwc7+vPjjq99ZrowojXAw0TXA8c me"
BLANK = Disk("/dev/sda", "disk", 100 * GIB, model="ACME SSD 100", serial="DISK1", transport="sata")
DIRTY = Disk(
    "/dev/sdb",
    "disk",
    200 * GIB,
    model="ACME HDD 200",
    serial="DISK2",
    wwn="0x5000c500a1b2c3d4",
    transport="sas",
    rotational=True,
    partitions=("/dev/sdb1", "/dev/sdb2"),
    contents=("gpt signature", "part /dev/sdb1 with ext4 'precious'"),
)
STICK = Disk("/dev/sdc", "disk", 16 * GIB, transport="usb", removable=True, contents=("iso9660",), mounts=(MEDIUM,))
MAP = Disk("/dev/mapper/36001405abcdef0123456789abcdef012", "mpath", 50 * GIB, paths=("/dev/sdd", "/dev/sde"))
PATHS = tuple(Disk(path, "disk", 50 * GIB, serial="600140", transport="fc", map=MAP.path) for path in MAP.paths)
ALL = (BLANK, DIRTY, STICK, MAP, *PATHS)
NICS = (
    Nic("eno1", "52:54:00:00:00:01", "igb", True),
    Nic("eno2", "52:54:00:00:00:02", "igb", False),
    Nic("ens1f0np0", "52:54:00:00:00:03", "mlx5_core", None),
)
FACTS = Facts(ALL, NICS, "bios", 64 * GIB, "vmx", physical_volumes=(PhysicalVolume("/dev/sdb2", "old"),))
MANIFEST = Manifest(
    "dom0kit",
    "0.1.0",
    "0" * 16,
    (ImageFile("initrd.img", 40_000_000, "1" * 64), ImageFile("dom0.squashfs", 300_000_000, "0" * 64)),
)
ZONES = ("Europe/Berlin", "Europe/Paris", "America/New_York", "Etc/UTC", "UTC", "posixrules")
CHOSEN: Values = {
    "disk.key": "/dev/sda",
    "card.key": "52:54:00:00:00:01",
    "name.host": "xen1.example.org",
    "zone.region": "Europe",
    "zone.city": "Europe/Berlin",
    "root.hash": HASH,
}


def state(facts: Facts | None = None, **changes: Any) -> State:
    """Return a state before any choice; ``changes`` replace its fields."""
    base = State(FACTS, MANIFEST, {}, now=2e9, epoch=1.7e9, identity=uuid.UUID(int=1), zones=ZONES)
    return dataclasses.replace(base, facts=facts or FACTS, **changes)


def chosen(values: Values | None = None, facts: Facts | None = None) -> State:
    """Return a state with all required choices."""
    return state(facts, values={**CHOSEN, **(values or {})})


def with_disks(*disks: Disk, **changes: Any) -> Facts:
    """Return the facts with other disks."""
    return dataclasses.replace(FACTS, disks=disks, physical_volumes=(), **changes)
