"""Two disks that hold the same, additional disks for guests, and what keeps either from being made."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from installer_samples import DISK, IDENTITY, OPTIONS, facts, manifest, mirror

from dom0kit.units import GIB, MIB
from installer.model import actions
from installer.model.hardware import Disk, Facts, PhysicalVolume
from installer.plan.plan import Plan, PlanError, make_plan

TWO = dataclasses.replace(DISK, path="/dev/nvme0n1", serial="DISK2", wwn="eui.2", size=120 * GIB)


def plan(found: Facts | None = None, more: str = "", wipe: bool = False) -> Plan:
    asked = mirror("serial: DISK1", "serial: DISK2", more)
    target = asked.target.model_copy(update={"wipe": wipe})
    return make_plan(found or facts(DISK, TWO), asked.model_copy(update={"target": target}), manifest(), OPTIONS)


def problems(*disks: Disk, more: str = "", wipe: bool = False, **changes: Any) -> str:
    with pytest.raises(PlanError) as caught:
        plan(facts(*disks, **changes), more, wipe)
    return "\n".join(caught.value.problems)


def find(made: Plan, kind: type[Any]) -> Any:
    return next(action for action in made.actions if isinstance(action, kind))


def test_the_same_on_both_disks() -> None:
    made = plan()
    tables = find(made, actions.PartitionDisks).tables
    assert [table.disk for table in tables] == ["/dev/sda", "/dev/nvme0n1"]
    places = [[(p.number, p.start, p.size, p.type_code) for p in table.partitions] for table in tables]
    assert places[0] == places[1]
    assert [code for *_, code in places[0]] == ["EF02", "EF00", "FD00", "FD00"]
    assert tables[0].guid != tables[1].guid
    assert not {p.guid for p in tables[0].partitions} & {p.guid for p in tables[1].partitions}
    assert made.partitions[-1].end <= DISK.size
    targets = find(made, actions.InstallBootLoaders).targets
    assert [(t.disk, t.esp, t.core_start) for t in targets] == [
        ("/dev/sda", "/dev/sda2", MIB),
        ("/dev/nvme0n1", "/dev/nvme0n1p2", MIB),
    ]
    esps = find(made, actions.MakeFileSystems).esps
    assert [esp for esp, _ in esps] == ["/dev/sda2", "/dev/nvme0n1p2"]
    assert len({serial for _, serial in esps}) == 2
    assert any("differ in size" in warning for warning in made.warnings)


def test_arrays() -> None:
    made = plan()
    system, guests = find(made, actions.MakeArrays).arrays
    # 1.0 lies at the end: GRUB reads each member as the file system that it is.
    assert (system.metadata, system.members, system.data_offset) == ("1.0", ("/dev/sda3", "/dev/nvme0n1p3"), 0)
    assert (guests.metadata, guests.members) == ("1.2", ("/dev/sda4", "/dev/nvme0n1p4"))
    assert len(f"any:{system.name}") <= 32, "more is cut off in the metadata"
    assert find(made, actions.MakeFileSystems).system == system.device
    assert find(made, actions.MakeVolumeGroup).devices == (guests.device,)
    conf = find(made, actions.WriteState).mdadm_conf
    assert f"ARRAY {system.device} metadata=1.0 UUID={system.md_uuid}\n" in conf
    assert "MAILADDR root\n" in conf
    assert f"--fs-uuid --set=root {IDENTITY}" in find(made, actions.InstallBootLoaders).early_config
    assert len(find(plan(more="guests: none\n"), actions.MakeArrays).arrays) == 1
    text = made.render()
    assert f"array {system.device} (RAID 1) of /dev/sda3 and /dev/nvme0n1p3" in text
    assert "and on /dev/nvme0n1" in text
    assert [disk["path"] for disk in made.to_json()["disks"]] == ["/dev/sda", "/dev/nvme0n1"]


def test_boot_entries_for_both() -> None:
    entries = find(plan(facts(DISK, TWO, firmware="uefi")), actions.Finish).entries
    assert [(entry.disk, entry.label) for entry in entries] == [
        ("/dev/sda", "dom0kit"),
        ("/dev/nvme0n1", "dom0kit (second disk)"),
    ]
    assert find(plan(), actions.Finish).entries == ()


def test_sectors_of_two_sizes() -> None:
    assert "the two disks of a mirror must have the same sector size: /dev/sda has 512 bytes, /dev/nvme0n1 has 4096" in problems(
        DISK, dataclasses.replace(TWO, sector=4096), firmware="uefi"
    )
    third = Disk("/dev/sdc", "disk", GIB * 100, serial="G", sector=4096)
    assert "the volume group guests must have the same sector size" in problems(
        DISK, TWO, third, more="guests: {disks: [{serial: G}]}\n"
    )


ARRAY = (("raid1", "/dev/md127"),)


def test_old_arrays_are_stopped_or_rejected() -> None:
    one = dataclasses.replace(DISK, volumes=ARRAY, contents=("part",))
    two = dataclasses.replace(TWO, volumes=(*ARRAY, ("md", "/dev/md126")), contents=("part",))
    wipe = find(plan(facts(one, two), wipe=True), actions.Wipe)
    assert wipe.arrays == ("/dev/md127", "/dev/md126")
    assert [old.path for old in wipe.disks] == ["/dev/sda", "/dev/nvme0n1"]
    third = Disk("/dev/sdc", "disk", GIB, volumes=ARRAY)
    assert "the array /dev/md127 on /dev/sda, /dev/nvme0n1 also uses /dev/sdc" in problems(one, two, third, wipe=True)


def test_a_group_on_both_disks_of_the_mirror_is_its_own() -> None:
    volumes = (PhysicalVolume("/dev/sda", "guests"), PhysicalVolume("/dev/nvme0n1", "guests"))
    found = facts(DISK, TWO, physical_volumes=volumes)
    assert find(plan(found), actions.Wipe).volume_groups == ("guests",)


def test_thin_pool_and_further_disks() -> None:
    third = Disk("/dev/sdc", "disk", 1024 * GIB, serial="G")
    made = plan(facts(DISK, TWO, third), "guests: {thin: true, disks: [{serial: G}]}\n")
    action = find(made, actions.MakeVolumeGroup)
    assert action.devices == (made.arrays[1].device, "/dev/sdc")
    assert action.pool_metadata % (4 * MIB) == 0
    assert GIB < action.pool_metadata < 1.2 * GIB
    assert any("/dev/sdc is not" in warning for warning in made.warnings)
    assert "thin pool thin" in made.render()
    assert "guests also on /dev/sdc" in made.render()
    assert [old.erase for old in find(made, actions.Wipe).disks][2] == ()


def test_what_lay_where_partitions_will_be_is_erased() -> None:
    made = plan()
    erase = find(made, actions.Wipe).disks[0].erase
    guests = made.partitions[-1]
    assert (guests.start, 17 * MIB) in erase, "an old array's data begins at 16 MiB: a volume group would come back"
    assert (guests.end - MIB, MIB) in erase
    assert all(offset % MIB == 0 and 0 < offset + length <= DISK.size for offset, length in erase)


ONLY_OTHERS = "guests: {on_target: false, disks: [{serial: G}]}\n"


def test_guests_on_other_disks_only() -> None:
    # A pair of small disks for the system cannot have the sectors of the large ones for guests, and need not.
    small = [dataclasses.replace(disk, size=12 * GIB) for disk in (DISK, TWO)]
    third = Disk("/dev/sdc", "disk", 1024 * GIB, serial="G", sector=4096)
    made = plan(facts(*small, third), ONLY_OTHERS)
    assert [p.name for p in made.partitions] == ["bios_grub", "ESP", "dom0kit-system"]
    assert len(made.arrays) == 1
    assert find(made, actions.MakeVolumeGroup).devices == ("/dev/sdc",)
    assert made.volume_group == "guests"
    assert "guests on /dev/sdc" in made.render()
    assert "volume group" not in made.render().partition("no  partition")[2].partition("file")[0]
    assert not any("/dev/sdc is not" in warning for warning in made.warnings)
    assert [old.path for old in find(made, actions.Wipe).disks] == ["/dev/sda", "/dev/nvme0n1", "/dev/sdc"]


def test_a_thin_pool_on_other_disks_has_metadata_for_them_alone() -> None:
    third = Disk("/dev/sdc", "disk", 64 * GIB, serial="G")
    whole = find(plan(facts(DISK, TWO, third), "guests: {thin: true, disks: [{serial: G}]}\n"), actions.MakeVolumeGroup)
    alone = find(plan(facts(DISK, TWO, third), ONLY_OTHERS.replace("{on", "{thin: true, on")), actions.MakeVolumeGroup)
    assert alone.pool_metadata == 64 * MIB
    assert whole.pool_metadata > alone.pool_metadata


def test_guests_disks_alone_must_still_fit_each_other_and_be_free() -> None:
    one, other = (Disk(f"/dev/sd{c}", "disk", GIB * 100, serial=f"G{c}", sector=s) for c, s in (("c", 512), ("d", 4096)))
    more = "guests: {on_target: false, disks: [{serial: Gc}, {serial: Gd}]}\n"
    assert "the volume group guests must have the same sector size" in problems(DISK, TWO, one, other, more=more)
    full = Disk("/dev/sdc", "disk", 100 * GIB, serial="G", contents=("ext4",))
    assert "is not empty" in problems(DISK, TWO, full, more=ONLY_OTHERS)
