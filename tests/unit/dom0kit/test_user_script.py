"""What is made of a script's exit code, output and time."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runner import Call, Ended, FakeRunner

from dom0kit.errors import UserError
from dom0kit.user_script import run_script


def go(tmp_path: Path, code: int = 0, output: bytes = b"", seconds: float = 0.1) -> tuple[list[str], Call]:
    """Run a script that ends so; return the notes and the call of timeout(1), which holds the script's content as input."""
    content = b""

    def script(call: Call) -> Ended:
        nonlocal content
        path = Path(call.argv[-2])
        assert path.stat().st_mode & 0o777 == 0o700
        content = path.read_bytes()
        Path(call.argv[-1]).write_bytes(output)
        return Ended(code, seconds=seconds)

    notes: list[str] = []
    runner = FakeRunner({"timeout --kill-after=10 5": script})
    run_script(
        b"#!/bin/sh\n",
        "script 1 (start)",
        seconds=5,
        environment={"A": "1"},
        note=notes.append,
        runner=runner,
        folder=tmp_path,
    )
    (call,) = runner.requests
    assert call.timeout is not None
    assert call.timeout > 5 + 10
    assert not call.check
    assert content == b"#!/bin/sh\n"
    return notes, call


def test_success(tmp_path: Path) -> None:
    notes, call = go(tmp_path, output=b"hello\nworld\n")
    assert notes == ["script 1 (start): exit code 0, 0.1 s\nhello\nworld"]
    assert call.env == {"A": "1"}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "output", "words"), [(3, b"a\nno disk\n", "exit code 3: no disk"), (1, b"", "no output")])
def test_an_error_shows_the_last_line(tmp_path: Path, code: int, output: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        go(tmp_path, code, output)


def test_a_timeout_and_an_exit_code_of_124(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did not end within 5 s"):
        go(tmp_path, 124, seconds=5.1)
    with pytest.raises(UserError, match="exit code 124"):
        go(tmp_path, 124, seconds=1.0)


def test_output_that_is_not_text(tmp_path: Path) -> None:
    assert "\ufffd" in go(tmp_path, output=b"\xff\xfe\n")[0][0]
