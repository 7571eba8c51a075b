"""What can never be a target is listed with its reason and is no candidate: D1, D3, B9, M2, M5."""

from __future__ import annotations

import dataclasses

import pytest
from installer_samples import DISK, OPTIONS, answers, facts, manifest

from answerfiles.model import Answers
from dom0kit.units import GIB, MIB
from installer.model.hardware import Disk, Facts, state
from installer.plan.plan import PlanError, make_plan
from installer.selection.disks import choose_disks
from installer.tui.pages import disk_rows

EMMC = Disk("/dev/mmcblk0", "disk", 64 * GIB, serial="0x1234", transport="mmc")
BOOT = [
    Disk(f"/dev/mmcblk0boot{number}", "disk", 4 * MIB, serial="0x1234", read_only=True, unusable="a hardware area of an eMMC")
    for number in (0, 1)
]
ARRAY_DISK = Disk(
    "/dev/sdq", "disk", 0, serial="HUC1", unusable="sectors of 520 bytes; 'sg_format --size=512'", address="0:0:2:0"
)
STICK = Disk("/dev/sdu", "disk", 32 * GIB, serial="STICK", transport="usb", removable=True)


def only(known: Facts, wanted: Answers) -> str:
    with pytest.raises(PlanError) as caught:
        make_plan(known, wanted, manifest(), OPTIONS)
    (problem,) = caught.value.problems
    return problem


def path_of(known: Facts, wanted: Answers) -> str:
    return make_plan(known, wanted, manifest(), OPTIONS).disk.path


@pytest.mark.parametrize("wipe", [True, False])
def test_d1_a_disk_that_cannot_be_read_is_refused_with_and_without_wipe(wipe: bool) -> None:
    broken = dataclasses.replace(DISK, unreadable="Input/output error at byte 65536")
    text = only(facts(broken), answers(wipe=wipe))
    assert "cannot be read: Input/output error at byte 65536" in text
    assert "[disk-unreadable]" in text
    assert state(broken) == "cannot be read: Input/output error at byte 65536"
    row = disk_rows.row(broken, (broken,))
    assert row.cells[-1] == "- unreadable"
    assert "Input/output error at byte 65536" in row.details


def test_d1_a_disk_that_cannot_be_read_next_to_the_target_is_no_reason() -> None:
    broken = dataclasses.replace(DISK, path="/dev/sdb", serial="BAD", wwn="", unreadable="Input/output error at byte 0")
    assert path_of(facts(DISK, broken), answers()) == DISK.path
    text = only(facts(DISK, broken), answers("size: {at_least: 8 GiB}"))
    assert "[disk-ambiguous]" in text
    assert "cannot be read" in text


def test_d3_what_the_run_reads_from_is_no_target() -> None:
    used = dataclasses.replace(DISK, uses=("the answers",), contents=("vfat signature (label 'ANSWERS')",))
    for rule in ("serial: DISK1", "path: /dev/sda", "size: {at_least: 8 GiB}"):
        assert "[disk-used-by-installation]" in only(facts(used), answers(rule, wipe=True))
    other = dataclasses.replace(DISK, path="/dev/sdb", serial="DISK2", wwn="")
    assert path_of(facts(used, other), answers("size: {at_least: 8 GiB}", wipe=True)) == "/dev/sdb"
    assert disk_rows.why_not(used) == "this installation reads from it: the answers"


@pytest.mark.parametrize("rule", ["size: {at_least: 8 GiB}", "model: '*'", "rotational: false"])
def test_d3_usb_and_removable_disks_match_only_a_rule_that_says_so(rule: str) -> None:
    assert path_of(facts(DISK, STICK), answers(rule)) == DISK.path
    text = only(facts(STICK), answers(rule))
    assert "[disk-not-found]" in text
    assert "it is removable or on USB" in text
    card = dataclasses.replace(STICK, transport="", path="/dev/mmcblk1")
    assert "[disk-not-found]" in only(facts(card), answers(rule))
    # A USB disk that is not removable counts, too.
    assert path_of(facts(DISK, dataclasses.replace(STICK, removable=False)), answers(rule)) == DISK.path


@pytest.mark.parametrize("rule", ["serial: STICK", "path: /dev/sdu", "transport: usb", "transport: usb, size: {at_least: 8 GiB}"])
def test_d3_a_rule_that_says_so_takes_a_usb_disk(rule: str) -> None:
    assert path_of(facts(DISK, STICK), answers(rule)) == STICK.path


@pytest.mark.parametrize("rule", ["serial: '0x1234'", "rotational: false", "size: {at_least: 1 MiB}"])
def test_b9_the_boot_areas_of_an_emmc_match_nothing(rule: str) -> None:
    assert path_of(facts(EMMC, *BOOT), answers(rule)) == EMMC.path
    text = only(facts(EMMC, *BOOT), answers("serial: other"))
    assert text.count("a hardware area of an eMMC") == 2
    assert "[disk-unusable]" in only(facts(EMMC, *BOOT), answers("path: /dev/mmcblk0boot0"))


def test_b9_disks_that_are_too_small_or_read_only_are_no_candidates() -> None:
    small = Disk("/dev/sdb", "disk", 4 * GIB, serial="SMALL")
    protected = Disk("/dev/sdc", "disk", 64 * GIB, serial="RO", read_only=True)
    assert path_of(facts(DISK, small, protected), answers("rotational: false")) == DISK.path
    assert "[disk-too-small]" in only(facts(DISK, small), answers("serial: SMALL"))
    assert "[disk-read-only]" in only(facts(DISK, protected), answers("serial: RO"))
    text = only(facts(DISK, small, protected), answers("model: nothing"))
    assert "it is too small: 4.0 GiB" in text
    assert "it is write-protected" in text


def test_b9_guests_disks_have_a_least_size_too() -> None:
    module = Disk("/dev/sdb", "disk", 512 * MIB, serial="MODULE")
    wanted = answers("serial: DISK1", more="guests: {disks: [{serial: MODULE}]}\n")
    text = only(facts(DISK, module), wanted)
    assert "[disk-too-small]" in text
    assert "at least 1.0 GiB" in text
    assert choose_disks(facts(DISK, dataclasses.replace(module, size=2 * GIB)), wanted)[0]


def test_m2_disks_with_sectors_of_520_bytes_are_listed_with_a_hint() -> None:
    assert path_of(facts(DISK, ARRAY_DISK), answers("rotational: false")) == DISK.path
    text = only(facts(DISK, ARRAY_DISK), answers("serial: HUC1"))
    assert "[disk-unusable]" in text
    assert "sg_format" in text
    assert disk_rows.row(ARRAY_DISK, (ARRAY_DISK,)).cells[-1] == "- not usable"


def test_m5_screens_and_plan_want_the_same_size() -> None:
    for size in (6 * GIB, 6 * GIB + 259 * MIB, 6 * GIB + 258 * MIB, 6 * GIB + 512 * MIB):
        disk = dataclasses.replace(DISK, size=size)
        chosen, _ = choose_disks(facts(disk), answers(more="guests: none\n"))
        assert (disk_rows.why_not(disk) == "") == (chosen is not None)
