"""What serial numbers and world wide names are worth: B7, M3, and the twins of D2."""

from __future__ import annotations

import dataclasses

import pytest
from installer_samples import DISK, answers, facts

from installer.model.hardware import Disk
from installer.selection.disk_identity import are_one, differ, may_be_one, plain_serial, valid_serial, valid_wwn
from installer.selection.disks import choose_disks

SAS = Disk("/dev/sda", "disk", DISK.size, model="ACME", serial="SN4711", transport="sas", address="0:0:0:0")
OTHER = dataclasses.replace(SAS, path="/dev/sdb", address="0:0:1:0")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x0000000000000000",
        "eui.0000000000000000",
        "0xffffffffffffffff",
        "0x1111111111111111",
        "eui.0000000000000001",
        "uuid.00000000-0000-0000-0000-000000000000",
        # NAA without a manufacturer (tgt), and a manufacturer's prefix without a number.
        "0x60000000000000000e00000000010001",
        "0x5000c50000000000",
        "naa.5000000000000000",
        "0x0123456789abcdef",
    ],
)
def test_b7_a_meaningless_wwn_is_none(text: str) -> None:
    assert valid_wwn(text) == ""
    one, other = dataclasses.replace(SAS, wwn=text), dataclasses.replace(OTHER, wwn=text, serial="SN4712")
    assert not may_be_one(one, other)
    assert choose_disks(facts(one, other), answers("path: /dev/sda"))[0]


@pytest.mark.parametrize(
    "text",
    [
        "0x5000c500a1b2c3d4",
        "0x5000c50015ea71ad",
        "0x6001405a1b2c3d4e5f60718293a4b5c6",
        "eui.0025385b71b0b3c2",
        "eui.002538b111b0b3c2",
        "0x5002538e00000001",
        "nvme.144d-53334e-4d5a-00000001",
    ],
)
def test_a_wwn_that_is_one(text: str) -> None:
    assert valid_wwn(text)
    assert are_one(dataclasses.replace(SAS, wwn=text), dataclasses.replace(OTHER, wwn=text.upper()))


@pytest.mark.parametrize(
    "change",
    [
        {"size": SAS.size + 512},
        {"model": "OTHER"},
        {"serial": "SN4712"},
        {"digest": "b" * 64},
        {"wwn": "", "address": "0:0:1:1"},
    ],
)
def test_b7_evidently_different_disks_are_never_one(change: dict[str, object]) -> None:
    one = dataclasses.replace(SAS, wwn="0x5000c500a1b2c3d4", digest="a" * 64)
    other = dataclasses.replace(one, path="/dev/sdb", **change)  # type: ignore[arg-type]
    assert differ(one, other)
    chosen, problems = choose_disks(facts(one, other), answers("path: /dev/sda"))
    assert chosen, problems


def test_d2_twins_are_chosen_by_path_and_not_by_serial() -> None:
    chosen, problems = choose_disks(facts(SAS, OTHER), answers("path: /dev/sdb"))
    assert chosen, problems
    _, (only,) = choose_disks(facts(SAS, OTHER), answers("serial: SN4711"))
    assert "[disk-ambiguous]" in only
    assert "same serial number as /dev/sdb" in only


def test_d2_twins_that_may_be_one_disk_are_not_both_erased() -> None:
    both = answers("path: /dev/sda", more="guests: {disks: [{path: /dev/sdb}]}\n")
    _, problems = choose_disks(facts(SAS, OTHER), both)
    assert all("[disk-duplicate]" in problem for problem in problems)
    assert len(problems) == 2
    # One is over SATA, or their contents differ: two disks.
    sata = [dataclasses.replace(disk, transport="sata") for disk in (SAS, OTHER)]
    assert choose_disks(facts(*sata), both)[0]
    read = dataclasses.replace(SAS, digest="a"), dataclasses.replace(OTHER, digest="b")
    assert choose_disks(facts(*read), both)[0]


def test_a_path_that_its_map_does_not_have_is_not_chosen() -> None:
    lun = dataclasses.replace(SAS, path="/dev/mapper/3600", kind="mpath", paths=("/dev/sdc", "/dev/sdd"), address="")
    _, (only,) = choose_disks(facts(SAS, lun), answers("path: /dev/sda"))
    assert "[disk-duplicate]" in only


@pytest.mark.parametrize("text", ["sn4711", "SN4711", " SN4711 ", "Sn4711"])
def test_m3_serials_are_compared_without_case(text: str) -> None:
    assert choose_disks(facts(SAS), answers(f"serial: '{text}'"))[0]


@pytest.mark.parametrize("text", ["WD WX12 A", "WD_WX12_A", "wd__wx12_a", "_WD WX12_ A "])
def test_m3_blanks_are_underscores(text: str) -> None:
    disk = dataclasses.replace(SAS, serial="WD  WX12_A")
    assert plain_serial(text) == plain_serial(disk.serial)
    assert choose_disks(facts(disk), answers(f"serial: '{text}'"))[0]


@pytest.mark.parametrize(
    "text", ["0000000000", "None", "0123456789ABCDEF", "Default string", "123456789", "To be filled by O.E.M."]
)
def test_placeholders_are_no_serial_numbers(text: str) -> None:
    assert valid_serial(text) == ""
    assert valid_serial("S3Z8NB0K123456") == "s3z8nb0k123456"
