"""The kernel's tree above a disk, and what keeps the disk from being erased."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fake_blocks import VG, VG_UUID, FakeBlocks

from dom0kit.errors import UserError
from dom0kit.units import MIB
from installer.apply import in_use, wiping
from installer.apply.block_tree import Device, kernel_name, partitions, read_device, stacked, walk
from installer.apply.in_use import Use
from installer.apply.partition_devices import Entry


@pytest.fixture
def blocks(tmp_path: Path) -> FakeBlocks:
    made = FakeBlocks(tmp_path)
    made.add("sdx")
    made.partition("sdx", 1, MIB, 10 * MIB)
    made.partition("sdx", 2, 20 * MIB, 40 * MIB)
    return made


def tree(blocks: FakeBlocks, name: str = "sdx") -> Device:
    return read_device(name, blocks.root / "sys")


def names(devices: list[Device]) -> list[str]:
    return [device.name for device in devices]


def test_a_stack_is_taken_apart_from_the_top(blocks: FakeBlocks) -> None:
    """Put a thin pool and a snapshot on an array on a partition; data and metadata of the pool are devices of their own."""
    blocks.md("md127", "sdx2")
    for number, role in enumerate(("tdata", "tmeta")):
        blocks.dm(f"dm-{number}", f"guests-thin_{role}", f"LVM-{VG}{number}-{role}", "md127")
    blocks.dm("dm-2", "guests-thin-tpool", f"LVM-{VG}2-tpool", "dm-0", "dm-1")
    blocks.dm("dm-3", "guests-one", f"LVM-{VG}3", "dm-2")
    blocks.dm("dm-4", "guests-two", f"LVM-{VG}4", "dm-2")
    found = tree(blocks)
    assert names(stacked([found])) == ["dm-3", "dm-4", "dm-2", "dm-0", "dm-1", "md127"]
    assert names(list(walk([found])))[-1] == "sdx"
    assert {device.group for device in stacked([found]) if device.is_volume} == {VG_UUID}
    assert names(partitions(found)) == ["sdx1", "sdx2"]
    assert in_use.problems([found], []) == []


def test_what_stands_on_two_selected_disks_is_listed_once(blocks: FakeBlocks) -> None:
    blocks.add("sdy")
    blocks.md("md127", "sdx2", "sdy")
    both = [tree(blocks), tree(blocks, "sdy")]
    assert names(stacked(both)) == ["md127"]
    assert in_use.problems(both, []) == []
    assert in_use.problems(both[:1], []) == ["/dev/md127 also uses /dev/sdy, which is not selected"]


def test_the_volumes_of_a_container_are_stopped_before_it(blocks: FakeBlocks) -> None:
    """IMSM: both use the disk, and mdadm does not stop a container with a running volume."""
    blocks.md("md126", "sdx", version="external:/md127/0")
    blocks.md("md127", "sdx", version="external:imsm")
    assert names(stacked([tree(blocks)])) == ["md126", "md127"]
    (blocks.folder / "md126/md/metadata_version").write_text("external:-md127/0\n")
    assert names(stacked([tree(blocks)])) == ["md126", "md127"]


def test_partitions_of_a_map_are_its_own_and_those_of_a_volume_are_taken_apart(tmp_path: Path) -> None:
    blocks = FakeBlocks(tmp_path)
    blocks.add("sdx")
    blocks.dm("dm-0", "3600", "mpath-3600", "sdx")
    blocks.dm("dm-1", "3600-part1", "part1-mpath-3600", "dm-0")
    blocks.dm("dm-2", "guests-one", f"LVM-{VG}1", "dm-1")
    blocks.dm("dm-3", "guests-one1", f"part1-LVM-{VG}1", "dm-2")
    found = tree(blocks, "dm-0")
    assert (found.path, found.kind) == ("/dev/mapper/3600", "dm")
    assert names(partitions(found)) == ["dm-1"]
    assert names(stacked([found])) == ["dm-3", "dm-2"]
    assert in_use.problems([found], []) == []
    assert in_use.problems([tree(blocks)], []) == ["the multipath map /dev/mapper/3600 uses it: multipath -f 3600"]


@pytest.mark.parametrize(
    ("uuid", "text"),
    [
        ("CRYPT-LUKS2-1-secret", "the opened crypt device /dev/mapper/secret uses it: cryptsetup close secret"),
        ("DMRAID-isw_1", "the RAID set /dev/mapper/secret uses it: dmraid -an"),
        ("", "the device-mapper device /dev/mapper/secret uses it: dmsetup remove secret"),
    ],
)
@pytest.mark.parametrize("on_volume", [False, True])
def test_foreign_devices_are_named(blocks: FakeBlocks, uuid: str, text: str, on_volume: bool) -> None:
    below = blocks.dm("dm-7", "guests-one", f"LVM-{VG}1", "sdx2") if on_volume else "sdx2"
    blocks.dm("dm-8", "secret", uuid, below)
    assert in_use.problems([tree(blocks)], []) == [text]


def test_other_drivers_on_a_disk_are_named(blocks: FakeBlocks) -> None:
    blocks.add("bcache0", on=("sdx1",))
    assert in_use.problems([tree(blocks)], []) == ["the bcache device /dev/bcache0 uses it"]


def test_uses_are_named_wherever_they_are_in_the_stack(blocks: FakeBlocks) -> None:
    blocks.dm("dm-7", "guests-one", f"LVM-{VG}1", "sdx2")
    uses = [
        Use("253:7", "is mounted on /srv"),
        Use("8:1", "is swap space: swapoff /dev/sdx1"),
        Use("8:2", "is held open by process 7 (qemu)"),
        Use("8:0", "is held open by process 8 (smartd)"),
        Use("8:0", "is held open by process 9 (dd) for writing"),
        Use("8:99", "is mounted on /other"),
    ]
    assert sorted(in_use.problems([tree(blocks)], uses)) == [
        "/dev/mapper/guests-one is mounted on /srv",
        "/dev/sdx is held open by process 9 (dd) for writing",
        "/dev/sdx1 is swap space: swapoff /dev/sdx1",
        "/dev/sdx2 is held open by process 7 (qemu)",
    ]


def test_mounts_and_swap_of_the_kernels_lists(tmp_path: Path) -> None:
    mountinfo = (
        "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
        "30 27 8:1 / /a\\040folder rw shared:1 - ext4 /dev/sdx1 rw\n"
        "31 27 0:50 /sub /pool rw - btrfs /dev/null rw\n"
        "broken line\n"
    )
    found = in_use.mounts(mountinfo)
    assert Use("8:1", "is mounted on /a folder") in found
    assert Use("0:50", "is mounted on /pool") in found
    assert in_use.swaps("Filename Type Size\n/dev/sdx\\0401 partition 1 0 -2\n/file file 1 0 -3\n") == ["/dev/sdx 1", "/file"]
    assert in_use.device_number("/dev/null") == in_use.device_number("/dev/no-such") == in_use.device_number("proc") == ""
    assert in_use.read_uses(tmp_path) == []


def test_files_that_are_no_devices_and_processes_that_end_are_passed_over(tmp_path: Path) -> None:
    for pid in ("1", str(os.getpid()), "2"):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "fd/3").symlink_to("/dev/null")
        (tmp_path / pid / "fd/4").symlink_to("/no/such/file")
    (tmp_path / "7").mkdir()
    (tmp_path / "7/fd").write_text("not a folder")
    assert in_use.openers(tmp_path) == []


def test_the_kernels_name_of_a_device(blocks: FakeBlocks) -> None:
    assert kernel_name("/dev/sdx", blocks.root / "sys") == "sdx"
    with pytest.raises(UserError, match="/dev/sdz is not a block device of this machine any more"):
        kernel_name("/dev/sdz", blocks.root / "sys")


def test_what_is_erased(blocks: FakeBlocks) -> None:
    """Both ends of the disk and of each partition of kernel and table, and where arrays had data; never past the end."""
    blocks.md("md127", "sdx2", offset=8 * MIB)
    size = 100 * MIB
    entries = [Entry(20 * MIB, 40 * MIB), Entry(90 * MIB, 50 * MIB), Entry(200 * MIB, MIB), Entry(70 * MIB, 1024)]
    found = wiping.areas(size, tree(blocks), entries, [(50 * MIB, 5)])
    assert sorted(found) == sorted(
        [
            (0, MIB),
            (99 * MIB, MIB),
            (50 * MIB, 5),
            (MIB, 5 * MIB),
            (10 * MIB, MIB),
            (20 * MIB, 5 * MIB),
            (59 * MIB, MIB),
            (28 * MIB, 5 * MIB),
            (90 * MIB, 5 * MIB),
            (70 * MIB, 1024),
        ]
    )
    assert all(start + length <= size for start, length in found)
