"""Users' scripts as real processes: their interpreter, output, time limit, and what they leave running."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dom0kit.errors import UserError
from dom0kit.user_script import OUTPUT, run_script
from installer import user_scripts
from installer.command_log import Commands
from installer.user_scripts import Ready


def go(content: str, tmp_path: Path, *, seconds: int = 60, **environment: str) -> str:
    """Run a script; return what was noted."""
    notes: list[str] = []
    folder = tmp_path / "scripts"
    folder.mkdir(exist_ok=True)
    try:
        run_script(content.encode(), "script 1", seconds=seconds, environment=environment, note=notes.append, folder=folder)
    finally:
        assert list(folder.iterdir()) == [], "neither script nor output are left"
    return "\n".join(notes)


def test_its_own_interpreter_runs_it_with_its_environment(tmp_path: Path) -> None:
    text = "#!/usr/bin/python3\nimport os, sys\n"
    text += "print(os.environ['DOM0KIT_STAGE'], 'SHELL' in os.environ)\nprint('!', file=sys.stderr)\n"
    noted = go(text, tmp_path, DOM0KIT_STAGE="start")
    assert noted.startswith("script 1: exit code 0, ")
    assert noted.splitlines()[1:] in (["start False", "!"], ["!", "start False"])


def test_a_program_that_is_no_text_runs_as_well(tmp_path: Path) -> None:
    notes: list[str] = []
    run_script(Path("/bin/true").read_bytes(), "x", seconds=60, environment={}, note=notes.append, folder=tmp_path)
    assert notes[0].startswith("x: exit code 0")


def test_an_exit_code_is_an_error_with_the_last_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended with exit code 3: no such shelf"):
        go("#!/bin/sh\necho first\necho 'no such shelf' >&2\nexit 3\n", tmp_path)


def test_an_interpreter_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="ended with exit code 127"):
        go("#!/usr/bin/no-such-interpreter\n", tmp_path)


def test_the_time_limit_ends_the_script_and_what_it_has_started(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begin = time.monotonic()
    with pytest.raises(UserError, match="did not end within 1 s"):
        go(f"#!/bin/sh\nsleep 600 & echo $! >{pid}\nwait\n", tmp_path, seconds=1)
    assert time.monotonic() - begin < 120
    assert ended(int(pid.read_text()))


def test_a_script_that_ignores_its_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dom0kit.user_script.GRACE", 1)
    pid = tmp_path / "pid"
    with pytest.raises(UserError, match="did not end within 1 s"):
        go(f"#!/bin/sh\ntrap '' TERM\necho $$ >{pid}\nwhile :; do sleep 0.1; done\n", tmp_path, seconds=1)
    assert ended(int(pid.read_text()))


def test_a_process_in_the_background_is_not_waited_for(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begin = time.monotonic()
    go(f"#!/bin/sh\nsleep 600 &\necho $! >{pid}\n", tmp_path)
    assert time.monotonic() - begin < 120
    assert Path("/proc", pid.read_text().strip()).exists()
    os.kill(int(pid.read_text()), 9)


def test_much_output_is_cut_to_its_end(tmp_path: Path) -> None:
    noted = go("#!/bin/sh\nseq 1 200000\n", tmp_path)
    assert len(noted) < OUTPUT + 1000
    assert noted.endswith("\n200000")


def ended(pid: int) -> bool:
    """Return whether a process comes to its end soon; its parent may not have reaped it."""
    end = time.monotonic() + 20
    stat = Path(f"/proc/{pid}/stat")
    while time.monotonic() < end:
        try:
            if stat.read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_the_installers_stages_run_in_order_and_stop_at_the_first_failure(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def script(number: int, stage: str, code: int = 0) -> Ready:
        text = f"#!/bin/sh\necho {number} $DOM0KIT_STAGE $HOST >>{out}\nexit {code}\n"
        return Ready(f"script {number} ({stage})", stage, text.encode(), 60)

    steps: list[str] = []

    @contextmanager
    def step(title: str) -> Iterator[None]:
        steps.append(title)
        yield

    log = io.StringIO()
    scripts = (script(1, "start"), script(2, "written"), script(3, "start"), script(4, "start", 5), script(5, "start"))
    with pytest.raises(UserError, match=r"script 4 \(start\) ended with exit code 5"):
        user_scripts.run_stage(scripts, "start", {"HOST": "xen1"}, Commands(log), step)
    assert out.read_text().splitlines() == ["1 start xen1", "3 start xen1", "4 start xen1"]
    assert steps == ["script 1 (start)", "script 3 (start)", "script 4 (start)"]
    assert "script 3 (start): exit code 0" in log.getvalue()
