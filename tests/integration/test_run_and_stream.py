"""Real processes: output, errors, time limits, signals, and what is left of them afterwards."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dom0kit import process
from dom0kit.errors import UserError
from dom0kit.process import TAIL_LINES, CommandFailed, run, stream


def alive(pid: int) -> bool:
    """Return whether a process runs; one that has ended and was not reaped does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def gone(pid: int, seconds: float = 20) -> bool:
    """Wait for the end of a process; return whether it came."""
    end = time.monotonic() + seconds
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


def test_both_outputs_and_the_exit_code() -> None:
    result = run(["sh", "-c", "echo out; echo err >&2; exit 3"], check=False)
    assert (result.output, result.errors, result.returncode) == ("out\n", "err\n", 3)
    assert result.argv[0] == "sh"
    assert 0 < result.seconds < 60


def test_output_larger_than_a_pipe_and_bytes_that_are_no_text() -> None:
    result = run(["sh", "-c", r"head -c 300000 /dev/zero | tr '\0' x; printf '\377'; head -c 200000 /dev/zero >&2"])
    assert result.output == "x" * 300000 + "�"
    assert len(result.errors) == 200000


def test_standard_input_is_closed_or_what_was_given() -> None:
    assert run(["cat"]).output == ""
    assert run(["cat"], stdin="grüße\n").output == "grüße\n"
    assert run(["od", "-An", "-tx1"], stdin=b"\x00\xff").output.split() == ["00", "ff"]


def test_the_environment_and_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET_OF_THE_CALLER", "x")
    result = run(["sh", "-c", 'echo "$SECRET_OF_THE_CALLER|$GIVEN|$LC_ALL|$PWD"'], env={"GIVEN": "y"}, cwd=tmp_path)
    assert result.output.strip() == f"|y|C.UTF-8|{tmp_path}"


def test_a_failure_has_the_last_words_on_standard_error_or_else_on_standard_output() -> None:
    with pytest.raises(CommandFailed, match=r"sh exited with 4(.|\n)*why"):
        run(["sh", "-c", "echo not this; echo why >&2; exit 4"])
    with pytest.raises(CommandFailed) as caught:
        run(["sh", "-c", "echo this; exit 4"], hint="try harder")
    assert (caught.value.tail, caught.value.returncode, caught.value.hint) == ("this", 4, "try harder")


def test_a_command_that_a_signal_ended_says_which() -> None:
    with pytest.raises(CommandFailed, match="was killed by signal 15"):
        run(["sh", "-c", "kill -TERM $$"])


def test_a_command_past_its_time_is_killed(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(CommandFailed, match=r"timed out after 0.5 s") as caught:
        run(["sh", "-c", f"echo $$ >{tmp_path}/pid; trap '' TERM; exec sleep 600"], timeout=0.5)
    assert time.monotonic() - begin < 60
    assert caught.value.returncode == -9
    assert gone(int((tmp_path / "pid").read_text()))


def test_a_missing_program_names_itself(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the program no-such-program is not installed") as caught:
        run(["no-such-program", "--for", "me"])
    assert "no-such-program --for me" in caught.value.hint
    log = io.StringIO()
    with pytest.raises(UserError, match="the program no-such-program is not installed"):
        stream(["no-such-program"], log=log, hint="package nothing")
    assert log.getvalue() == "+ no-such-program\n"


def test_a_folder_that_is_missing_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    for start in (lambda: run(["true"], cwd=tmp_path / "no"), lambda: stream(["true"], log=io.StringIO(), cwd=tmp_path / "no")):
        with pytest.raises(UserError, match=r"the folder .*/no does not exist"):
            start()


def test_no_file_stays_open_when_a_program_is_missing() -> None:
    before = set(os.listdir("/proc/self/fd"))
    for terminal in (False, True):
        with pytest.raises(UserError):
            stream(["no-such-program"], log=io.StringIO(), terminal=terminal)
    assert set(os.listdir("/proc/self/fd")) == before


def test_lines_come_while_the_command_runs(tmp_path: Path) -> None:
    """The command waits for what the first line causes: it would never end if lines came only at its end."""
    flag = tmp_path / "seen"
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        flag.touch()

    log = io.StringIO()
    script = f"echo first; while [ ! -e {flag} ]; do sleep 0.05; done; echo second >&2; printf last"
    result = stream(["sh", "-c", script], log=log, on_line=on_line)
    assert lines == ["first", "second", "last"]
    assert log.getvalue().splitlines()[1:] == lines
    assert log.getvalue().startswith("+ sh -c ")
    assert (result.returncode, result.output) == (0, "")


def test_progress_meters_and_empty_lines() -> None:
    lines: list[str] = []
    stream(["printf", r"10 %%\r20 %%\r\n\n  done  \n"], log=io.StringIO(), on_line=lines.append)
    assert lines == ["10 %", "20 %", "  done"]


def test_a_terminal_of_eighty_columns_when_asked_for() -> None:
    words = ["sh", "-c", "test -t 1 && stty size <&1 || echo none"]
    for terminal, expected in ((True, "24 80"), (False, "none")):
        lines: list[str] = []
        stream(words, log=io.StringIO(), on_line=lines.append, terminal=terminal)
        assert lines == [expected]


def test_a_failing_stream_keeps_its_last_lines() -> None:
    with pytest.raises(CommandFailed, match="exited with 7") as caught:
        stream(["sh", "-c", "seq 1 100; exit 7"], log=io.StringIO(), hint="look")
    assert caught.value.tail.splitlines() == [str(number) for number in range(101 - TAIL_LINES, 101)]
    assert caught.value.hint == "look"


def test_an_interruption_ends_the_command_and_what_it_has_started(tmp_path: Path) -> None:
    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    script = f"sleep 600 & echo $! >{tmp_path}/child; echo $$ >{tmp_path}/pid; echo ready; wait"
    with pytest.raises(KeyboardInterrupt):
        stream(["sh", "-c", script], log=io.StringIO(), on_line=interrupt)
    assert gone(int((tmp_path / "pid").read_text()))
    assert gone(int((tmp_path / "child").read_text()))


def test_an_interruption_ends_a_command_that_ignores_the_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.5)
    pid = tmp_path / "pid"

    def interrupt(line: str) -> None:
        raise KeyboardInterrupt

    done = threading.Event()
    script = f"trap '' TERM; echo $$ >{pid}; echo ready; while :; do sleep 0.1; done"
    watchdog = threading.Timer(40, lambda: done.is_set() or os.kill(int(pid.read_text()), signal.SIGKILL))
    watchdog.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        stream(["sh", "-c", script], log=io.StringIO(), on_line=interrupt)
    done.set()
    watchdog.cancel()
    assert time.monotonic() - begin < 35, "it was the watchdog of this test that ended it"
    assert gone(int(pid.read_text()))


def test_a_real_interruption_from_the_keyboard(tmp_path: Path) -> None:
    """A program of ours that streams gets SIGINT alone, as from a script: the command must end with it."""
    code = (
        "import sys\nfrom dom0kit.process import stream\n"
        f"stream(['sh', '-c', 'echo $$ >{tmp_path}/pid; exec sleep 600'], log=sys.stdout, on_line=print)\n"
    )
    program = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    end = time.monotonic() + 60
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
        assert time.monotonic() < end
        time.sleep(0.02)
    program.send_signal(signal.SIGINT)
    assert program.wait(60) != 0
    assert gone(int((tmp_path / "pid").read_text()))
