"""Selectors of disks: exactly as many as asked must match, and everything else is explained."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from installer_samples import DISK, answers, facts, mirror

from answerfiles.model import Answers
from dom0kit.units import GIB
from installer.model.hardware import Disk
from installer.selection.disks import Chosen, choose_disks, fits_pattern

SSD = Disk("/dev/sdb", "disk", 400 * GIB, model="SAMSUNG MZ7LH[A]", serial="SSD1", wwn="0x5002538e00000001", transport="sata")
TURNS = Disk("/dev/sdc", "disk", 4000 * GIB, model="ST4000", serial="HDD1", transport="sas", rotational=True)
NVME = Disk("/dev/nvme0n1", "disk", 1000 * GIB, model="INTEL SSDPE", serial="NV1", transport="nvme")
STICK = Disk("/dev/sdd", "disk", 8 * GIB, transport="usb", mounts=("/run/dom0kit/medium",))
ALL = (SSD, TURNS, NVME, STICK)


def chosen(asked: Answers, *disks: Disk) -> Chosen:
    found, problems = choose_disks(facts(*(disks or ALL)), asked)
    assert not problems
    assert found is not None
    return found


def refused(asked: Answers, *disks: Disk) -> str:
    found, problems = choose_disks(facts(*(disks or ALL)), asked)
    assert found is None
    return "\n".join(problems)


@pytest.mark.parametrize(
    ("selector", "disk"),
    [
        ("size: {at_least: 900 GiB, at_most: 2 TiB}", NVME),
        ("size: {at_least: 2 TiB}", TURNS),
        ("model: samsung*", SSD),
        ("model: 'SAMSUNG MZ7LH[A]'", SSD),
        ("model: 'ST?000'", TURNS),
        ("transport: nvme", NVME),
        ("transport: sas, rotational: true", TURNS),
        ("rotational: false, size: {at_most: 500 GiB}", SSD),
    ],
)
def test_each_property(selector: str, disk: Disk) -> None:
    assert chosen(answers(selector)).system == (disk,)


def test_every_candidate_is_explained_and_the_medium_is_none() -> None:
    text = refused(answers("transport: usb, rotational: false"))
    assert text.startswith(
        "no disk matches target.disk (transport: usb, rotational: false), exactly one must match [disk-not-found]:"
    )
    assert "SSD1, 0x5002538e00000001: its transport is sata" in text
    assert "HDD1: its transport is sas; it is a rotating disk" in text
    assert "/dev/sdd, 8.0 GiB: it is the boot medium" in text


def test_pattern_has_no_brackets() -> None:
    assert fits_pattern("ST[4]", "st[4]")
    assert not fits_pattern("ST4", "ST[4]")
    assert not fits_pattern("XST4", "ST*")


def test_mirror_of_two_rules_and_of_one_rule_twice() -> None:
    assert chosen(mirror("serial: NV1", "serial: SSD1")).system == (NVME, SSD)
    assert chosen(mirror("rotational: false", "rotational: false")).system == (NVME, SSD)
    text = refused(mirror("transport: nvme", "transport: nvme"))
    assert text.startswith("only one disk matches target.mirror (transport: nvme), exactly 2 must match [disk-not-found]:")


def test_a_disk_chosen_twice() -> None:
    text = refused(mirror("serial: SSD1", "model: SAMSUNG*"))
    assert "/dev/sdb" in text
    assert "is selected 2 times" in text
    assert "is selected 2 times" in refused(answers("serial: SSD1", more="guests: {disks: [{path: /dev/sdb}]}\n"))


def test_additional_disks_for_guests() -> None:
    asked = answers("serial: SSD1", more="guests: {disks: [{transport: nvme}, {transport: sas}]}\n")
    assert chosen(asked).guests == (NVME, TURNS)
    assert "no disk matches guests.disks (transport: fc)" in refused(
        answers("serial: SSD1", more="guests: {disks: [{transport: fc}]}\n")
    )


@pytest.mark.parametrize(
    "twin",
    [
        {"wwn": "naa.5000c500a1b2c3d4"},
        {"wwn": "", "kind": "mpath", "path": "/dev/mapper/x"},
    ],
)
def test_one_disk_seen_twice_stops(twin: dict[str, Any]) -> None:
    other = dataclasses.replace(DISK, **{"path": "/dev/sdz", **twin})
    text = refused(answers("path: /dev/sda"), DISK, other)
    assert f"has the same serial number or WWN as {other.path}: paths to one disk" in text


def test_namespaces_and_cheap_sticks_are_not_duplicates() -> None:
    namespace = dataclasses.replace(NVME, path="/dev/nvme0n2", wwn="eui.02")
    assert chosen(answers("path: /dev/nvme0n1"), dataclasses.replace(NVME, wwn="eui.01"), namespace)
    stick = dataclasses.replace(DISK, path="/dev/sdz", wwn="", size=GIB)
    assert chosen(answers("path: /dev/sda"), DISK, stick)
    blank = Disk("/dev/vda", "disk", 100 * GIB)
    assert chosen(answers("path: /dev/vda"), blank, dataclasses.replace(blank, path="/dev/vdb"))


def test_multipath_required() -> None:
    path = dataclasses.replace(DISK, map="/dev/mapper/3600")
    mapped = dataclasses.replace(DISK, path="/dev/mapper/3600", kind="mpath", paths=("/dev/sda",))
    assert chosen(answers("serial: DISK1, multipath: required"), path, mapped).system == (mapped,)
    assert "it is not a multipath map" in refused(answers("serial: SSD1, multipath: required"))
    everywhere = "san: {multipath: required}\n"
    assert chosen(answers("serial: DISK1", more=everywhere), path, mapped).system == (mapped,)
    assert "[disk-not-multipath]" in refused(answers("serial: SSD1", more=everywhere))
    assert "disk-is-path" in refused(answers("path: /dev/sda"), path, mapped)
