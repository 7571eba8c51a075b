"""Commands: the environment, and errors that can be pasted."""

from __future__ import annotations

import errno
import signal
import subprocess
from typing import Any

import pytest

from dom0kit.errors import UserError
from dom0kit.process import CommandFailed, environment, run


def test_the_environment_is_built_not_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_PRELOAD", "evil.so")
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    env = environment({"A": "b"})
    assert "LD_PRELOAD" not in env
    assert env["https_proxy"] == "http://proxy:3128"
    assert (env["A"], env["TZ"], env["LC_ALL"]) == ("b", "UTC", "C.UTF-8")


def test_a_failure_shows_the_command_ready_to_paste_and_its_last_words() -> None:
    error = CommandFailed(["mkfs.ext4", "-L", "two words", "/dev/sda3"], 1, "line one\nno space", "use a larger disk")
    assert "mkfs.ext4 exited with 1: mkfs.ext4 -L 'two words' /dev/sda3" in str(error)
    assert str(error).endswith("no space\n  hint: use a larger disk")


def test_a_signal_is_named() -> None:
    assert "was killed by signal 9" in str(CommandFailed(["x"], -9, ""))


def test_a_program_on_a_failing_medium_is_not_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """M1: reading a program from a damaged stick ends with EIO; a page that is read later ends with SIGBUS."""

    def fails(*_: Any, **__: Any) -> None:
        raise OSError(errno.EIO, "Input/output error", "sgdisk")

    monkeypatch.setattr(subprocess, "run", fails)
    with pytest.raises(UserError, match="cannot run sgdisk: Input/output error") as caught:
        run(["sgdisk"])
    assert "medium that holds it fails" in caught.value.hint
    assert "medium that holds the program fails" in CommandFailed(["x"], -signal.SIGBUS, "").hint
    assert CommandFailed(["x"], -signal.SIGBUS, "", "my hint").hint == "my hint"


def test_a_missing_program_is_a_users_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise FileNotFoundError("nosuch")

    monkeypatch.setattr(subprocess, "run", missing)
    with pytest.raises(UserError, match="the program nosuch is not installed"):
        run(["nosuch"])
