"""Identifiers of formats that span several disks, from what tools print and from bytes on the disk: D5."""

from __future__ import annotations

import json
import struct
import uuid
from typing import Any

import pytest

from installer.hardware.disk_contents import dos_id, find_contents, gpt_guid, parse_wipefs
from installer.model.disk_content import Content

GUID = uuid.UUID("6f1c7c9e-0d7b-4c53-9a0e-3f6a0c7d1111")
DISK = {"type": "disk", "path": "/dev/sda"}


def wipefs(*rows: tuple[str, str]) -> str:
    return json.dumps({"signatures": [{"type": kind, "uuid": identifier or None} for kind, identifier in rows]})


def contents(
    node: dict[str, Any], whole: str = "", *, head: bytes = b"", said: dict[str, str] | None = None, disk: bytes = b""
) -> tuple[Content, ...]:
    """Return what is found with these outputs, by the last word of a command, and these bytes of the device."""
    outputs = said or {}

    def output(argv: list[str]) -> str:
        return outputs.get(f"{argv[0]} {argv[-1]}", "")

    return find_contents(node, parse_wipefs(whole), head, output, lambda path, offset, length: disk[offset : offset + length])


def test_a_gpt_is_known_by_its_disk_guid() -> None:
    for sector in (512, 4096):
        head = bytes(sector) + b"EFI PART".ljust(56, b"\0") + GUID.bytes_le + bytes(8192)
        assert gpt_guid(head) == str(GUID)
        assert contents(DISK, wipefs(("gpt", ""), ("PMBR", "")), head=head) == (Content("/dev/sda", "gpt", str(GUID)),)
    assert gpt_guid(bytes(8192)) == ""
    # Without the disk's bytes, what udev knows counts.
    node = {**DISK, "ptuuid": str(GUID).upper()}
    assert contents(node, wipefs(("gpt", ""))) == (Content("/dev/sda", "gpt", str(GUID)),)


def test_an_mbr_is_known_by_its_signature() -> None:
    head = bytes(440) + struct.pack("<I", 0x1234ABCD) + bytes(66) + b"\x55\xaa"
    assert dos_id(head) == "1234abcd"
    assert dos_id(bytes(510) + b"\x55\xaa") == ""
    assert dos_id(b"") == ""
    assert contents(DISK, wipefs(("dos", "")), head=head) == (Content("/dev/sda", "dos", "1234abcd"),)


@pytest.mark.parametrize("kind", ["btrfs", "zfs_member", "bcachefs"])
def test_d5_each_device_of_a_pool_has_an_identifier_of_its_own(kind: str) -> None:
    said = {"blkid /dev/sda": "UUID=pool\nUUID_SUB=device\n"}
    for identifier in ("pool", ""):
        assert contents(DISK, wipefs((kind, identifier)), said=said) == (Content("/dev/sda", kind, "pool", "device"),)


def test_d5_firmware_raid_is_known_by_what_mdadm_says() -> None:
    said = {"mdadm /dev/sda": "MD_METADATA=imsm\nMD_UUID=c1c2:0\n"}
    assert contents(DISK, wipefs(("isw_raid_member", "")), said=said) == (Content("/dev/sda", "isw_raid_member", "c1c2:0"),)
    assert contents(DISK, wipefs(("via_raid_member", ""))) == (Content("/dev/sda", "via_raid_member", ""),)
    assert contents(DISK, wipefs(("linux_raid_member", "u1")), said=said) == (Content("/dev/sda", "linux_raid_member", "u1"),)


def test_d5_bcache_is_known_by_its_set() -> None:
    disk = bytes(4096 + 56) + GUID.bytes + bytes(100)
    assert contents(DISK, wipefs(("bcache", "own")), disk=disk) == (Content("/dev/sda", "bcache", str(GUID), "own"),)
    # A backing device that is not attached has no set.
    assert contents(DISK, wipefs(("bcache", "own")), disk=bytes(8192)) == (Content("/dev/sda", "bcache", "", "own"),)


def test_d5_ceph_is_known_by_its_osd() -> None:
    disk = f"bluestore block device\n{GUID}\n".encode() + bytes(100)
    assert contents(DISK, wipefs(("ceph_bluestore", "")), disk=disk) == (Content("/dev/sda", "ceph_bluestore", str(GUID)),)


def test_d5_dynamic_disks_are_known_by_their_group() -> None:
    header = b"PRIVHEAD".ljust(0xB0, b"\0") + str(GUID).upper().encode() + bytes(256)
    part = {"type": "part", "path": "/dev/sda1", "parttype": "0x42", "size": 4096}
    head = bytes(6 * 512) + header[:512] + bytes(4096)
    assert Content("/dev/sda1", "ldm", str(GUID)) in contents({**DISK, "children": [part]}, head=head)
    part = {**part, "parttype": "5808C8AA-7E8F-42E0-85D2-E1E90434CFB3"}
    disk = bytes(4096 - 512) + header[:512]
    assert contents({**DISK, "children": [part]}, disk=disk) == (Content("/dev/sda1", "ldm", str(GUID)),)
    assert contents({**DISK, "children": [part]}) == (Content("/dev/sda1", "ldm", ""),)
    part = {**part, "parttype": "e75caf8f-f680-4cee-afa3-b001e56efc2d"}
    assert contents({**DISK, "children": [part]}) == (Content("/dev/sda1", "storage_spaces", ""),)


def test_volumes_of_guests_are_not_looked_into() -> None:
    volume = {"type": "lvm", "path": "/dev/mapper/guests-a", "fstype": "ext4", "uuid": "u"}
    part = {"type": "part", "path": "/dev/sda4", "children": [volume]}
    said = {"wipefs /dev/sda4": wipefs(("LVM2_member", "pv")), "wipefs /dev/mapper/guests-a": wipefs(("ext4", "u"))}
    assert contents({**DISK, "children": [part]}, said=said) == (Content("/dev/sda4", "LVM2_member", "pv"),)


def test_what_udev_knows_counts_where_wipefs_says_nothing() -> None:
    part = {"type": "part", "path": "/dev/sda1", "fstype": "xfs", "uuid": "u1"}
    assert contents({**DISK, "children": [part]}) == (Content("/dev/sda1", "xfs", "u1"),)
