"""Events, sinks and step times."""

from __future__ import annotations

import errno
import io
import json
import os
import select
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from dom0kit import events
from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter, TerminalSink, json_sink, shared_sink


def test_a_step_is_announced_timed_and_finished() -> None:
    seen: list[Event] = []
    reporter = Reporter("build", [seen.append])
    with reporter.step("copy") as step:
        step.progress(0.5, "half")
    assert [(e["event"], e.get("state")) for e in seen] == [("step", "started"), ("progress", None), ("step", "finished")]
    assert seen[1]["fraction"] == 0.5
    assert reporter.times[0][0] == "copy"
    assert "all steps" in reporter.time_table()


def test_a_failed_step_says_why_and_does_not_count() -> None:
    seen: list[Event] = []
    reporter = Reporter("build", [seen.append])
    with pytest.raises(UserError), reporter.step("copy"):
        raise UserError("the disk is full", "free some")
    assert seen[-1]["state"] == "failed"
    assert seen[-1]["error"] == "the disk is full"
    assert reporter.times == []


def test_a_broken_sink_is_left_out_and_the_work_goes_on() -> None:
    def broken(_: Event) -> None:
        raise OSError("gone")

    seen: list[Event] = []
    reporter = Reporter("build", [broken, seen.append])
    reporter.emit("started")
    reporter.emit("finished")
    assert len(seen) == 2
    assert broken not in reporter.sinks


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "events"
    sink = json_sink(path)
    sink({"event": "started", "source": "x"})
    sink({"event": "finished", "source": "x"})
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == ["started", "finished"]
    assert path.stat().st_mode & 0o777 == 0o600


class _Poll:
    """Stands in for poll(2) on a virtual machine's port, which no test can make: the same state at once, each time."""

    def __init__(self, state: int) -> None:
        self.state = state

    def register(self, fd: int, mask: int) -> None:
        """Accept any file."""

    def poll(self, milliseconds: float) -> list[tuple[int, int]]:
        """Give the state."""
        return [(0, self.state)]


@pytest.mark.parametrize(("state", "limit"), [(select.POLLHUP, "LISTENER_SECONDS"), (select.POLLOUT, "WRITE_SECONDS")])
def test_a_device_that_nobody_reads_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: int, limit: str
) -> None:
    path = tmp_path / "port"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setattr(select, "poll", lambda: _Poll(state))
    monkeypatch.setattr(events, limit, 0.05)
    reporter = Reporter("installer", [json_sink(path)])
    for _ in range(40):
        reporter.emit("note", text="x" * 4000)
    assert reporter.sinks == []
    assert json.loads(os.read(reading, 10_000).split(b"\n")[0])["event"] == "note"
    os.close(reading)


def test_a_listener_that_is_slow_gets_every_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port with a listener on a busy host was given up after two seconds, and all later events were lost."""
    path = tmp_path / "port"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    monkeypatch.setattr(events, "LISTENER_SECONDS", 0.0)
    got = bytearray()

    def read_late() -> None:
        time.sleep(0.2)
        while got.count(b"\n") < 40:
            with suppress(BlockingIOError):
                got.extend(os.read(reading, 65536))

    reader = threading.Thread(target=read_late, daemon=True)
    reader.start()
    reporter = Reporter("installer", [json_sink(path)])
    for _ in range(40):
        reporter.emit("note", text="x" * 4000)
    reader.join(30)
    assert len(reporter.sinks) == 1
    assert got.count(b"\n") == 40
    os.close(reading)


@pytest.mark.parametrize("bars", [True, False])
def test_the_terminal_shows_steps_and_only_a_terminal_shows_bars(bars: bool) -> None:
    out = io.StringIO()
    reporter = Reporter("build", [TerminalSink(out, bars=bars)])
    with reporter.step("copy") as step:
        step.progress(1.0, "dom0.squashfs")
    assert "ok copy" in out.getvalue()
    assert ("####" in out.getvalue()) is bars
    assert ("\x1b" in out.getvalue()) is bars


def test_a_port_that_somebody_else_has_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A virtio port takes one process at a time: who kept it open took first boot's report away."""
    tries = [OSError(errno.EBUSY, "busy"), OSError(errno.EBUSY, "busy")]
    opened, closed, really = list[int](), list[int](), (os.open, os.close)

    def open_port(path: Path, flags: int, mode: int) -> int:
        if tries:
            raise tries.pop()
        opened.append(really[0](path, flags, mode))
        return opened[-1]

    def close_port(fd: int) -> None:
        closed.append(fd)
        really[1](fd)

    sink = shared_sink(tmp_path / "port", busy=5)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", open_port)
        patch.setattr(os, "close", close_port)
        patch.setattr("time.sleep", lambda seconds: None)
        sink({"event": "one"})
        sink({"event": "two"})
    assert [json.loads(line)["event"] for line in (tmp_path / "port").read_text().splitlines()] == ["one", "two"]
    assert opened == closed
    assert len(opened) == 2


def test_a_port_that_is_never_free_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> int:
        raise OSError(errno.EBUSY, "busy")

    monkeypatch.setattr(os, "open", busy)
    with pytest.raises(OSError, match="busy"):
        shared_sink(tmp_path / "port", busy=-1)({"event": "one"})
