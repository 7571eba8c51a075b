"""The ESPs of a host, from what sysfs says of its system partition."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from upgrade.choice.partitions import esps_of


def partition(sysfs: Path, disk: str, number: int, device: str) -> Path:
    node = sysfs / "devices/x" / disk / f"{disk}{number}"
    node.mkdir(parents=True)
    (node / "partition").write_text(f"{number}\n")
    link(sysfs, node, device)
    return node


def link(sysfs: Path, node: Path, device: str) -> None:
    (sysfs / "dev/block").mkdir(parents=True, exist_ok=True)
    (sysfs / "dev/block" / device).symlink_to(node)


def test_of_a_plain_disk(tmp_path: Path) -> None:
    for number in (1, 2, 3, 4):
        partition(tmp_path, "sda", number, f"8:{number}")
    assert esps_of(os.makedev(8, 3), tmp_path) == ("/dev/sda2",)


def test_of_both_disks_of_a_mirror_and_of_the_one_that_is_left(tmp_path: Path) -> None:
    array = tmp_path / "devices/virtual/md127"
    (array / "md").mkdir(parents=True)
    (array / "slaves").mkdir()
    link(tmp_path, array, "9:127")
    for disk, major in (("sda", 8), ("sdb", 65)):
        partition(tmp_path, disk, 2, f"{major}:2")
        (array / "slaves" / f"{disk}3").symlink_to(partition(tmp_path, disk, 3, f"{major}:3"))
    assert esps_of(os.makedev(9, 127), tmp_path) == ("/dev/sda2", "/dev/sdb2")
    (array / "slaves/sda3").unlink()
    assert esps_of(os.makedev(9, 127), tmp_path) == ("/dev/sdb2",)


def test_of_a_multipath_map(tmp_path: Path) -> None:
    node = tmp_path / "devices/virtual/dm-3"
    (node / "dm").mkdir(parents=True)
    (node / "dm/name").write_text("36001405abc-part3\n")
    link(tmp_path, node, "254:3")
    assert esps_of(os.makedev(254, 3), tmp_path) == ("/dev/mapper/36001405abc-part2",)


def test_a_system_without_an_esp_is_an_error(tmp_path: Path) -> None:
    partition(tmp_path, "sda", 3, "8:3")
    with pytest.raises(UserError, match="no ESP was found next to the system partition sda3"):
        esps_of(os.makedev(8, 3), tmp_path)
