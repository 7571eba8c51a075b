"""File systems and the guests' volume group on real partitions, as the tools of each see them."""

from __future__ import annotations

import json
import os
import re
import uuid
from pathlib import Path

import pytest
from loop_devices import GIB, MIB, LoopDisk, blkid, loop_disk, mounted, output, signatures

from dom0kit.process import CommandFailed
from installer.apply import partitioning
from installer.command_log import Commands
from installer.model import actions
from installer.model.partition_layout import lay_out

SYSTEM = uuid.UUID("12345678-1234-5678-1234-567812345678")
GROUP = f"dom0kit-test-{os.getpid()}"


def partitioned(disk: LoopDisk, commands: Commands) -> LoopDisk:
    """Give a disk the partitions of an installation."""
    parts = lay_out(disk.size, disk.sector, guests=True, seed=SYSTEM)
    partitioning.partition(actions.PartitionDisks((actions.Table(disk.path, disk.sector, SYSTEM, parts),)), commands)
    return disk


@pytest.mark.parametrize("sector", [512, 4096])
def test_the_esp_and_the_system(tmp_path: Path, commands: Commands, sector: int) -> None:
    with loop_disk(tmp_path / "disk", 12 * GIB, sector) as disk:
        esp, system = partitioned(disk, commands).part(2), disk.part(3)
        partitioning.make_file_systems(actions.MakeFileSystems(((esp, "CAFE1234"),), system, SYSTEM), commands)

        fat = blkid(esp)
        assert (fat["TYPE"], fat["VERSION"], fat["LABEL"], fat["UUID"]) == ("vfat", "FAT32", "ESP", "CAFE-1234")
        output("fsck.vfat", "-n", esp)
        ext = blkid(system)
        assert (ext["TYPE"], ext["LABEL"], ext["UUID"]) == ("ext4", "dom0kit-system", str(SYSTEM))
        fields = dict(re.findall(r"^([^:\n]+):\s*(.*)$", output("dumpe2fs", "-h", system), re.MULTILINE))
        assert not {"metadata_csum_seed", "orphan_file"} & set(fields["Filesystem features"].split())
        blocks, reserved = int(fields["Block count"]), int(fields["Reserved block count"])
        assert blocks * int(fields["Block size"]) == 10 * GIB
        assert reserved == pytest.approx(blocks / 100, abs=1)
        output("e2fsck", "-f", "-n", system)
        with mounted(system, tmp_path / "system") as folder:
            assert [path.name for path in folder.iterdir()] == ["lost+found"]


def test_a_file_system_replaces_an_older_one_without_a_question(disk: LoopDisk, commands: Commands) -> None:
    esp, system = partitioned(disk, commands).part(2), disk.part(3)
    output("mkfs.ext4", "-q", "-F", esp)
    output("mkfs.vfat", system)
    partitioning.make_file_systems(actions.MakeFileSystems(((esp, "00000001"),), system, SYSTEM), commands)
    assert (signatures(esp)[0], signatures(system)) == ("vfat", ["ext4"])


def test_a_file_system_on_a_device_that_is_not_there_is_an_error(disk: LoopDisk, commands: Commands) -> None:
    action = actions.MakeFileSystems(((disk.part(2), "00000001"),), disk.part(3), SYSTEM)
    with pytest.raises(CommandFailed, match=r"mkfs.vfat exited with 1(.|\n)*No such file or directory"):
        partitioning.make_file_systems(action, commands)


def groups() -> dict[str, set[str]]:
    """Return the devices of each volume group, as LVM reports them."""
    report = json.loads(output("pvs", "--reportformat", "json", "-o", "pv_name,vg_name"))["report"][0]["pv"]
    found: dict[str, set[str]] = {}
    for row in report:
        found.setdefault(row["vg_name"], set()).add(row["pv_name"])
    return found


def test_the_volume_group_takes_the_partition_and_the_additional_disk(disk: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    with loop_disk(tmp_path / "more", 2 * GIB) as more:
        part = partitioned(disk, commands).part(4)
        partitioning.make_volume_group(actions.MakeVolumeGroup((part, more.path), GROUP), commands)
        assert groups() == {GROUP: {part, more.path}}
        report = json.loads(
            output("vgs", "--reportformat", "json", "--units", "b", "--nosuffix", "-o", "vg_size,lv_count", GROUP)
        )
        row = report["report"][0]["vg"][0]
        assert row["lv_count"] == "0"
        assert 3 * GIB < int(row["vg_size"]) < 4 * GIB


def test_a_group_on_what_belonged_to_another_group(disk: LoopDisk, commands: Commands) -> None:
    part = partitioned(disk, commands).part(4)
    output("vgcreate", "--yes", f"{GROUP}-old", part)
    partitioning.make_volume_group(actions.MakeVolumeGroup((part,), GROUP), commands)
    assert groups() == {GROUP: {part}}


def test_the_name_of_a_group_that_is_there_is_an_error(disk: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    with loop_disk(tmp_path / "old", GIB) as old:
        output("vgcreate", "--yes", GROUP, old.path)
        part = partitioned(disk, commands).part(4)
        with pytest.raises(CommandFailed, match="already exists"):
            partitioning.make_volume_group(actions.MakeVolumeGroup((part,), GROUP), commands)
        assert groups()[GROUP] == {old.path}


@pytest.mark.kernel("dm")
def test_the_thin_pool_takes_all_the_space(disk: LoopDisk, commands: Commands) -> None:
    part = partitioned(disk, commands).part(4)
    partitioning.make_volume_group(actions.MakeVolumeGroup((part,), GROUP, 32 * MIB), commands)
    try:
        words = ["--reportformat", "json", "--units", "b", "--nosuffix", "-o", "lv_name,segtype,lv_metadata_size,zero,vg_free"]
        row = json.loads(output("lvs", *words, GROUP))["report"][0]["lv"][0]
        assert (row["lv_name"], row["segtype"], row["lv_metadata_size"]) == ("thin", "thin-pool", str(32 * MIB))
        assert int(row["vg_free"]) < 4 * MIB
    finally:
        output("vgremove", "--yes", "--force", GROUP)
