"""What is made of a script's exit code, output and time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dom0kit.errors import UserError
from dom0kit.process import Result
from dom0kit.user_script import run_script


class Fake:
    def __init__(self, code: int = 0, output: str = "", seconds: float = 0.1) -> None:
        self.code, self.output, self.seconds = code, output, seconds
        self.content = b""
        self.env: dict[str, str] = {}

    def __call__(self, argv: list[str], *, check: bool, env: dict[str, str], timeout: float) -> Result:
        assert argv[:3] == ["timeout", "--kill-after=10", "5"]
        assert timeout > 5 + 10
        assert not check
        script, output = Path(argv[-2]), Path(argv[-1])
        assert script.stat().st_mode & 0o777 == 0o700
        self.content, self.env = script.read_bytes(), env
        output.write_text(self.output)
        return Result(tuple(argv), self.code, "", "", self.seconds)


def go(fake: Fake, tmp_path: Path) -> list[str]:
    notes: list[str] = []
    environment = {"A": "1"}
    run_script(
        b"#!/bin/sh\n", "script 1 (start)", seconds=5, environment=environment, note=notes.append, runner=fake, folder=tmp_path
    )
    return notes


def test_well(tmp_path: Path) -> None:
    fake = Fake(output="hello\nworld\n")
    assert go(fake, tmp_path) == ["script 1 (start): exit code 0, 0.1 s\nhello\nworld"]
    assert fake.content == b"#!/bin/sh\n"
    assert fake.env == {"A": "1"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "output", "words"), [(3, "a\nno disk\n", "exit code 3: no disk"), (1, "", "it said nothing")])
def test_a_failure_says_its_last_line(tmp_path: Path, code: int, output: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        go(Fake(code, output), tmp_path)


def test_too_slow_and_an_own_exit_code_of_124(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did not end within 5 s"):
        go(Fake(124, seconds=5.1), tmp_path)
    with pytest.raises(UserError, match="exit code 124"):
        go(Fake(124, seconds=1.0), tmp_path)


def test_output_that_is_no_text(tmp_path: Path) -> None:
    class Binary(Fake):
        def __call__(self, argv: list[str], **settings: Any) -> Result:
            result = super().__call__(argv, **settings)
            Path(argv[-1]).write_bytes(b"\xff\xfe\n")
            return result

    assert "�" in go(Binary(), tmp_path)[0]
