"""Record a machine's VGA screen: a picture every few seconds, kept when it differs from the ones before.

Nothing waits for a picture: it is requested from QEMU, and the reply is read with the channels of the machine. No error
here fails a scenario; a recorder that meets one stops.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

INTERVAL = 4.0
"""Seconds between two pictures while the screen changes."""
LONGEST_INTERVAL = 15.0
"""Seconds between two pictures of a screen that does not change."""
MOST_FRAMES = 200
"""Pictures of one machine; with more of them every second one is dropped and the interval doubles."""
COST = 10
"""A picture that took one second is followed by this many seconds without one: a busy emulator is left alone."""
LONGEST_PAUSE = 60.0
"""Seconds without a picture at most: its time includes the time until its reply is read."""
BLINKING = 2
"""A screen that is equal to one of the last two kept is a blinking cursor."""


class Line(Protocol):
    """The part of :class:`qa.vm.channels.Channels` that a recorder needs."""

    answers: dict[int, dict[str, Any]]

    def send_qmp(self, command: str, arguments: dict[str, Any]) -> int:
        """Give QEMU a command; return its number, under which ``answers`` gets the answer."""
        ...


@dataclass(frozen=True)
class Frame:
    """A kept picture: seconds since power-on, and its file's name in the folder of frames."""

    at: float
    file: str


def thin(frames: list[Frame]) -> tuple[list[Frame], list[Frame]]:
    """Return every second frame, the first one among them, and the others."""
    return frames[::2], frames[1::2]


class Recorder:
    """Records one machine into ``FOLDER/*.png`` and ``FOLDER/frames.jsonl`` (one :class:`Frame` a line).

    :param folder: made when the first picture is kept.
    :param clock: seconds on any clock that runs evenly.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.frames: list[Frame] = []
        self.stopped = False
        self._clock = clock
        self._start = clock()
        self._shortest = INTERVAL
        self._interval = INTERVAL
        self._next = self._start + INTERVAL / 4
        self._asked = 0.0
        self._number = 0
        self._kept: list[str] = []
        self._made = 0

    def tick(self, line: Line) -> None:
        """Ask for a picture when it is time, take in one that is finished. Never waits and never raises."""
        if self.stopped:
            return
        try:
            self._tick(line)
        except (OSError, ValueError):
            # The connection to QEMU or the disk for pictures is gone; the scenario itself notices when that matters to it.
            self.stopped = True

    def _tick(self, line: Line) -> None:
        now = self._clock()
        if self._number:
            if self._number in line.answers:
                answer = line.answers.pop(self._number)
                self._number = 0
                self._take(answer, now)
        elif now >= self._next:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._asked = now
            self._number = line.send_qmp("screendump", {"filename": str(self._raw.resolve()), "format": "png"})

    @property
    def _raw(self) -> Path:
        return self.folder / "new.png"

    def _take(self, answer: dict[str, Any], now: float) -> None:
        """Keep the picture if it is a new one, and decide when the next one is due."""
        changed = "return" in answer and self._keep(self._raw)
        self._interval = self._shortest if changed else min(self._interval * 1.5, max(LONGEST_INTERVAL, self._shortest))
        self._next = now + max(self._interval, min(COST * (now - self._asked), LONGEST_PAUSE))

    def _keep(self, raw: Path) -> bool:
        if not raw.exists():
            return False
        digest = hashlib.sha256(raw.read_bytes()).hexdigest()
        if digest in self._kept[-BLINKING:]:
            return False
        self._made += 1
        name = f"{self._made:04d}.png"
        raw.rename(self.folder / name)
        self._kept.append(digest)
        self.frames.append(Frame(round(self._asked - self._start, 1), name))
        if len(self.frames) > MOST_FRAMES:
            self.frames, dropped = thin(self.frames)
            for frame in dropped:
                (self.folder / frame.file).unlink(missing_ok=True)
            self._shortest *= 2
        self._write()
        return True

    def _write(self) -> None:
        text = "".join(json.dumps(asdict(frame)) + "\n" for frame in self.frames)
        (self.folder / "frames.jsonl").write_text(text)

    def close(self) -> None:
        """Stop recording, and remove a picture that is not finished."""
        self.stopped = True
        with contextlib.suppress(OSError):
            self._raw.unlink(missing_ok=True)
