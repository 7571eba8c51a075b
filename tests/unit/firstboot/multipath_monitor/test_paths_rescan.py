"""New paths and grown LUNs."""

from __future__ import annotations

from pathlib import Path as File

import pytest
from test_paths_maps import disk

from dom0kit.linux.multipath_maps import Map
from dom0kit.units import MIB
from firstboot.multipath_monitor.rescan import Sizes, differences, read_sizes, rescan_devices, resize, size_line


def machine(root: File, **sizes: int) -> File:
    """Create sysfs entries for disks by their sizes in MiB."""
    for name, size in sizes.items():
        folder = root / "sys/block" / name.replace("_", "-")
        (folder / "device").mkdir(parents=True, exist_ok=True)
        (folder / "size").write_text(f"{size * 2048}\n")
        (folder / "device/rescan").touch()
    (root / "sys/class/scsi_host/host0").mkdir(parents=True, exist_ok=True)
    (root / "sys/class/scsi_host/host0/scan").touch()
    return root


def lun(*devs: str, bad: tuple[str, ...] = ()) -> Map:
    found = disk(*devs, bad=bad)
    return Map(found.wwid, found.name, "V", "P", "0", "", found.groups, device="dm-0")


@pytest.mark.parametrize(
    ("sizes", "grown", "words"),
    [
        ({"dm_0": 10, "sda": 10, "sdb": 10}, 0, ""),
        ({"dm_0": 10, "sda": 12, "sdb": 12}, 12, "the array has grown it to 12.0 MiB"),
        ({"dm_0": 10, "sda": 12, "sdb": 10}, 0, "sda has 12.0 MiB, sdb has 10.0 MiB"),
        ({"dm_0": 10, "sda": 8, "sdb": 8}, 0, "report other sizes than 10.0 MiB"),
    ],
)
def test_sizes(tmp_path: File, sizes: dict[str, int], grown: int, words: str) -> None:
    found = read_sizes(machine(tmp_path, **sizes), lun("sda", "sdb"))
    assert found.grown == grown * MIB
    assert words in size_line(found)
    assert bool(words) == bool(size_line(found))


def test_a_path_that_is_gone_has_no_say(tmp_path: File) -> None:
    found = read_sizes(machine(tmp_path, dm_0=10, sda=12), lun("sda", "sdb", bad=("sdb",)))
    assert found == Sizes(10 * MIB, (("sda", 12 * MIB),))
    assert read_sizes(tmp_path, lun("sdz")).paths == (("sdz", 0),)


def test_a_grown_lun_is_taken_in_and_a_shrunk_one_is_not(tmp_path: File) -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        return "ok\n"

    (said,) = resize(machine(tmp_path, dm_0=10, sda=12, sdb=12), [lun("sda", "sdb")], ask)
    assert asked == ["resize map w"]
    assert "grown from 10.0 MiB to 12.0 MiB" in said
    assert "pvresize /dev/mapper/w" in said
    assert resize(machine(tmp_path, sda=8, sdb=8), [lun("sda", "sdb")], ask) == []
    (said,) = resize(machine(tmp_path, sda=12, sdb=12), [lun("sda", "sdb")], lambda question: "fail\n")
    assert "could not be resized: multipathd replied 'fail'" in said


def test_every_adapter_and_every_path_looks_again(tmp_path: File) -> None:
    root, done = machine(tmp_path, sda=1, sdb=1), []
    rescan_devices(root, [lun("sda", "sdb", "gone")], lambda: done.append(True))
    assert (root / "sys/class/scsi_host/host0/scan").read_text() == "- - -"
    assert (root / "sys/block/sdb/device/rescan").read_text() == "1"
    assert done == [True]


def test_news() -> None:
    assert differences([disk("sda")], [disk("sda")]) == []
    assert differences([disk("sda")], [disk("sda", "sdb")]) == ["w has the new path sdb"]
    assert differences([], [disk("sda", "sdb")]) == ["new disk w with 2 paths"]
