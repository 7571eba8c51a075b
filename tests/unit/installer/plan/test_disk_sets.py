"""Formats that span several disks (D5), and copies of disks (D4)."""

from __future__ import annotations

import dataclasses

import pytest
from installer_samples import DISK, OPTIONS, answers, facts, manifest

from answerfiles.model import Answers
from installer.model.disk_content import Content
from installer.model.hardware import Disk, Facts
from installer.plan.plan import Plan, PlanError, make_plan
from installer.tui.pages import disk_rows

OTHER = Disk("/dev/sdb", "disk", DISK.size, model="ACME", serial="DISK2")
BOTH = answers("serial: DISK1", True, "guests: {disks: [{serial: DISK2}]}\n")
SETS = [
    ("linux_raid_member", "b1b2", "RAID array b1b2"),
    ("isw_raid_member", "c1c2", "Intel RAID c1c2"),
    ("isw_raid_member", "", "Intel RAID"),
    ("ddf_raid_member", "4c53", "DDF RAID 4c53"),
    ("promise_fasttrack_raid_member", "", "firmware RAID (promise_fasttrack)"),
    ("btrfs", "0b8f", "btrfs file system 0b8f"),
    ("bcachefs", "0b8f", "bcachefs file system"),
    ("zfs_member", "1234567", "ZFS pool 1234567"),
    ("bcache", "9a9b", "bcache set 9a9b"),
    ("ceph_bluestore", "7c7d", "Ceph OSD 7c7d"),
    ("ldm", "1a1b", "group of Windows' dynamic disks 1a1b"),
    ("ldm", "", "group of Windows' dynamic disks"),
    ("storage_spaces", "", "pool of Windows' Storage Spaces"),
]


def with_content(disk: Disk, kind: str, uuid: str, member: str = "") -> Disk:
    return dataclasses.replace(disk, found=(Content(disk.path, kind, uuid, member),), contents=(f"{kind} signature",))


def plan(known: Facts, wanted: Answers | None = None) -> Plan:
    return make_plan(known, wanted or answers(wipe=True), manifest(), OPTIONS)


@pytest.mark.parametrize(("kind", "uuid", "words"), SETS)
def test_d5_a_member_whose_set_stays_is_named_and_refused(kind: str, uuid: str, words: str) -> None:
    one, other = with_content(DISK, kind, uuid, "1"), with_content(OTHER, kind, uuid, "2")
    with pytest.raises(PlanError) as caught:
        plan(facts(one, other))
    (only,) = caught.value.problems
    assert "[set-spans-other-disks]" in only
    assert f"is a member of a {words}" in only
    assert "also uses /dev/sdb" in only
    # All members selected, or none of them elsewhere: nothing becomes incomplete.
    assert plan(facts(one, other), BOTH)
    assert plan(facts(one, with_content(OTHER, "ext4", uuid)))


@pytest.mark.parametrize("kind", ["linux_raid_member", "btrfs", "zfs_member", "ldm"])
def test_d5_two_sets_are_not_one(kind: str) -> None:
    assert plan(facts(with_content(DISK, kind, "aa"), with_content(OTHER, kind, "bb"))).warnings == ()


def test_d5_members_on_partitions() -> None:
    one = dataclasses.replace(DISK, partitions=("/dev/sda3",), found=(Content("/dev/sda3", "btrfs", "0b8f", "1"),))
    other = dataclasses.replace(OTHER, partitions=("/dev/sdb1",), found=(Content("/dev/sdb1", "btrfs", "0b8f", "2"),))
    with pytest.raises(PlanError, match="/dev/sda3 is a member of a btrfs file system 0b8f that also uses /dev/sdb1"):
        plan(facts(one, other))


def test_d5_the_paths_of_a_map_are_no_members() -> None:
    lun = with_content(
        Disk("/dev/mapper/3600", "mpath", DISK.size, serial="LUN", paths=("/dev/sda", "/dev/sdc")), "btrfs", "0b8f", "1"
    )
    path = with_content(dataclasses.replace(DISK, map=lun.path), "btrfs", "0b8f", "1")
    assert plan(facts(path, lun), answers("serial: LUN", True)).warnings == ()


@pytest.mark.parametrize(
    ("kind", "name"),
    [("gpt", "disk GUID"), ("dos", "disk signature"), ("LVM2_member", "physical volume UUID"), ("xfs", "xfs UUID")],
)
def test_d4_copies_are_named_in_plan_and_screens(kind: str, name: str) -> None:
    one, other = with_content(DISK, kind, "e1e2"), with_content(OTHER, kind, "e1e2")
    assert f"/dev/sda and /dev/sdb have the same {name} e1e2" in plan(facts(one, other)).render()
    assert "same content as sdb: one is a copy of the other" in disk_rows.details(one, (one, other))
    assert plan(facts(one, with_content(OTHER, kind, "f1f2"))).warnings == ()
    assert plan(facts(with_content(DISK, kind, ""), with_content(OTHER, kind, ""))).warnings == ()


def test_d4_a_copy_of_a_member_is_a_copy_and_no_member() -> None:
    one, other = with_content(DISK, "btrfs", "0b8f", "1"), with_content(OTHER, "btrfs", "0b8f", "1")
    assert "have the same btrfs UUID 0b8f" in plan(facts(one, other)).render()


def test_d4_the_halves_of_a_mirror_are_no_copies() -> None:
    halves = [
        dataclasses.replace(
            disk, found=(Content(disk.path, "isw_raid_member", "c1c2"), Content(disk.path, "gpt", "e1e2")), contents=("gpt",)
        )
        for disk in (DISK, OTHER)
    ]
    assert not any("copy" in warning for warning in plan(facts(*halves), BOTH).warnings)
