"""Which disks can be chosen, and what the screens about disks make of it."""

from __future__ import annotations

import dataclasses

import pytest
from screen_samples import ALL, BLANK, DIRTY, FACTS, MAP, PATHS, STICK, chosen, state, with_disks

from dom0kit.linux.multipath_maps import Group, Map, Path
from dom0kit.units import GIB
from installer.model.hardware import Disk
from installer.tui.pages import disk_rows, disks, summary
from installer.tui.state import State, document
from installer.tui.toolkit.forms import CheckList, Problem, Table
from installer.tui.toolkit.layout import pane_lines


def only(taken: State | list[Problem]) -> Problem:
    assert isinstance(taken, list)
    assert len(taken) == 1
    return taken[0]


def ok(taken: State | list[Problem]) -> State:
    assert isinstance(taken, State), taken
    return taken


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        (PATHS[0], "a path of the multipath disk 36001405"),
        (STICK, "runs from it"),
        (dataclasses.replace(BLANK, mounts=("/mnt",)), "mounted on /mnt"),
        (dataclasses.replace(BLANK, read_only=True), "write-protected"),
        (dataclasses.replace(BLANK, size=GIB), "at least 6.3 GiB"),
    ],
)
def test_unusable_disks_show_the_reason(disk: Disk, words: str) -> None:
    assert words in disk_rows.why_not(disk)
    start = state(with_disks(disk, DIRTY))
    problem = only(disks.submit_target(start, {"disk.key": disk.path, "disk.mirror": False}))
    assert problem.field == "disk.key"
    assert words in problem.text
    assert disk_rows.row(disk).cells[-1].startswith("- ")


def test_the_list_has_a_line_for_each_with_its_facts() -> None:
    table = next(item for item in disks.target(state()).items if isinstance(item, Table))
    shown = {row.key: row for row in table.rows}
    assert set(shown) == {disk.path for disk in ALL}
    assert shown["/dev/sdb"].cells == ("sdb", "200.0 GiB", "ACME HDD 200", "DISK2", "sas", "2 partitions")
    assert shown[MAP.path].cells[4:] == ("2 paths", "blank")
    assert "sdd, sde" in shown[MAP.path].details
    assert "ext4 'precious'" in shown["/dev/sdb"].details
    # What can be chosen comes first.
    assert [row.key for row in table.rows][:3] == [MAP.path, "/dev/sda", "/dev/sdb"]
    assert not any(row.why_not for row in table.rows[:3])


def test_paths_stand_below_the_list_with_their_states() -> None:
    paths = (Path("sdd", "active", "ready"), Path("sde", "failed", "faulty"))
    lun = Map("3600", "3600", "ACME", "Array", "0", "on", (Group(50, "active", paths),))
    known = dataclasses.replace(MAP, lun=lun)
    assert "2 paths: sdd active ready, sde failed faulty" in disk_rows.details(known)
    assert "2 paths: sdd, sde" in disk_rows.details(MAP)
    assert disk_rows.row(dataclasses.replace(MAP, paths=MAP.paths[:1])).cells[4] == "1 path"


def test_duplicate_disks_are_explained_and_rejected() -> None:
    one = dataclasses.replace(BLANK, serial="LUN1", transport="fc", wwn="0x600a098038303053453f463045727654")
    other = dataclasses.replace(one, path="/dev/sdb")
    where = state(with_disks(one, other))
    assert "the same serial number as sdb" in only(disks.submit_target(where, {"disk.key": "/dev/sda"})).text
    shown = disk_rows.row(one, (one, other))
    assert shown.cells[-1] == "- same serial"
    assert "Not selectable: it has the same serial number as sdb" in shown.details
    # With a different size it is a different disk; the details mention the serial number.
    larger = dataclasses.replace(other, size=one.size * 2)
    assert disk_rows.why_not(one, (one, dataclasses.replace(other, wwn="0x600a098038303053453f463045727699"))) == ""
    assert disk_rows.why_not(one, (one, larger)) == ""
    assert "sdb has the same serial number: compare paths and sizes" in disk_rows.details(one, (one, larger))


@pytest.mark.parametrize(
    ("disk", "offered"),
    [
        (dataclasses.replace(BLANK, transport="fc"), True),
        (dataclasses.replace(BLANK, transport="sata"), False),
        (dataclasses.replace(BLANK, path="/dev/vda", transport="virtio"), False),
        (MAP, False),
    ],
)
def test_a_single_path_disk_can_be_declared_multipath(disk: Disk, offered: bool) -> None:
    assert ("multipath" in dict(disks.target(state(with_disks(disk))).buttons)) is offered


def test_the_list_omits_labels() -> None:
    labelled = dataclasses.replace(BLANK, contents=("ext4 signature (label 'precious')",))
    assert disk_rows.short_contents(labelled) == "ext4 signature"
    assert "precious" in disk_rows.details(labelled)


def test_a_disk_with_much_on_it_still_shows_its_name() -> None:
    full = dataclasses.replace(DIRTY, contents=tuple(f"part /dev/sdb{n} with ext4 'x'" for n in range(20)), paths=())
    table = Table("d", (), (disk_rows.row(full),), full.path, pane=4)
    assert "serial DISK2" in " ".join(pane_lines(table, full.path))


def test_space_for_guests_is_named() -> None:
    text = str(disks.guests(chosen()).items)
    assert "on the rest of the disk, 89." in text


def test_taking_a_disk_keeps_the_choice() -> None:
    after = ok(disks.submit_target(state(), {"disk.key": "/dev/sdb", "disk.mirror": False}))
    assert after.system_disks() == (DIRTY,)


def test_a_machine_without_disks_is_reported() -> None:
    assert "No disk" in only(disks.submit_target(state(with_disks()), {"disk.mirror": False})).text


def test_a_bios_requires_512_byte_sectors() -> None:
    large = dataclasses.replace(BLANK, sector=4096)
    values = {"disk.key": "/dev/sda", "disk.mirror": False}
    assert "4096" in only(disks.submit_target(state(with_disks(large)), values)).text
    ok(disks.submit_target(state(with_disks(large, firmware="uefi")), values))


def test_a_mirror_needs_two() -> None:
    alone = state(with_disks(BLANK, STICK, *PATHS))
    assert only(disks.submit_target(alone, {"disk.key": "/dev/sda", "disk.mirror": True})).field == "disk.mirror"
    both = ok(disks.submit_target(state(), {"disk.key": "/dev/sda", "disk.mirror": True}))
    offered = next(item for item in disks.mirror(both).items if isinstance(item, Table))
    assert {row.key for row in offered.rows} == {"/dev/sdb", MAP.path}
    assert ok(disks.submit_mirror(both, {"mirror.key": "/dev/sdb"})).system_disks() == (BLANK, DIRTY)


def test_a_mirror_needs_sectors_of_one_size() -> None:
    facts = with_disks(BLANK, dataclasses.replace(DIRTY, sector=4096))
    start = chosen({"disk.mirror": True}, facts)
    assert "512 and 4096" in only(disks.submit_mirror(start, {"mirror.key": "/dev/sdb"})).text


def test_the_second_disk_counts_only_with_a_mirror() -> None:
    assert chosen({"mirror.key": "/dev/sdb"}).system_disks() == (BLANK,)


def test_additional_guest_disks_exclude_system_disks() -> None:
    values = {"guests.more": True, "guests.disks": ("/dev/sda", "/dev/sdb")}
    assert chosen(values).guest_disks() == (DIRTY,)
    assert chosen({**values, "guests.kind": "none"}).guest_disks() == ()
    assert chosen({**values, "guests.more": False}).guest_disks() == ()
    offered = next(item for item in disks.more(chosen(values)).items if isinstance(item, CheckList))
    assert {row.key for row in offered.rows} == {"/dev/sdb", MAP.path}


def test_a_volume_groups_name_is_checked() -> None:
    values = {"guests.kind": "lvm", "guests.more": False}
    assert only(disks.submit_guests(chosen(), {**values, "guests.group": "-x"})).field == "guests.group"
    assert only(disks.submit_guests(chosen(), {**values, "guests.group": ""})).field == "guests.group"
    ok(disks.submit_guests(chosen(), {**values, "guests.kind": "none", "guests.group": "-x"}))


def test_a_name_that_another_disk_has_is_refused() -> None:
    values = {"guests.kind": "lvm", "guests.more": False, "guests.group": "old"}
    assert "on /dev/sdb2" in only(disks.submit_guests(chosen(), values)).text
    # The disk that will be erased takes its group along.
    ok(disks.submit_guests(chosen({"disk.key": "/dev/sdb"}), values))


def test_no_box_for_additional_disks_without_any() -> None:
    names = [field.name for field in disks.guests(chosen(facts=with_disks(BLANK))).fields()]
    assert "guests.more" not in names
    assert "guests.more" in [field.name for field in disks.guests(chosen(facts=FACTS)).fields()]


def test_guests_on_the_additional_disks_only() -> None:
    values = {"guests.more": True, "guests.disks": ("/dev/sdb",), "guests.only": True}
    state = ok(disks.submit_more(chosen(), values))
    made = document(state)["guests"]
    assert made["on_target"] is False
    assert len(made["disks"]) == 1
    assert "not on the system disk" in summary.overview(state)
    assert only(disks.submit_more(chosen(), {**values, "guests.disks": ()})).field == "guests.disks"
    assert "on_target" not in document(ok(disks.submit_more(chosen(), {**values, "guests.only": False})))["guests"]
