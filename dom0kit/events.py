"""Events of a build, an installation or a first boot, sent to any number of sinks.

An event is a flat JSON object, written as one line::

    {"event": "step", "source": "installer", "name": "copy image", "state": "finished", "seconds": 3.2, "time": 1767225600.0}

``event`` is ``started``, ``step``, ``progress``, ``note``, ``retrying``, ``writing``, ``finished``, ``failed`` or ``image``.
A step has the state ``started``, ``finished`` or ``failed``; ``retrying`` says when a failed one is tried again. No event
holds a secret: callers pass names and numbers, never answers, and a reporter redacts every event (:mod:`dom0kit.redact`).
"""

from __future__ import annotations

import errno
import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO, TypedDict, Unpack

from dom0kit.units import human_seconds, table
from dom0kit.untrusted.text import lines, printable

LONGEST_ERROR = 2000
"""Characters of an error in an event."""


class EventFields(TypedDict, total=False):
    """What an event may contain in addition to its kind, source and time; docs/reference/events.md has the meaning of each.

    Durations are in seconds, ``next`` is in seconds since 1970.
    """

    name: str
    state: str
    seconds: float
    error: str
    fraction: float
    text: str
    hint: str
    details: str
    log: str
    log_file: str
    tries: int
    next: float | None
    host: str
    version: str
    address: str | None
    xen: bool
    installed: bool
    unchanged: bool
    warnings: Sequence[str]
    ran: Sequence[str]
    failed: Sequence[str]
    blocked: Sequence[str]
    disk: str
    path: str
    left: int
    expected: int


class Event(EventFields):
    """One event as a JSON object."""

    event: str
    source: str
    time: float


Sink = Callable[[Event], None]

VIRTIO_PORT = Path("/dev/virtio-ports/org.dom0kit.events")
"""A virtio-serial port of this name carries the events out of a virtual machine, clean of console noise."""
FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK
LISTENER_SECONDS = 2.0
"""Write an event to a virtual machine's port without a listener.

Kind: protocol. Reason: the port says by POLLHUP whether its other end is open; one that is opened at the same moment gets this
time. Expiry: the port gets no more events of this process.
"""
WRITE_SECONDS = 300.0
"""Write an event to a file or a port whose other end is open.

Kind: cap. Reason: the other end is a program on a host that may be busy. Expiry: the port gets no more events of this process.
"""
BUSY_SECONDS = 7200.0
"""Wait for a virtual machine's port that another process has open.

Kind: cap. Reason: first boot has it for its whole run. Expiry: the event is not sent to the port.
"""
LOOK_SECONDS = 0.2
"""Pause between two looks whether a port can be opened or written to.

Kind: pace. Reason: a port without a listener is never ready, and poll(2) does not wake when one comes. Expiry: the next look.
"""
YIELD_SECONDS = 0.01
"""Pause after a refused write.

Kind: pace. Reason: poll(2) may say at once that a port is ready that is not. Expiry: the next write.
"""


class Step:
    """A step in progress. :meth:`progress` may be called at any rate: it limits the rate of events."""

    def __init__(self, reporter: Reporter, name: str) -> None:
        self._reporter = reporter
        self.name = name
        self._last = 0.0

    def progress(self, fraction: float, text: str = "") -> None:
        """Report progress: ``fraction`` from 0 to 1, ``text`` the current activity."""
        now = time.monotonic()
        if now - self._last < 0.2 and fraction < 1:
            return
        self._last = now
        self._reporter.emit("progress", name=self.name, fraction=round(min(fraction, 1.0), 4), text=text)


@dataclass
class Reporter:
    """Send events to sinks and record the times of the steps.

    :param source: the reporting program: ``build``, ``installer`` or ``firstboot``.
    :param redact: filters every event before any sink sees it.
    """

    source: str
    sinks: list[Sink] = field(default_factory=list)
    times: list[tuple[str, float]] = field(default_factory=list)
    redact: Callable[[Event], Event] = lambda event: event

    def emit(self, event: str, **values: Unpack[EventFields]) -> None:
        """Send one event to every sink; a sink that raises OSError is removed and the work continues."""
        record = self.redact({"event": event, "source": self.source, "time": round(time.time(), 3), **values})
        for sink in list(self.sinks):
            try:
                sink(record)
            except OSError:
                self.sinks.remove(sink)

    @contextmanager
    def step(self, name: str) -> Iterator[Step]:
        """Report a step's start, and its end with the time and whether it finished or failed."""
        self.emit("step", name=name, state="started")
        start = time.monotonic()
        try:
            yield Step(self, name)
        except BaseException as error:
            seconds = time.monotonic() - start
            self.emit("step", name=name, state="failed", seconds=round(seconds, 2), error=first_line(error))
            raise
        seconds = time.monotonic() - start
        self.times.append((name, seconds))
        self.emit("step", name=name, state="finished", seconds=round(seconds, 2))

    def time_table(self) -> str:
        """Return a table of the finished steps with their times and the total."""
        rows: list[tuple[str, ...]] = [(name, human_seconds(seconds)) for name, seconds in self.times]
        rows.append(("all steps", human_seconds(sum(seconds for _, seconds in self.times))))
        return table(("step", "time"), rows)


def first_line(error: BaseException) -> str:
    """Return an error's first line, or its type's name when its text is empty."""
    text = str(getattr(error, "message", error)).strip()
    return printable(text.splitlines()[0], LONGEST_ERROR) if text else type(error).__name__


def json_sink(path: Path) -> Sink:
    """Return a sink that appends each event as a line of JSON to a file or device, unbuffered.

    A virtual machine's port without a listener blocks a writer for ever; past a limit the
    sink raises OSError, and the reporter removes it.
    """
    fd = os.open(path, FLAGS, 0o600)
    return lambda event: _write_line(fd, event, path)


def shared_sink(path: Path, *, busy: float = BUSY_SECONDS) -> Sink:
    """Return a sink like :func:`json_sink` for long-running processes: the device is open only while an event is written.

    A virtual machine's port can be open in one process at a time; open(2) fails in others (EBUSY).

    :param busy: seconds to wait while another process has it open.
    """

    def sink(event: Event) -> None:
        deadline = time.monotonic() + busy
        while True:
            try:
                fd = os.open(path, FLAGS, 0o600)
                break
            except OSError as error:
                if error.errno != errno.EBUSY or time.monotonic() > deadline:
                    raise
                time.sleep(LOOK_SECONDS)
        try:
            _write_line(fd, event, path)
        finally:
            os.close(fd)

    return sink


def _write_line(fd: int, event: Event, path: Path) -> None:
    rest = memoryview((json.dumps(event, sort_keys=True) + "\n").encode())
    start = time.monotonic()
    watch = select.poll()
    watch.register(fd, select.POLLOUT)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            # The kernel reports POLLHUP for a port that is closed at its other end (port_fops_poll in virtio_console.c). One
            # that is open has a listener, however slow; then this machine or its host is busy, and the event must not be lost.
            closed = any(state & (select.POLLHUP | select.POLLERR) for _, state in watch.poll(LOOK_SECONDS * 1000))
            limit = LISTENER_SECONDS if closed else WRITE_SECONDS
            spent = time.monotonic() - start
            if spent >= limit:
                raise TimeoutError(f"{path} took no event for {spent:.0f} s") from None
            time.sleep(YIELD_SECONDS)


class TerminalSink:
    """Show steps as lines of text; on a terminal the running step has a progress bar.

    Elsewhere the lines are plain, so that log files and CI stay readable.

    :param every: without bars, print the progress of a step as a line every so many seconds; None: never.
    """

    BAR = 24

    def __init__(self, out: TextIO | None = None, *, bars: bool | None = None, every: float | None = None) -> None:
        self.out = out or sys.stderr
        self.bars = self.out.isatty() if bars is None else bars
        self.every = every
        self._started: dict[str, float] = {}
        self._said = 0.0

    def __call__(self, event: Event) -> None:
        """Show an event."""
        kind = event["event"]
        if kind == "step":
            self._step(event)
        elif kind == "progress":
            self._progress(event)
        elif kind == "note":
            self._write(f"  -- {event['text']}")
        elif kind == "retrying":
            self._write(f"  -- {event['name']}: {event['text']}")
        elif kind in ("finished", "failed"):
            self._write(f"{kind}: {event.get('text', '')}".rstrip(": "))

    def _step(self, event: Event) -> None:
        name, state = event["name"], event["state"]
        if state == "started":
            self._started[name] = self._said = time.monotonic()
            if self.bars:
                self.out.write(f"\r\x1b[K  .. {name}")
                self.out.flush()
            return
        mark = "ok" if state == "finished" else "!!"
        self._write(f"  {mark} {name}  {human_seconds(event['seconds'])}")

    def _progress(self, event: Event) -> None:
        now = time.monotonic()
        if self.bars:
            self._bar(event)
        elif self.every is not None and event["text"] and now - self._said >= self.every:
            self._said = now
            self._write(f"  .. {event['name']}: {event['text']}")

    def _bar(self, event: Event) -> None:
        full = round(event["fraction"] * self.BAR)
        spent = time.monotonic() - self._started.get(event["name"], time.monotonic())
        bar = "#" * full + "." * (self.BAR - full)
        line = f"  .. {event['name']}  [{bar}] {event['fraction']:4.0%} {human_seconds(spent)}  {printable(event['text'])}"
        self.out.write(f"\r\x1b[K{line[:110]}")
        self.out.flush()

    def _write(self, line: str) -> None:
        # What an event says may come from another machine.
        line = lines(line)
        self.out.write(f"\r\x1b[K{line}\n" if self.bars else line + "\n")
        self.out.flush()
