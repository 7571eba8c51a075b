"""``dom0kit answers convert``: results on standard output or in a file, warnings on standard error, exit codes that are real."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.reader import read_answers
from programs.build_machine import main

XML = Path(__file__).parent / "xenserver/samples/dhcp.xml"


def test_convert_prints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["answers", "convert", str(XML)]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("warning: ") == 3
    (tmp_path / "a.yaml").write_text(captured.out)
    assert read_answers(tmp_path / "a.yaml") == read_answers(XML)


def test_convert_writes_a_file_that_only_its_owner_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tmp_path / "a.yaml"
    assert main(["answers", "convert", str(XML), "-o", str(made)]) == 0
    assert made.stat().st_mode & 0o777 == 0o600
    assert read_answers(made) == read_answers(XML)
    assert "converted, 3 warnings" in capsys.readouterr().out
    assert main(["answers", "convert", str(XML), "-o", str(tmp_path / "absent" / "a.yaml")]) == 1
    assert "cannot write" in capsys.readouterr().err


def test_convert_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.xml").write_text("<installation/>")
    (tmp_path / "a.yaml").write_text("version: 1\n")
    assert main(["answers", "convert", str(tmp_path / "a.xml"), "-o", str(tmp_path / "b.yaml")]) == 1
    assert not (tmp_path / "b.yaml").exists()
    assert "a.xml:1:1: installation: hostname is missing" in capsys.readouterr().err
    assert main(["answers", "convert", str(tmp_path / "a.yaml")]) == 1
    assert "is not XML" in capsys.readouterr().err
