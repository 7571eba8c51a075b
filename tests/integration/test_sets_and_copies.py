"""Formats that span several real disks, and copies: D4, D5."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from installer_samples import NIC, OPTIONS, answers, manifest
from loop_devices import GIB, MIB, LoopDisk, loop_disk, output
from raid_superblock import superblock

from installer.hardware.probe import collect
from installer.plan.plan import Plan, PlanError, make_plan


def plan_for(disk: LoopDisk) -> Plan:
    facts = replace(collect(loops=True), firmware="bios", nics=(NIC,))
    return make_plan(facts, answers(f"path: {disk.path}", True), manifest(), OPTIONS)


def refused(disk: LoopDisk) -> str:
    with pytest.raises(PlanError) as caught:
        plan_for(disk)
    return str(caught.value)


def test_d5_members_of_an_array_that_does_not_run(disk: LoopDisk, tmp_path: Path) -> None:
    """Write superblocks of one array to both disks; nothing assembles them."""
    with loop_disk(tmp_path / "other", GIB) as other:
        for member in (disk, other):
            offset, raw = superblock("1.2", GIB)
            member.write(offset, raw)
        text = refused(disk)
        assert "[set-spans-other-disks]" in text
        assert "RAID array" in text
        assert other.path in text
        output("wipefs", "--all", "--force", other.path)
        other.write(0, bytes(MIB))
        assert plan_for(disk)


def test_d5_an_osd_of_ceph_on_two_disks(disk: LoopDisk, tmp_path: Path) -> None:
    label = b"bluestore block device\n0fc9e06c-5bd4-4e6c-9e4c-1a2b3c4d5e6f\n"
    with loop_disk(tmp_path / "other", GIB) as other:
        disk.write(0, label)
        other.write(0, label)
        text = refused(disk)
        assert "Ceph OSD 0fc9e06c-5bd4-4e6c-9e4c-1a2b3c4d5e6f" in text
        other.write(0, label.replace(b"0fc9", b"ffff"))
        assert plan_for(disk)


def test_d4_a_copy_is_named(disk: LoopDisk, tmp_path: Path) -> None:
    with loop_disk(tmp_path / "other", disk.size) as other:
        output("sgdisk", "--clear", "--new=1:0:+64M", disk.path)
        output("partx", "--update", disk.path)
        output("mkfs.ext4", "-q", "-F", disk.part(1))
        other.write(0, disk.read(0, 66 * MIB))
        output("partx", "--update", other.path)
        warnings = "\n".join(plan_for(disk).warnings)
        assert f"{disk.path} and {other.path} have the same disk GUID" in warnings
        assert f"{disk.part(1)} and {other.part(1)} have the same ext4 UUID" in warnings
