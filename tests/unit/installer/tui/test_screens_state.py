"""The answers that follow from the choices."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from screen_samples import BLANK, DIRTY, HASH, KEY, MAP, NICS, PATHS, chosen, state, with_disks

from answerfiles.model import DiskSelector
from answerfiles.reader import parse_answers
from dom0kit.units import GIB
from installer.model.hardware import Disk
from installer.plan.plan import Plan
from installer.storage_network.multipath import RawDisk, declared
from installer.tui.state import document, plan_of, plan_or_problem, selector, to_answers, to_yaml
from installer.tui.toolkit.forms import Value

FIRST, SECOND = NICS[0].mac, NICS[1].mac


@pytest.mark.parametrize(
    ("values", "path", "expected"),
    [
        ({}, "host_name", "xen1.example.org"),
        ({}, "target", {"disk": {"serial": "DISK1"}}),
        ({"disk.key": "/dev/sdb"}, "target", {"disk": {"serial": "DISK2"}, "wipe": True}),
        ({"disk.key": MAP.path}, "target", {"disk": {"path": MAP.path}}),
        (
            {"disk.mirror": True, "mirror.key": "/dev/sdb"},
            "target",
            {"mirror": [{"serial": "DISK1"}, {"serial": "DISK2"}], "wipe": True},
        ),
        ({}, "guests", {"volume_group": "guests"}),
        ({"guests.kind": "thin", "guests.group": "vg1"}, "guests", {"volume_group": "vg1", "thin": True}),
        ({"guests.kind": "none"}, "guests", "none"),
        (
            {"guests.more": True, "guests.disks": ("/dev/sdb",)},
            "guests",
            {"volume_group": "guests", "disks": [{"serial": "DISK2"}]},
        ),
        ({"guests.more": True, "guests.disks": ("/dev/sdb",)}, "target.wipe", True),
        ({}, "network.management", {"mac": FIRST, "ipv4": "dhcp"}),
        (
            {"card.bond": True, "bond.cards": (SECOND,), "bond.mode": "lacp"},
            "network.management",
            {"bond": {"nics": [{"mac": FIRST}, {"mac": SECOND}], "mode": "lacp"}, "ipv4": "dhcp"},
        ),
        (
            {"ip.v4": "static", "static.address": "192.0.2.10/24", "static.gateway": "192.0.2.1"},
            "network.management.ipv4",
            {"address": "192.0.2.10/24", "gateway": "192.0.2.1"},
        ),
        ({"ip.v4": "static", "static.address": "192.0.2.10/24"}, "network.management.ipv4", {"address": "192.0.2.10/24"}),
        ({"ip.v4": "none", "ip.v6": "autoconf"}, "network.management", {"mac": FIRST, "ipv4": "none", "ipv6": "autoconf"}),
        (
            {"ip.v6": "static", "static6.address": "2001:db8::10/64", "static6.gateway": "fe80::1"},
            "network.management.ipv6",
            {"address": "2001:db8::10/64", "gateway": "fe80::1"},
        ),
        ({"ip.vlan": "42"}, "network.management.vlan", 42),
        ({"name.dns": "192.0.2.53, 2001:db8::53"}, "network.management.dns", ["192.0.2.53", "2001:db8::53"]),
        ({"name.search": "example.org"}, "network.management.search", ["example.org"]),
        ({}, "time", {"zone": "Europe/Berlin"}),
        ({"zone.ntp": "ntp1 ntp2"}, "time", {"zone": "Europe/Berlin", "ntp": ["ntp1", "ntp2"]}),
        ({"keyboard.map": "de"}, "keyboard", "de"),
        ({}, "root", {"password_hash": HASH}),
        ({"root.key": KEY}, "root", {"password_hash": HASH, "ssh_keys": [KEY]}),
        ({"root.hash": "", "root.key": KEY}, "root", {"ssh_keys": [KEY], "lock": True}),
        ({"pool.toolstack": "xl"}, "pool", {"toolstack": "xl"}),
    ],
)
def test_each_choice_becomes_its_answer(values: dict[str, Value], path: str, expected: Any) -> None:
    where = chosen(values)
    value: Any = document(where)
    for part in path.split("."):
        value = value[part]
    assert value == expected
    # What is written is what is read, by the very reader of unattended installations.
    assert parse_answers(to_yaml(where)) == to_answers(where)


@pytest.mark.parametrize(
    ("disk", "others", "expected"),
    [
        (BLANK, (DIRTY,), {"serial": "DISK1"}),
        (DIRTY, (dataclasses.replace(BLANK, serial="DISK2"),), {"wwn": "0x5000c500a1b2c3d4"}),
        (dataclasses.replace(BLANK, serial=""), (), {"path": "/dev/sda"}),
        (
            dataclasses.replace(BLANK, serial="", aliases=("/dev/disk/by-uuid/1", "/dev/disk/by-path/pci-1")),
            (),
            {"path": "/dev/disk/by-path/pci-1"},
        ),
        (dataclasses.replace(MAP, serial="600140"), PATHS, {"path": MAP.path}),
    ],
)
def test_a_disk_is_named_by_what_lasts_and_is_its_own(disk: Disk, others: tuple[Disk, ...], expected: dict[str, str]) -> None:
    assert selector(disk, with_disks(disk, *others)) == expected


def test_the_file_holds_no_password_and_says_what_it_is() -> None:
    text = to_yaml(chosen())
    assert text.startswith("# Written by the text-mode installer.")
    assert HASH in text


def test_the_plan_of_the_choices() -> None:
    plan = plan_or_problem(chosen())
    assert isinstance(plan, Plan)
    assert plan.host_name == "xen1.example.org"
    assert plan.disk == BLANK


def test_an_impossible_plan_is_explained() -> None:
    small = with_disks(dataclasses.replace(BLANK, size=2 * GIB))
    assert "too small" in str(plan_or_problem(chosen(facts=small)))
    assert "contradict each other" in str(plan_or_problem(chosen({"name.host": ""})))


def test_values_come_from_choices_then_defaults() -> None:
    where = state()
    assert where.text("keyboard.map") == "us"
    assert where.is_checked("disk.mirror") is False
    assert where.with_values({"keyboard.map": "de"}).text("keyboard.map") == "de"
    assert where.text("keyboard.map") == "us"


def test_a_map_with_one_path_is_declared_in_the_file() -> None:
    single = dataclasses.replace(MAP, paths=("/dev/sdd",), serial="LUN2", wwn="0x600140")
    path = dataclasses.replace(PATHS[0], serial="LUN2", wwn="0x600140")
    where = chosen({"disk.key": MAP.path}, with_disks(BLANK, single, path))
    assert to_answers(where).target.disk == DiskSelector(serial="LUN2", multipath="required")
    plan = plan_of(where)
    assert plan.disk == single
    # On a machine that was just started the disk is no map yet: the same answers make it one.
    raw = RawDisk("/dev/sdd", "3600140", "scsi")
    fresh = with_disks(BLANK, dataclasses.replace(path, map=""))
    assert declared([raw], fresh, to_answers(where)) == {"3600140": ("/dev/sdd",)}
