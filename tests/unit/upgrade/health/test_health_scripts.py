"""The administrator's checks."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runner import Ended, FakeRunner

from firstboot.host import Host
from upgrade.health import scripts


def add(host: Host, name: str, mode: int = 0o755) -> Path:
    path = host.path(f"{scripts.FOLDER}/{name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


def test_none_without_folders(host: Host) -> None:
    assert scripts.run_all(host, {}) == ()


def test_order_and_files_that_are_no_checks(host: Host) -> None:
    for name in ("required.d/20-b", "required.d/10-a", "wanted.d/c", "required.d/README", "required.d/a~", "wanted.d/.c.swp"):
        add(host, name)
    found = [(path.name, required) for path, required in scripts.programs(host.root)]
    assert found == [("10-a", True), ("20-b", True), ("c", False)]


@pytest.mark.parametrize(
    ("ended", "state", "text"),
    [
        (Ended(0, "one\nall is there\n"), "ok", "all is there"),
        (Ended(0), "ok", "exit code 0"),
        (Ended(1, "the link is slow\x1b[31m\n"), "failed", "the link is slow [31m"),
        (Ended(75, "", "not mounted yet"), "waiting", "not mounted yet"),
        (Ended(124, seconds=300.0), "failed", "did not end within 300 s"),
        (Ended(124, seconds=1.0), "failed", "exit code 124"),
        (Ended(2), "failed", "exit code 2"),
    ],
)
def test_exit_codes(host: Host, runner: FakeRunner, ended: Ended, state: str, text: str) -> None:
    path = add(host, "required.d/check")
    runner.outputs["timeout"] = ended
    (check,) = scripts.run_all(host, {"DOM0KIT_TRY": "x"})
    assert (check.name, check.required, check.state, check.text) == ("check", True, state, text)
    assert runner.requests[-1].argv[-1] == str(path)
    assert runner.requests[-1].env == {"DOM0KIT_TRY": "x"}


def test_a_file_that_is_not_executable_has_failed(host: Host, runner: FakeRunner) -> None:
    path = add(host, "wanted.d/check", 0o644)
    (check,) = scripts.run_all(host, {})
    assert (check.required, check.state) == (False, "failed")
    assert check.hint == f"run chmod +x {path}"
    assert not runner.calls
