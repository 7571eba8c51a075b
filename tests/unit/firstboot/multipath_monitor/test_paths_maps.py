"""Maps as multipathd shows them, and what has changed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from dom0kit.linux.multipath_maps import Group, Map, Path, parse_maps, queueing
from dom0kit.units import GIB
from firstboot.multipath_monitor.map_changes import Change, changes, counts, grow, render, summary
from firstboot.multipath_monitor.rescan import Sizes

SHOWN = {
    "major_version": 0,
    "minor_version": 1,
    "maps": [
        {
            "name": "35000c50015ea71ad",
            "uuid": "35000c50015ea71ad",
            "sysfs": "dm-0",
            "queueing": "12 chk",
            "hwhandler": "1 alua",
            "vend": "QEMU",
            "prod": "QEMU HARDDISK",
            "path_groups": [
                {
                    "pri": 50,
                    "dm_st": "active",
                    "paths": [
                        {
                            "dev": "sda",
                            "dm_st": "active",
                            "chk_st": "ready",
                            "host_adapter": "0000:03:00.0",
                            "target_wwpn": "0x50",
                        }
                    ],
                },
                {
                    "pri": 10,
                    "dm_st": "enabled",
                    "paths": [
                        {"dev": "sdb", "dm_st": "active", "chk_st": "ghost", "host_adapter": "[undef]"},
                        {"dev": "sdc", "dm_st": "failed", "chk_st": "faulty"},
                    ],
                },
            ],
        }
    ],
}
"""As multipath-tools 0.11 shows it, shortened."""


def disk(*devs: str, wwid: str = "w", bad: tuple[str, ...] = ()) -> Map:
    paths = tuple(Path(dev, "failed" if dev in bad else "active", "faulty" if dev in bad else "ready") for dev in devs)
    return Map(wwid, wwid, "V", "P", "0", "12 chk", (Group(1, "active", paths),))


def test_maps_are_read() -> None:
    (found,) = parse_maps(json.dumps(SHOWN))
    assert (found.wwid, found.vendor, found.handler) == ("35000c50015ea71ad", "QEMU", "1 alua")
    assert [group.priority for group in found.groups] == [50, 10]
    assert [path.dev for path in found.paths] == ["sda", "sdb", "sdc"]
    assert [path.dev for path in found.good] == ["sda", "sdb"], "a standby path can carry data"
    assert found.paths[0].adapter == "0000:03:00.0"
    assert found.paths[1].adapter == ""


def test_no_maps() -> None:
    assert parse_maps('{"major_version": 0, "minor_version": 1, "maps": []}') == ()


@pytest.mark.parametrize("text", ["", "fail", "[]", "{", '{"maps": 3}'])
def test_no_answer_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_maps(text)


@pytest.mark.parametrize(
    ("before", "now", "kinds"),
    [
        (disk("sda", "sdb"), disk("sda", "sdb"), []),
        (disk("sda", "sdb"), disk("sda"), [("lost", "sdb", 1)]),
        (disk("sda", "sdb"), disk("sda", "sdb", bad=("sdb",)), [("lost", "sdb", 1)]),
        (disk("sda"), disk("sda", "sdc"), [("returned", "sdc", 2)]),
        (disk("sda", "sdb", bad=("sdb",)), disk("sda", "sdb"), [("returned", "sdb", 2)]),
        (disk("sda"), disk("sda", bad=("sda",)), [("down", "sda", 0)]),
        (disk("sda", "sdb"), disk(), [("down", "sda", 0), ("down", "sdb", 0)]),
        (disk("sda", "sdb"), disk("sda", "sdc"), [("lost", "sdb", 2), ("returned", "sdc", 2)]),
    ],
)
def test_changes(before: Map, now: Map, kinds: list[tuple[str, str, int]]) -> None:
    found = changes({"w": before}, [now], {"w": 2})
    assert [(change.kind, change.path, change.left) for change in found] == kinds


def test_the_first_look_tells_what_is_missing() -> None:
    assert changes(None, [disk("sda", "sdb")], {"w": 2}) == []
    assert changes(None, [disk("sda")], {"w": 2}) == [Change("degraded", "w", "", 1, 2)]
    assert changes(None, [disk()], {"w": 2}) == [Change("down", "w", "", 0, 2)]


def test_a_new_disk_is_no_change() -> None:
    assert changes({}, [disk("sda")], {"w": 1}) == []


def test_what_is_expected_only_grows() -> None:
    assert grow({}, [disk("sda", "sdb")]) == {"w": 2}
    assert grow({"w": 2, "old": 4}, [disk("sda")]) == {"w": 2, "old": 4}


def test_sentences() -> None:
    assert Change("lost", "w", "sdb", 1, 2).text == "disk w has lost its path sdb: 1 of 2 paths are left"
    assert Change("down", "w", "", 0, 2).text == "disk w has lost its last path: it cannot be reached"
    assert Change("returned", "w", "sdb", 2, 2).text == "disk w: path sdb has returned, 2 of 2 paths carry data"
    assert [Change(kind, "w", "", 1, 2).bad for kind in ("lost", "down", "degraded", "returned")] == [True, True, True, False]


def test_summary() -> None:
    assert summary({}) == ""
    assert summary(counts([disk("sda", "sdb")], {"w": 2})) == "all there: w has 2"
    assert summary(counts([disk("sda"), disk("sdc", wwid="x")], {"w": 2})) == "w has 1 of 2"
    assert counts([disk("sda", "sdb", bad=("sda",))], {}) == {"w": (1, 2)}


def test_shown_to_a_person() -> None:
    sizes = {"35000c50015ea71ad": Sizes(12 * GIB, (("sda", 12 * GIB), ("sdb", 12 * GIB)))}
    text = render(parse_maps(json.dumps(SHOWN)), {"35000c50015ea71ad": 4}, sizes)
    assert text.startswith("35000c50015ea71ad: QEMU QEMU HARDDISK, ALUA, 12.0 GiB, 2 of 4 paths\n")
    assert "requests wait for 12 checks, then they fail" in text
    assert [line.split()[3] for line in text.splitlines()[4:]] == ["sda", "sdb", "sdc"]
    named = render([replace(disk("sda"), name="mpatha")], {}, {"w": Sizes(1024, (("sda", 2048),))})
    assert named.startswith("w (mpatha): ")
    assert "the array has grown it to 2.0 KiB" in named


@pytest.mark.parametrize(("word", "said"), [("on", "for ever"), ("off", "at once"), ("", "unknown"), ("12 chk", "12 checks")])
def test_queueing(word: str, said: str) -> None:
    assert said in queueing(word)
