"""``dom0kit answers check``: valid files, facts of a real host, and the plan that the installer would make."""

from __future__ import annotations

import dataclasses
import io
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


INVENTORY = f"""\
defaults:
  target: {{disk: {{serial: D1}}}}
  root: {{password_hash: "{HASH}"}}
groups: {{g: {{keyboard: 5}}}}
hosts:
  a: {{mac: "52:54:00:00:00:01", groups: [g]}}
  b: {{mac: "52:54:00:00:00:02", groups: [g]}}
"""
XML = "<installation><primary-disk>sda</primary-disk></installation>\n"
KEYS = {"file", "line", "column", "path", "severity", "code", "message", "hint", "hosts"}


def test_inventories_are_recognized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(INVENTORY)
    assert check(path) == 1
    captured = capsys.readouterr()
    assert captured.err == f"{path} has 1 error\n  {path}:4:24: host a and 1 more: keyboard: found 5; " + (
        "allowed: a key map's name, as us or de\n"
    )
    path.write_text(INVENTORY.replace("keyboard: 5", "keyboard: de"))
    assert check(path) == 0
    assert capsys.readouterr().out == f"{path}: valid inventory of 2 hosts\n"
    assert not list(tmp_path.glob("*.key"))


def test_json_is_a_list_with_an_object_for_each_problem(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad, site, xml = (tmp_path / name for name in ("good.yaml", "bad.yaml", "site.yaml", "a.xml"))
    good.write_text(GOOD)
    bad.write_text("version: 1\nkeybord: de\n")
    site.write_text(INVENTORY)
    xml.write_text(XML)
    assert check("--json", good) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert check("--json", good, bad, site, xml, tmp_path / "absent.yaml") == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    rows = json.loads(captured.out)
    assert all(set(row) == KEYS for row in rows)
    assert {row["file"] for row in rows} == {str(bad), str(site), str(xml), str(tmp_path / "absent.yaml")}
    (unknown,) = [row for row in rows if row["code"] == "unknown-key"]
    assert (unknown["line"], unknown["column"], unknown["path"]) == (2, 1, "keybord")
    (shared,) = [row for row in rows if row["file"] == str(site)]
    assert shared["hosts"] == ["a", "b"]
    assert [row["code"] for row in rows if row["file"].endswith("absent.yaml")] == ["unreadable"]


def test_annotations_of_github(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a,b%.yaml"
    path.write_text("version: 1\nkeybord: de\n" + GOOD.partition("\n")[2])
    assert check("--format", "github", path) == 1
    line = capsys.readouterr().out
    assert line.startswith(f"::error file={tmp_path}/a%2Cb%25.yaml,line=2,col=1,title=unknown-key::keybord: unknown key")
    assert line.count("\n") == 1


def test_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    for text, code, said in (
        (GOOD, 0, "<stdin>: valid, installs xen1"),
        (INVENTORY, 1, "<stdin>:4:24: host a and 1 more: keyboard"),
        ("\xff", 1, "standard input is not text in UTF-8"),
        ("", 1, "the file is empty"),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode("latin-1"))))
        assert check("-") == code
        captured = capsys.readouterr()
        assert said in captured.out + captured.err


def test_folders_and_parts_of_inventories(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = {
        "one/host.yaml": GOOD,
        "one/.hidden.yaml": "nonsense: [",
        "one/other.yaml": "on: push\njobs: {}\n",
        "one/notes.txt": "x",
        "site/a-rack.yaml": 'hosts: {c: {mac: "52:54:00:00:00:03", groups: [g]}}\n',
        "site/inventory.yaml": "include: a-rack.yaml\n" + INVENTORY.replace("keyboard: 5", "keyboard: de"),
        "site/hosts.d/d.yaml": 'hosts: {d: {mac: "52:54:00:00:00:04"}}\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert check(tmp_path) == 0
    assert capsys.readouterr().out == (
        f"{tmp_path}/one/host.yaml: valid, installs xen1 on the disk with (serial: DISK1)\n"
        f"{tmp_path}/site/inventory.yaml: valid inventory of 4 hosts in 3 files\n"
    )
    # A hook gives the file that changed.
    assert check(tmp_path / "site/hosts.d/d.yaml") == 0
    assert "inventory.yaml: valid inventory of 4 hosts" in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert check(tmp_path / "empty") == 1
    assert "has neither answer files nor inventories" in capsys.readouterr().err


def test_an_inventory_of_ansible_is_recognized(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hosts.yml"
    path.write_text("all:\n  hosts:\n    xen1: {ansible_host: 192.0.2.1}\n")
    assert check(path) == 1
    assert "an inventory of Ansible's own; export it: ansible-inventory --list" in capsys.readouterr().err


def test_facts_do_not_go_with_an_inventory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site.yaml").write_text(INVENTORY.replace("keyboard: 5", "keyboard: de"))
    host = written(tmp_path / "host.json", facts().to_json())
    assert check(tmp_path / "site.yaml", "--facts", host) == 1
    assert "--facts are of one machine" in capsys.readouterr().err
    (tmp_path / "a.yaml").write_text(GOOD.replace("DISK1", "OTHER"))
    assert check(tmp_path / "a.yaml", "--facts", host, "--json") == 1
    assert [row["code"] for row in json.loads(capsys.readouterr().out)] == ["not-installable"]


def test_a_folder_of_a_project_has_other_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "pom.xml").write_text("<?xml version='1.0'?>\n<project/>\n")
    (tmp_path / "package.json").write_text('{"name": "x",\n\t"version": "1"}')
    (tmp_path / "rules.yaml").write_text("groups:\n- name: x\n  rules: []\n")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert check("--json", tmp_path) == 1
    rows = json.loads(capsys.readouterr().out)
    assert [(row["file"], row["code"]) for row in rows] == [(f"{tmp_path}/binary.yaml", "unreadable")]
