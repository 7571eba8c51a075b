"""The subcommands' arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dom0kit.cli import build_parser
from dom0kit.errors import UserError
from iso import cli
from iso.grub_menu import MenuOptions
from iso.master import IsoResult
from programs.build_machine import PROGRAM


def test_master(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, Any] = {}

    def fake_build(image_dir: Path, output: Path, reporter: object, *, options: MenuOptions, added: object) -> IsoResult:
        seen.update(image_dir=image_dir, output=output, options=options)
        return IsoResult(output, 3 * 2**20, "ab" * 32, "DOM0KIT_01234567")

    monkeypatch.setattr(cli, "build", fake_build)
    arguments = build_parser(PROGRAM).parse_args(["master", str(tmp_path), "-o", "x.iso", "--timeout", "5"])
    assert arguments.function(arguments) == 0
    assert seen == {"image_dir": tmp_path, "output": Path("x.iso"), "options": MenuOptions(timeout=5)}
    assert "x.iso  3.0 MiB  DOM0KIT_01234567" in capsys.readouterr().out


def test_help_names_every_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser(PROGRAM).parse_args(["master", "--help"])
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("IMAGE_DIR", "OUT.iso", "--timeout", "--dom0-memory"))


def test_further_files() -> None:
    assert cli.parse_added("a=b.yaml=/answers/a.yaml") == ("/answers/a.yaml", Path("a=b.yaml"))
    for wrong in ("a.yaml", "a.yaml=answers/a.yaml", "=/a"):
        with pytest.raises(UserError, match="is not FILE=/PATH"):
            cli.parse_added(wrong)
