"""Partitioning real disks: what the kernel and sgdisk see afterwards is what was planned."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, loop_disk, output, signatures

from dom0kit.polling import TimedOut
from installer.apply import partition_devices, partitioning, wiping
from installer.command_log import Commands
from installer.model import actions
from installer.model.partition_layout import Partition, lay_out

GUID = uuid.UUID("12345678-1234-5678-1234-567812345678")
TYPES = {"EF02": "BIOS boot partition", "EF00": "EFI system partition", "8300": "Linux filesystem", "8E00": "Linux LVM"}


def planned(disk: LoopDisk) -> tuple[Partition, ...]:
    """Return the layout of an installation on this disk."""
    return lay_out(disk.size, disk.sector, guests=True, seed=GUID)


def partition(disk: LoopDisk, commands: Commands) -> tuple[Partition, ...]:
    """Partition it as the installer does."""
    parts = planned(disk)
    partitioning.partition(actions.PartitionDisks((actions.Table(disk.path, disk.sector, GUID, parts),)), commands)
    return parts


@pytest.mark.parametrize("sector", [512, 4096])
def test_the_kernel_and_sgdisk_see_the_plan(tmp_path: Path, commands: Commands, sector: int) -> None:
    with loop_disk(tmp_path / "disk", 12 * GIB, sector) as disk:
        parts = partition(disk, commands)
        assert len(parts) == 4
        assert disk.parts() == {p.number: (p.start, p.size) for p in parts}
        assert "No problems found" in output("sgdisk", "--verify", disk.path)
        printed = output("sgdisk", "--print", disk.path)
        assert f"Disk identifier (GUID): {str(GUID).upper()}" in printed
        assert f"Sector size (logical/physical): {sector}/" in printed
        for p in parts:
            found = output("sgdisk", f"--info={p.number}", disk.path)
            assert f"Partition name: '{p.name}'" in found
            assert f"({TYPES[p.type_code]})" in found
            assert f"Partition unique GUID: {str(p.guid).upper()}" in found


def test_what_the_places_of_the_partitions_held_does_not_come_back(disk: LoopDisk, commands: Commands) -> None:
    output("mkfs.ext4", "-q", "-F", "-E", f"offset={planned(disk)[2].start}", disk.path, "1G")
    partition(disk, commands)
    assert [signatures(disk.part(number)) for number in range(1, 5)] == [[]] * 4


def test_an_earlier_table_and_its_devices_are_replaced(disk: LoopDisk, commands: Commands) -> None:
    output("sgdisk", "--clear", "--new=1:0:+3G", "--new=7:0:+1G", disk.path)
    output("partx", "--add", disk.path)
    assert set(disk.parts()) == {1, 7}
    parts = partition(disk, commands)
    assert disk.parts() == {p.number: (p.start, p.size) for p in parts}


def test_both_disks_of_a_mirror_are_partitioned_alike(tmp_path: Path, commands: Commands) -> None:
    seeds = (GUID, uuid.uuid5(GUID, "second disk"))
    with loop_disk(tmp_path / "one") as one, loop_disk(tmp_path / "two") as two:
        layouts = [lay_out(12 * GIB, 512, guests=True, seed=seed, mirror=True) for seed in seeds]
        disks = (one, two)
        tables = tuple(actions.Table(d.path, 512, s, p) for d, s, p in zip(disks, seeds, layouts, strict=True))
        partitioning.partition(actions.PartitionDisks(tables), commands)
        assert one.parts() == two.parts() == {p.number: (p.start, p.size) for p in layouts[0]}
        for disk in disks:
            assert "Linux RAID" in output("sgdisk", "--info=3", disk.path)
        guids = {line for disk in disks for line in output("sgdisk", "--info=3", disk.path).splitlines() if "unique" in line}
        assert len(guids) == 2


def test_a_partition_that_does_not_appear_is_named(tmp_path: Path, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """Partition an image file, which sgdisk writes as well as any disk, and which has no partition devices."""
    monkeypatch.setattr(partition_devices, "SECONDS_FOR_DEVICES", 0.3)
    file = tmp_path / "disk-"
    with file.open("xb") as made:
        made.truncate(12 * GIB)
    table = actions.Table(str(file), 512, GUID, lay_out(12 * GIB, 512, guests=False, seed=GUID))
    with pytest.raises(TimedOut, match=f"the partition {file}1 to appear"):
        partitioning.partition(actions.PartitionDisks((table,)), commands)


@pytest.mark.kernel("dm")
def test_partitions_of_a_map_are_made_and_removed(disk: LoopDisk, commands: Commands) -> None:
    """Use a linear map over the whole disk for a multipath map: both get their partitions by kpartx."""
    name = f"dom0kit-test-{Path(disk.path).name}"
    output("dmsetup", "create", name, "--table", f"0 {disk.size // 512} linear {disk.path} 0")
    try:
        mapped = f"/dev/mapper/{name}"
        parts = lay_out(disk.size, 512, guests=True, seed=GUID)
        partitioning.partition(actions.PartitionDisks((actions.Table(mapped, 512, GUID, parts),)), commands)
        sizes = [int(output("blockdev", "--getsize64", f"{mapped}-part{p.number}")) for p in parts]
        assert sizes == [p.size for p in parts]
        old = actions.OldDisk(mapped, disk.size, tuple(f"{mapped}-part{p.number}" for p in parts))
        wiping.wipe(actions.Wipe((old,), (), ()), commands)
        assert not list(Path("/dev/mapper").glob(f"{name}-part*"))
        assert disk.read(0, MIB) == bytes(MIB)
    finally:
        output("sh", "-c", f"for map in $(ls /dev/mapper | grep '^{name}' | sort -r); do dmsetup remove --retry $map; done")
