"""``dom0kit answers check``: valid files, facts of a real host, and the plan that the installer would make."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from installer_samples import DISK, HASH, NIC, facts, manifest_text

from dom0kit.errors import UserError
from dom0kit.units import GIB
from installer.hardware.facts_json import facts_from_json, read_facts
from installer.model.hardware import Disk, PhysicalVolume
from programs.build_machine import main

GOOD = f'version: 1\nhost_name: xen1\ntarget: {{disk: {{serial: DISK1}}}}\nroot: {{password_hash: "{HASH}"}}\n'
RICH = facts(
    DISK,
    Disk("/dev/sdb", "disk", 50 * GIB, contents=("x",), volumes=(("lvm", "/dev/mapper/a-b"),), aliases=("/dev/disk/by-id/b",)),
    physical_volumes=(PhysicalVolume("/dev/sdb1", "a"),),
    virtualization=None,
)


def check(*words: Any) -> int:
    return main(["answers", "check", *map(str, words)])


def written(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


def test_valid_and_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(GOOD)
    bad.write_text("version: 1\n")
    assert check(good) == 0
    assert check(bad, good, tmp_path / "absent.yaml") == 1
    captured = capsys.readouterr()
    assert "bad.yaml:1:1: host_name: missing" in captured.err
    assert "absent.yaml: No such file" in captured.err
    assert captured.out.count(": valid, ") == 2


def test_references_pass_with_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD + "pool: {join: {token: env:TOKEN}}\n")
    assert check(tmp_path / "a.yaml") == 0
    assert "note: pool.join.token is a reference" in capsys.readouterr().out


def test_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    host = written(tmp_path / "host.json", facts().to_json())
    assert check(tmp_path / "a.yaml", "--facts", host) == 0
    out = capsys.readouterr().out
    assert "install dom0kit 0.0.0 as xen1" in out
    assert f"management: {NIC.name} {NIC.mac}" in out
    assert HASH not in out
    (tmp_path / "manifest.json").write_text(manifest_text(version="0.1.0"))
    assert check(tmp_path / "a.yaml", "--facts", host, "--image", tmp_path) == 0
    assert "install dom0kit 0.1.0 as xen1" in capsys.readouterr().out


def test_host_that_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    host = written(tmp_path / "host.json", facts(dataclasses.replace(DISK, serial="OTHER")).to_json())
    assert check(tmp_path / "a.yaml", "--facts", host) == 1
    err = capsys.readouterr().err
    assert "a.yaml: no disk matches target.disk (serial: DISK1)" in err
    assert "its serial is OTHER" in err


def test_wrong_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    assert check(tmp_path / "a.yaml", "--image", tmp_path) == 1
    assert "--facts" in capsys.readouterr().err
    assert check(tmp_path / "a.yaml", "--facts", tmp_path / "absent.json") == 1
    assert "cannot read the facts" in capsys.readouterr().err


def test_facts_come_back(tmp_path: Path) -> None:
    assert read_facts(written(tmp_path / "host.json", RICH.to_json())) == RICH
    assert facts_from_json(RICH.to_json()) == RICH


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"disks": 5}, "disks is 5, not a list"),
        ({"disks": [{"path": "/dev/sda"}]}, "disks[0].kind is missing"),
        ({"disks": [{"path": "/dev/sda", "kind": "disk", "size": "1"}]}, "disks[0].size is '1', not of the type int"),
        ({"disks": [{"path": "/dev/sda", "kind": "disk", "size": True}]}, "disks[0].size is True, not of the type int"),
        ({"disks": ["sda"]}, "disks[0] is 'sda', not an object"),
        ({"disks": [{"path": "a", "kind": "disk", "size": 1, "volumes": [["lvm"]]}]}, "disks[0].volumes[0] has 1 entries, not 2"),
        ({"nics": [{"name": "a", "mac": "b", "carrier": "yes"}]}, "nics[0].carrier is 'yes'"),
        ({"colour": 1}, "colour is unknown"),
        ({"firmware": "openboot"}, "firmware is 'openboot', not bios or uefi"),
        ({"memory": None}, "memory is None"),
    ],
)
def test_no_facts(change: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        facts_from_json({**facts().to_json(), **change})
    assert said in caught.value.message
    assert "dom0kit facts --json" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "1", "{", "[" * 100_000, "\xff"])
def test_invalid_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "host.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match="facts"):
        read_facts(tmp_path / "host.json")
