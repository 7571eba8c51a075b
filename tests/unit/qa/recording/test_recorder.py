"""The recorder of screens, with a line to QEMU that answers when the test says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa.recording import recorder
from qa.recording.recorder import Recorder


class Qemu:
    """A line that writes a picture for each screendump."""

    def __init__(self) -> None:
        self.answers: dict[int, dict[str, Any]] = {}
        self.picture = b"first"
        self.requests = 0
        self.error: OSError | None = None
        self.silent = False
        self.refuses = False

    def send_qmp(self, command: str, arguments: dict[str, Any]) -> int:
        if self.error:
            raise self.error
        assert (command, arguments["format"]) == ("screendump", "png")
        self.requests += 1
        if self.refuses:
            self.answers[self.requests] = {"error": {"desc": "no screen"}}
        elif not self.silent:
            Path(arguments["filename"]).write_bytes(self.picture)
            self.answers[self.requests] = {"return": {}}
        return self.requests


class Clock:
    """A clock that the test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(made: Recorder, qemu: Qemu, clock: Clock, seconds: float) -> None:
    """Let time pass in steps of a tenth of a second."""
    for _ in range(int(seconds * 10)):
        clock.now += 0.1
        made.tick(qemu)


def test_only_changed_pictures_are_kept_with_their_time(tmp_path: Path) -> None:
    qemu, clock = Qemu(), Clock()
    made = Recorder(tmp_path / "frames", clock)
    run(made, qemu, clock, 60)
    assert [frame.file for frame in made.frames] == ["0001.png"]
    qemu.picture = b"second"
    run(made, qemu, clock, 30)
    assert [frame.file for frame in made.frames] == ["0001.png", "0002.png"]
    assert (tmp_path / "frames/0002.png").read_bytes() == b"second"
    lines = [json.loads(line) for line in (tmp_path / "frames/frames.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == ["0001.png", "0002.png"]
    assert lines[0]["at"] == pytest.approx(1.0, abs=0.6)
    assert 60 <= lines[1]["at"] <= 60 + recorder.LONGEST_INTERVAL + 1


def test_a_screen_that_rests_is_asked_for_less_often(tmp_path: Path) -> None:
    qemu, clock = Qemu(), Clock()
    run(Recorder(tmp_path / "frames", clock), qemu, clock, 300)
    assert 300 / recorder.LONGEST_INTERVAL - 3 <= qemu.requests <= 300 / recorder.LONGEST_INTERVAL + 6


def test_a_blinking_cursor_is_no_change(tmp_path: Path) -> None:
    qemu, clock = Qemu(), Clock()
    made = Recorder(tmp_path / "frames", clock)
    for number in range(20):
        qemu.picture = b"cursor on" if number % 2 else b"cursor off"
        run(made, qemu, clock, recorder.LONGEST_INTERVAL + 1)
    assert len(made.frames) == 2


def test_the_number_of_pictures_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "MOST_FRAMES", 10)
    qemu, clock = Qemu(), Clock()
    made = Recorder(tmp_path / "frames", clock)
    for number in range(100):
        qemu.picture = str(number).encode()
        run(made, qemu, clock, recorder.INTERVAL)
    assert len(made.frames) <= 10
    assert sorted(path.name for path in (tmp_path / "frames").glob("0*.png")) == [frame.file for frame in made.frames]
    assert made.frames[0].file == "0001.png"


def test_a_slow_emulator_is_left_alone(tmp_path: Path) -> None:
    """A picture that takes four seconds is followed by 40 seconds without one."""
    qemu, clock = Qemu(), Clock()
    made = Recorder(tmp_path / "frames", clock)
    qemu.silent = True
    run(made, qemu, clock, 5.05)
    assert qemu.requests == 1, "one picture at a time"
    qemu.answers[1] = {"return": {}}
    qemu.silent = False
    run(made, qemu, clock, 35)
    assert qemu.requests == 1
    run(made, qemu, clock, 10)
    assert qemu.requests == 2


def test_nothing_that_fails_is_raised(tmp_path: Path) -> None:
    qemu, clock = Qemu(), Clock()
    qemu.refuses = True
    made = Recorder(tmp_path / "frames", clock)
    run(made, qemu, clock, 60)
    assert made.frames == []
    qemu.error = BrokenPipeError()
    run(made, qemu, clock, 60)
    assert made.stopped
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    made = Recorder(blocked, clock)
    run(made, Qemu(), clock, 60)
    assert made.stopped


def test_an_unfinished_picture_does_not_stay(tmp_path: Path) -> None:
    qemu, clock = Qemu(), Clock()
    made = Recorder(tmp_path / "frames", clock)
    run(made, qemu, clock, 1)
    (tmp_path / "frames/new.png").write_bytes(b"half")
    made.close()
    assert not (tmp_path / "frames/new.png").exists()
    run(made, qemu, clock, 60)
    assert made.frames == []
