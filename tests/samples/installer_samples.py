"""A machine, answers and a manifest to plan with."""

from __future__ import annotations

import dataclasses
import json
import uuid
from typing import Any

from answerfiles.model import Answers
from answerfiles.reader import parse_answers
from dom0kit.units import GIB
from installer.model.actions import BootEntry, Finish
from installer.model.hardware import Disk, Facts, Nic
from installer.model.image_manifest import Manifest, parse_manifest
from installer.plan.plan import Options

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
IDENTITY = uuid.UUID("12345678-1234-5678-1234-567812345678")
OPTIONS = Options(image="/run/dom0kit/medium/dom0kit", identity=IDENTITY, clock="2026-01-01T00:00:00Z")
DISK = Disk(path="/dev/sda", kind="disk", size=100 * GIB, model="ACME", serial="DISK1", wwn="0x5000c500a1b2c3d4")
NIC = Nic("eth0", "52:54:00:12:34:56", "virtio_net", True)


def facts(*disks: Disk, **changes: Any) -> Facts:
    base = Facts(disks or (DISK,), (NIC,), "bios", 8 * GIB, "vmx")
    return dataclasses.replace(base, **changes)


def answers(disk: str = "serial: DISK1", wipe: bool = False, more: str = "") -> Answers:
    return parse_answers(
        f"version: 1\nhost_name: xen1\ntarget: {{disk: {{{disk}}}, wipe: {str(wipe).lower()}}}\n"
        f'root: {{password_hash: "{HASH}"}}\n{more}'
    )


def manifest_text(**changes: Any) -> str:
    names = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs", "boot/bootx64.efi")
    files = {name: {"sha256": "0" * 64, "size": 50_000_000} for name in names}
    return json.dumps({"format": 1, "product": "dom0kit", "version": "0.1.0", "id": "ab" * 8, "files": files, **changes})


def manifest(**changes: Any) -> Manifest:
    return parse_manifest(manifest_text(**changes))


def mirror(one: str, two: str, more: str = "") -> Answers:
    return parse_answers(
        f"version: 1\nhost_name: xen1\ntarget: {{mirror: [{{{one}}}, {{{two}}}]}}\n"
        f'root: {{password_hash: "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"}}\n{more}'
    )


def finish(*entries: BootEntry, image: str = "1", esps: tuple[str, ...] = ()) -> Finish:
    """Return the last action of an installation."""
    return Finish(image, "menu", "entry", b"settings", b"choice", esps, entries, "{}\n")
