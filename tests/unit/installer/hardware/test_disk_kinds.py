"""Devices that no installation can use: B9, M2."""

from __future__ import annotations

import json
from pathlib import Path

from installer.hardware import probe
from installer.model.hardware import Disk

DISK = {"type": "disk", "size": 64_000_000_000, "mountpoints": [None]}
DMESG = "[    2.1] sd 0:0:2:0: [sdq] Unsupported sector size 520.\n[    2.2] sd 0:0:2:0: [sdq] 0 512-byte logical blocks\n"


def collected(tmp_path: Path, *nodes: dict[str, object]) -> dict[str, Disk]:
    said = {"lsblk": json.dumps({"blockdevices": [{**DISK, **node} for node in nodes]}), "dmesg": DMESG}
    found = probe.collect(root=tmp_path, output=lambda argv: said.get(argv[0], ""))
    return {disk.path: disk for disk in found.disks}


def test_b9_areas_of_an_emmc(tmp_path: Path) -> None:
    names = ("mmcblk0", "mmcblk0boot0", "mmcblk0boot1", "mmcblk0gp0", "mmcblk12boot0", "mtdblock0", "zd16", "nvme0n1")
    disks = collected(tmp_path, *({"name": name, "path": f"/dev/{name}"} for name in names))
    assert {path for path, disk in disks.items() if not disk.unusable} == {"/dev/mmcblk0", "/dev/nvme0n1"}


def test_d3_an_sd_card_is_removable(tmp_path: Path) -> None:
    for name, kind in (("mmcblk0", "MMC"), ("mmcblk1", "SD")):
        (tmp_path / f"sys/class/block/{name}/device").mkdir(parents=True)
        (tmp_path / f"sys/class/block/{name}/device/type").write_text(f"{kind}\n")
    disks = collected(tmp_path, *({"name": name, "path": f"/dev/{name}"} for name in ("mmcblk0", "mmcblk1")))
    assert [disk.removable for disk in disks.values()] == [False, True]


def test_m2_disks_of_size_0_are_listed_with_the_reason(tmp_path: Path) -> None:
    disks = collected(
        tmp_path,
        {"name": "sdq", "path": "/dev/sdq", "size": 0, "hctl": "0:0:2:0"},
        {"name": "sdr", "path": "/dev/sdr", "size": 0, "hctl": "0:0:3:0"},
        {"name": "sds", "path": "/dev/sds", "size": 0, "hctl": "6:0:0:0", "rm": True},
        {"name": "nvme0n1", "path": "/dev/nvme0n1", "size": 0},
        {"name": "nbd0", "path": "/dev/nbd0", "size": 0},
        {"name": "zram0", "path": "/dev/zram0", "size": 0},
        {"name": "loop0", "path": "/dev/loop0", "size": 0, "type": "loop"},
    )
    assert set(disks) == {"/dev/sdq", "/dev/sdr", "/dev/sds", "/dev/nvme0n1"}
    assert disks["/dev/sdq"].unusable.startswith("sectors of 520 bytes")
    assert "sg_format --format --size=512 /dev/sdq" in disks["/dev/sdq"].unusable
    assert "520 or 528" in disks["/dev/sdr"].unusable
    assert disks["/dev/sds"].unusable == "no medium"
    assert "size 0" in disks["/dev/nvme0n1"].unusable
