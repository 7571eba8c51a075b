"""What the run reads from cannot be a target: D3."""

from __future__ import annotations

import io
import json
from pathlib import Path

from fake_runner import FakeRunner

from installer.command_log import Commands
from installer.hardware import probe
from installer.hardware.used_volumes import UsedVolume, read_used, remember

DISK = {"type": "disk", "size": 64_000_000_000, "mountpoints": [None]}
STICK = {**DISK, "path": "/dev/sdb", "children": [{"type": "part", "path": "/dev/sdb1", "fstype": "vfat", "uuid": "AAAA-BBBB"}]}


def uses(root: Path) -> dict[str, tuple[str, ...]]:
    text = json.dumps({"blockdevices": [{**DISK, "path": "/dev/sda"}, STICK]})
    found = probe.collect(root=root, output=lambda argv: text if argv[0] == "lsblk" else "")
    return {disk.path: disk.uses for disk in found.disks}


def test_d3_a_volume_that_was_read_is_known_by_its_device(tmp_path: Path) -> None:
    commands = Commands(io.StringIO(), runner=FakeRunner({}))
    remember(Path("/dev/sdb1"), "the answers", commands, tmp_path)
    remember(Path("/dev/sdb1"), "packages", commands, tmp_path)
    remember(Path("/dev/sdb1"), "packages", commands, tmp_path)
    assert uses(tmp_path) == {"/dev/sda": (), "/dev/sdb": ("the answers", "packages")}


def test_d3_a_stick_in_another_port_is_known_by_its_identifier(tmp_path: Path) -> None:
    commands = Commands(io.StringIO(), runner=FakeRunner({"blkid": "AAAA-BBBB\n"}))
    remember(Path("/dev/sdz9"), "the answers", commands, tmp_path)
    assert read_used(tmp_path) == (UsedVolume("/dev/sdz9", "the answers", "AAAA-BBBB"),)
    assert uses(tmp_path) == {"/dev/sda": (), "/dev/sdb": ("the answers",)}


def test_without_a_record_nothing_is_used(tmp_path: Path) -> None:
    assert read_used(tmp_path) == ()
    assert uses(tmp_path) == {"/dev/sda": (), "/dev/sdb": ()}
