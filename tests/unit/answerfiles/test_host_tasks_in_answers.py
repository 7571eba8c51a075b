"""Answers with another mode than an installation: their own fields, errors at their places, inventories of them."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from answerfiles.checking.recognition import kind_of
from answerfiles.inventory.render import Site, render_hosts
from answerfiles.inventory.sources import read_inventory
from answerfiles.json_schema import schema
from answerfiles.model import HostTask
from answerfiles.reader import parse_answers, parse_any, read_any
from answerfiles.validation import AnswersError
from answerfiles.yaml_positions import read_document
from installer.answers_check import described_task
from programs.build_machine import main

WHOLE = """\
version: 1
mode: upgrade
host_name: xen1.example.org
system: 0F6DC7A1-5d0e-4a51-9a35-5a4f6d3f0001
target: {mirror: [{serial: A}, {serial: B}]}
force: true
san: {multipath: required}
reports: {webhook: {url: "https://x.example.org/"}}
finish: poweroff
on_failure: reboot
"""


def problems(text: str) -> list[tuple[str, str]]:
    with pytest.raises(AnswersError) as caught:
        parse_any(text)
    return [(problem.field, problem.code) for problem in caught.value.problems]


def test_a_task_has_its_fields(tmp_path: Path) -> None:
    found = parse_any(WHOLE)
    assert isinstance(found, HostTask)
    assert found.system == "0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001"
    assert found.target is not None
    assert str(found.target) == "(serial: A) or (serial: B)"
    assert "upgrades the host xen1.example.org on the system partition 0f6d" in described_task(found)
    (tmp_path / "x.yaml").write_text("version: 1\nmode: rollback\nimage: 0.1.0\n")
    assert isinstance(read_any(tmp_path / "x.yaml"), HostTask)
    assert kind_of("version: 1\nmode: reset\n") == "answers"


def test_the_schema_knows_both() -> None:
    validator = jsonschema.Draft202012Validator(schema())
    assert validator.is_valid(read_document(WHOLE).value)
    assert not validator.is_valid({"version": 1, "mode": "upgrade", "root": {"ask": True}})
    assert not validator.is_valid({"version": 1, "host_name": "xen1"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mode: upgrade\nroot: {ask: true}\nguests: none\n", [("root", "not-in-mode"), ("guests", "not-in-mode")]),
        ("mode: upgrade\ntarget: {disk: {serial: A}, wipe: true}\n", [("target.wipe", "unknown-key")]),
        ("mode: upgrade\ntarget: {}\n", [("target", "target")]),
        ("mode: upgrade\nhost_name: dhcp x\n", [("host_name", "host-name")]),
        ("mode: upgrade\nsystem: 7\n", [("system", "wrong-type")]),
        ("mode: upgrade\nsystem: x\n", [("system", "uuid")]),
        ("mode: upgrade\nimage: 0.1.0\n", [("image", "not-in-mode")]),
        ("mode: rollback\nforce: true\n", [("force", "not-in-mode")]),
        ("mode: rollback\nimage: ../x\n", [("image", "image-name")]),
        ("mode: upgrad\n", [("mode", "not-allowed")]),
        ("mode: upgrade\ninstall: 1\n", [("install", "unknown-key")]),
    ],
)
def test_errors_at_their_places(text: str, expected: list[tuple[str, str]]) -> None:
    assert problems(f"version: 1\n{text}") == expected


def test_an_installation_does_not_take_a_task() -> None:
    with pytest.raises(AnswersError, match="mode: found 'upgrade'; allowed: install"):
        parse_answers("version: 1\nmode: upgrade\n")


INVENTORY = """\
defaults:
  mode: upgrade
  force: true
  root: {password_hash: "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"}
  target: {disk: {size: {at_least: 20 GB}}, wipe: true}
  serial_console: {port: com2}
hosts:
  xen1.example.org: {mac: "52:54:00:00:00:01"}
  xen2.example.org: {mac: "52:54:00:00:00:02", host_name: "xen-{serial}"}
  xen3.example.org: {mac: "52:54:00:00:00:03", mode: install, force: null}
"""


def test_one_word_turns_an_inventory_into_an_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(INVENTORY)
    first, second, third = render_hosts(read_inventory(path), Site("http://192.0.2.1", b"k" * 32))
    upgrade = parse_any(first.answers)
    assert isinstance(upgrade, HostTask)
    assert (upgrade.host_name, upgrade.force) == ("xen1.example.org", True)
    assert upgrade.reports.webhook is not None
    assert "ttyS1" in first.consoles
    other = parse_any(second.answers)
    assert isinstance(other, HostTask)
    assert other.host_name is None
    assert parse_answers(third.answers).target.wipe is True


def test_check_says_what_a_task_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("version: 1\nmode: reset\ntarget: {disk: {serial: A}}\n")
    assert main(["answers", "check", str(path)]) == 0
    assert "valid, makes the state again of the host on the disk with (serial: A)" in capsys.readouterr().out
