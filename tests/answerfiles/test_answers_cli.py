"""The exit code of the check is real."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.cli import main

FULL = (Path(__file__).parent / "full.yaml").read_text()


def test_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(FULL)
    bad.write_text("version: 1\n")
    assert main(["answers", "check", str(good)]) == 0
    assert main(["answers", "check", str(bad), str(good)]) == 1
    captured = capsys.readouterr()
    assert "bad.yaml:1:1: host_name: missing" in captured.err
    assert captured.out.count("valid") == 2
