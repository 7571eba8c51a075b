"""Volume groups are distinguished by UUID: D4, D5, B2, B3, B4."""

from __future__ import annotations

import dataclasses
import json

import pytest
from installer_samples import DISK, OPTIONS, answers, facts, manifest

from answerfiles.model import Answers
from installer.hardware.lvm_volumes import parse_pvs, parse_system_id, read_volumes
from installer.model.actions import Wipe
from installer.model.disk_content import Content
from installer.model.hardware import Disk, Facts, PhysicalVolume
from installer.plan.plan import Plan, PlanError, make_plan

SDA = dataclasses.replace(DISK, partitions=("/dev/sda4",), contents=("part /dev/sda4 with LVM2_member",))
SDB = Disk("/dev/sdb", "disk", DISK.size, serial="DISK2", partitions=("/dev/sdb4",))


def on(disk: Disk, uuid: str) -> Disk:
    """Return a disk whose partition 4 is a physical volume."""
    return dataclasses.replace(disk, found=(Content(disk.partitions[0], "LVM2_member", uuid),))


def plan(known: Facts, wanted: Answers | None = None) -> Plan:
    return make_plan(known, wanted or answers(wipe=True), manifest(), OPTIONS)


def refusals(known: Facts, wanted: Answers | None = None) -> tuple[str, ...]:
    with pytest.raises(PlanError) as caught:
        plan(known, wanted)
    return caught.value.problems


def groups(made: Plan) -> tuple[str, ...]:
    return next(action.volume_groups for action in made.actions if isinstance(action, Wipe))


def test_d4_the_name_of_a_clone_that_stays_is_refused_before_the_wipe() -> None:
    """LVM lists one of two devices with one UUID, whichever it prefers."""
    for listed in ("/dev/sda4", "/dev/sdb4"):
        volumes = (PhysicalVolume(listed, "guests", "pv1", "vg1"),)
        (only,) = refusals(facts(on(SDA, "pv1"), on(SDB, "pv1"), physical_volumes=volumes))
        assert "[volume-group-exists]" in only
        assert "/dev/sdb4" in only
        # Another name is no problem, and the clone's group is not incomplete afterwards.
        plan(facts(on(SDA, "pv1"), on(SDB, "pv1"), physical_volumes=volumes), answers("serial: DISK1", True, NAMED))


NAMED = "guests: {volume_group: other}\n"


def test_d4_a_group_is_complete_without_a_copy_of_one_of_its_disks() -> None:
    """Two disks of the group stay; the target is a copy of one of them, whichever of the two LVM lists."""
    third = Disk("/dev/sdc", "disk", DISK.size, serial="DISK3", partitions=("/dev/sdc4",))
    for listed in ("/dev/sda4", "/dev/sdb4"):
        volumes = (PhysicalVolume(listed, "data", "pv1", "vg1"), PhysicalVolume("/dev/sdc4", "data", "pv2", "vg1"))
        assert plan(facts(on(SDA, "pv1"), on(SDB, "pv1"), on(third, "pv2"), physical_volumes=volumes))
        (only,) = refusals(
            facts(
                on(SDA, "pv1"),
                SDB,
                on(third, "pv2"),
                physical_volumes=(*volumes[-1:], PhysicalVolume("/dev/sda4", "data", "pv1", "vg1")),
            )
        )
        assert "[volume-group-spans-other-disks]" in only


def test_d5_a_volume_group_of_another_machine_is_named_and_refused() -> None:
    rows = [
        {"pv_name": f"/dev/sd{letter}4", "pv_uuid": f"pv{letter}", "vg_name": "data", "vg_uuid": "vg1", "vg_systemid": "old-host"}
        for letter in "ab"
    ]
    volumes = parse_pvs(json.dumps({"report": [{"pv": rows}]}), "this-host")
    (only,) = refusals(facts(SDA, SDB, physical_volumes=volumes))
    assert "[volume-group-spans-other-disks]" in only
    assert "volume group data (of the machine old-host) on /dev/sda also uses /dev/sdb4" in only
    own = parse_pvs(json.dumps({"report": [{"pv": rows}]}), "old-host")
    assert not own[0].foreign


@pytest.mark.parametrize(("field", "word"), [("vg_exported", "exported"), ("vg_shared", "shared"), ("vg_clustered", "shared")])
def test_d5_exported_and_shared_volume_groups_are_named(field: str, word: str) -> None:
    rows = [
        {"pv_name": f"/dev/sd{letter}4", "pv_uuid": f"pv{letter}", "vg_name": "data", "vg_uuid": "vg1", field: field[3:]}
        for letter in "ab"
    ]
    volumes = parse_pvs(json.dumps({"report": [{"pv": rows}]}))
    (only,) = refusals(facts(SDA, SDB, physical_volumes=volumes))
    assert word in only
    # Alone on the disk it can be erased, and the plan says whose it was.
    made = plan(facts(SDA, physical_volumes=volumes[:1]))
    assert any(word in warning for warning in made.warnings)


def test_b2_two_groups_with_one_name_are_deactivated_by_uuid() -> None:
    volumes = (PhysicalVolume("/dev/sda4", "guests", "pv1", "vg1"), PhysicalVolume("/dev/sdb4", "guests", "pv2", "vg2"))
    text = answers("serial: DISK1", True, "guests: {disks: [{serial: DISK2}]}\n")
    assert groups(plan(facts(SDA, SDB, physical_volumes=volumes), text)) == ("vg1", "vg2")


def test_b3_another_group_with_the_same_name_is_not_the_same_group() -> None:
    volumes = (PhysicalVolume("/dev/sda4", "guests", "pv1", "vg1"), PhysicalVolume("/dev/sdb4", "guests", "pv2", "vg2"))
    (only,) = refusals(facts(SDA, SDB, physical_volumes=volumes))
    assert "[volume-group-exists]" in only
    assert "incomplete" not in only
    assert groups(plan(facts(SDA, SDB, physical_volumes=volumes), answers("serial: DISK1", True, NAMED))) == ("vg1",)


def test_b4_a_missing_physical_volume_is_no_reason() -> None:
    broken = PhysicalVolume("/dev/sda4", "data", "pv1", "vg1", broken=True)
    gone = PhysicalVolume("[unknown]", "data", "pv2", "vg1", missing=True, broken=True)
    made = plan(facts(SDA, physical_volumes=(broken, gone)))
    assert any("volume group data on /dev/sda4 is incomplete already" in warning for warning in made.warnings)
    assert "[unknown]" not in made.render()


def test_b4_a_broken_group_with_a_member_that_stays_is_still_refused() -> None:
    there = [PhysicalVolume(f"/dev/sd{letter}4", "data", f"pv{letter}", "vg1", broken=True) for letter in "ab"]
    gone = PhysicalVolume("[unknown]", "data", "pv2", "vg1", missing=True, broken=True)
    (only,) = refusals(facts(SDA, SDB, physical_volumes=(*there, gone)))
    assert "[volume-group-spans-other-disks]" in only


def test_the_paths_of_a_map_are_no_clones_of_it() -> None:
    lun = Disk("/dev/mapper/3600", "mpath", DISK.size, serial="LUN", paths=("/dev/sda", "/dev/sdb"))
    parts = dataclasses.replace(lun, partitions=("/dev/mapper/3600-part4",))
    paths = [dataclasses.replace(on(disk, "pv1"), map=lun.path, serial="LUN") for disk in (SDA, SDB)]
    volumes = (PhysicalVolume("/dev/mapper/3600-part4", "guests", "pv1", "vg1"),)
    made = plan(facts(*paths, on(parts, "pv1"), physical_volumes=volumes), answers("serial: LUN", True))
    assert groups(made) == ("vg1",)


def test_rows_without_uuids_are_read_as_older_facts_have_them() -> None:
    assert parse_pvs('{"report": [{"pv": [{"pv_name": "unknown device", "vg_name": "a"}]}]}')[0].missing
    assert parse_system_id("  system ID: abc\n") == "abc"
    assert parse_system_id("WARNING: something\n") == ""
    assert read_volumes(lambda argv: "") == ()
