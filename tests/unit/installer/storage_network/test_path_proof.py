"""Devices with one identifier are combined only if they are proven to be one disk: D2."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from installer.storage_network import path_proof
from installer.storage_network.path_proof import Evidence, doubts, examine, locate, with_content

NAA = "0x600a098038303053453f463045727654"
ONE = Evidence("/dev/sda", 100, NAA, "NETAPP LUN", host="1", lun="0", content="c1")
TWO = dataclasses.replace(ONE, path="/dev/sdb", host="2")


def both(**changes: object) -> tuple[Evidence, Evidence]:
    return dataclasses.replace(ONE, **changes), dataclasses.replace(TWO, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"blank": True},
        # A passive path of some arrays cannot be read.
        {"content": ""},
        # tgt's WWN is the same on every server: one target of one name proves the disk, blank or not.
        {"wwn": "60000000000000000e00000000010001", "target": "iqn.2026-01.org.example:disk", "blank": True},
        {"wwn": "", "target": "0x500a098000000001"},
        # Two adapters, one LUN, the same data at all places.
        {"wwn": ""},
    ],
)
def test_d2_paths_to_one_disk_are_proven(changes: dict[str, object]) -> None:
    assert doubts(both(**changes)) == ""


@pytest.mark.parametrize(
    ("common", "other", "reason"),
    [
        ({"wwn": "", "blank": True}, {}, "no valid WWN"),
        ({"wwn": "0x0000000000000000", "blank": True}, {}, "no valid WWN"),
        ({"wwn": "60000000000000000e00000000010001", "blank": True}, {}, "no valid WWN"),
        ({"wwn": "", "content": ""}, {}, "no valid WWN"),
        ({"wwn": ""}, {"host": "1"}, "no valid WWN"),
        ({"wwn": ""}, {"lun": "1"}, "their LUNs are 0 and 1"),
        ({"target": "iqn.a", "wwn": ""}, {"lun": "1"}, "their LUNs are 0 and 1"),
        ({}, {"size": 101}, "their sizes are 100 and 101 bytes"),
        ({}, {"model": "OTHER"}, "their models are NETAPP LUN and OTHER"),
        ({}, {"content": "c2"}, "their contents differ"),
        ({"wwn": "", "target": "iqn.a"}, {"content": "c2"}, "their contents differ"),
    ],
)
def test_d2_other_disks_stay_disks_of_their_own(common: dict[str, object], other: dict[str, object], reason: str) -> None:
    one, two = both(**common)
    text = doubts((one, dataclasses.replace(two, **other)))  # type: ignore[arg-type]
    assert text.startswith("/dev/sda and /dev/sdb: ")
    assert reason in text


def test_d2_the_third_of_a_group_counts() -> None:
    third = dataclasses.replace(TWO, path="/dev/sdc", content="other")
    assert "/dev/sdc" in doubts((ONE, TWO, third))


def test_d2_contents_of_a_shared_disk_may_change_while_they_are_read() -> None:
    contents = iter(["a", "b", "c", "c"])
    assert examine((ONE, TWO), lambda one: dataclasses.replace(one, content=next(contents))) == ""
    counted = []

    def differ(one: Evidence) -> Evidence:
        counted.append(one)
        return dataclasses.replace(one, content=str(len(counted)))

    assert "contents differ" in examine((ONE, TWO), differ)
    assert len(counted) == 2 * path_proof.TRIES
    counted.clear()
    assert "contents differ" in examine(both(wwn=""), differ)
    assert len(counted) == 2


def test_the_place_of_a_device(tmp_path: Path) -> None:
    (tmp_path / "sys/class/block/sda").mkdir(parents=True)
    (tmp_path / "sys/class/block/sda/size").write_text("2048\n")
    (tmp_path / "sys/class/iscsi_session/session3").mkdir(parents=True)
    (tmp_path / "sys/class/iscsi_session/session3/targetname").write_text("iqn.x\n")
    (tmp_path / "sys/class/fc_remote_ports/rport-7:0-1").mkdir(parents=True)
    (tmp_path / "sys/class/fc_remote_ports/rport-7:0-1/node_name").write_text("0x500a\n")
    found = locate("/dev/sda", "/devices/platform/host4/session3/target4:0:0/4:0:0:1/block/sda", tmp_path)
    assert found == Evidence("/dev/sda", 1024**2, host="4", lun="1", target="iqn.x")
    found = locate("/dev/sdb", "/devices/pci0000:00/host7/rport-7:0-1/target7:0:0/7:0:0:12/block/sdb", tmp_path)
    assert (found.host, found.lun, found.target, found.size) == ("7", "12", "0x500a", 0)


def test_contents_are_compared_at_several_places(tmp_path: Path) -> None:
    size = 8 * 1024**2
    file = tmp_path / "disk"
    file.write_bytes(bytes(size))
    blank = with_content(Evidence(str(file), size))
    assert blank.blank
    assert blank.content
    for place in (0, size // 3, size - 1):
        data = bytearray(size)
        data[place // 65536 * 65536 : place // 65536 * 65536 + 65536] = b"x" * 65536
        file.write_bytes(data)
        seen = with_content(Evidence(str(file), size))
        assert seen.content != blank.content
        assert not seen.blank
    assert with_content(Evidence(str(file), size + 65536)).content == "", "it ends before"
    assert with_content(Evidence("/nowhere", size)).content == ""
