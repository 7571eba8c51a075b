"""Machine time: seconds in which the emulators got the processor time that they wanted.

A limit in seconds of the wall clock fails on a busy build host although the guest is healthy. Limits of the harness
therefore count machine time: wall time less the time in which an emulator was ready to run and did not get a processor.
An idle guest spends machine time as the clock does; a busy guest that gets a third of a processor spends a third.

The kernel counts both parts for each thread in ``/proc/PID/task/TID/schedstat`` (Documentation/scheduler/sched-stats.rst):
nanoseconds on a processor, and nanoseconds ready to run without one. The second figure is added only when the thread
runs again; until then :class:`Meter` counts what a ready thread has waited so far.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qa import timeouts
from qa.errors import MachineStarved, TimedOut

NANO = 1e9
RUNNABLE = "R"
STOPPED = "Tt"
"""States of proc_pid_stat(5): stopped by a signal, or traced. The process is ready to run and may not."""
WALL_FACTOR = 8.0
"""A limit by the wall clock is this many times the limit in machine time, and at least ``WALL_LEAST`` seconds."""
WALL_LEAST = 20 * 60.0


@dataclass(frozen=True)
class Thread:
    """The kernel's counters for one thread.

    :param used: seconds on a processor.
    :param waited: seconds ready to run without a processor, as far as the kernel has added them up.
    :param state: the letter of proc_pid_stat(5).
    """

    used: float
    waited: float
    state: str


def read_threads(pid: int, proc: Path = Path("/proc")) -> dict[int, Thread]:
    """Return the threads of a process by their number; empty when the process is gone."""
    found: dict[int, Thread] = {}
    try:
        tasks = list((proc / str(pid) / "task").iterdir())
    except OSError:
        return found
    for task in tasks:
        try:
            used, waited, _ = (task / "schedstat").read_text().split()
            # The name in parentheses may contain anything, blanks and parentheses included.
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            continue  # the thread ended meanwhile
        found[int(task.name)] = Thread(int(used) / NANO, int(waited) / NANO, state)
    return found


@dataclass
class Meter:
    """The processor time that one process used, and the time for which it was starved.

    :param read: returns the process's threads.
    :ivar used: seconds on processors, all threads together.
    :ivar starved: seconds in which the most affected thread was ready and did not run.
    """

    read: Callable[[], Mapping[int, Thread]]
    clock: Callable[[], float] = time.monotonic
    used: float = 0.0
    starved: float = 0.0
    _threads: Mapping[int, Thread] = field(default_factory=dict)
    _at: float | None = None
    _unpaid: dict[int, float] = field(default_factory=dict)

    def sample(self) -> float:
        """Read the counters; return the seconds for which the process was starved since the last reading."""
        now, threads = self.clock(), self.read()
        if self._at is None:
            self._at, self._threads = now, threads
            self.used = sum(thread.used for thread in threads.values())
            return 0.0
        elapsed = max(now - self._at, 0.0)
        starved = 0.0
        for number, thread in threads.items():
            before = self._threads.get(number)
            if before is None:
                continue
            self.used += max(thread.used - before.used, 0.0)
            starved = max(starved, min(self._waited(number, before, thread, elapsed), elapsed))
        self._at, self._threads = now, threads
        self.starved += starved
        return starved

    def _waited(self, number: int, before: Thread, thread: Thread, elapsed: float) -> float:
        """Return for how long a thread waited for a processor within ``elapsed`` seconds."""
        used, added = thread.used - before.used, thread.waited - before.waited
        unpaid = self._unpaid.get(number, 0.0)
        if used <= 0 and added <= 0 and (thread.state == RUNNABLE or thread.state in STOPPED):
            # Ready for all of the time: the kernel will add it when the thread runs, unless a signal has stopped it.
            if thread.state == RUNNABLE:
                self._unpaid[number] = unpaid + elapsed
            return elapsed
        # What was counted in advance is now part of the kernel's figure.
        settled = min(unpaid, max(added, 0.0))
        self._unpaid[number] = 0.0 if added > 0 else unpaid
        return max(added, 0.0) - settled


def meter(pid: int) -> Meter:
    """Return a meter for a running process, with its first reading taken."""
    value = Meter(lambda: read_threads(pid))
    value.sample()
    return value


class MachineClock:
    """The clock that limits count: it stands still for as long as a registered emulator is starved.

    With several emulators the most starved one counts: a scenario waits for all of them. Safe to use from any thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._meters: list[Meter] = []
        self._at = clock()
        self._time = 0.0

    def register(self, value: Meter) -> None:
        """Count a machine from now on."""
        with self._lock:
            self._advance()
            self._meters.append(value)

    def forget(self, value: Meter) -> None:
        """Count a machine no longer; harmless when it is not registered."""
        with self._lock:
            self._advance()
            if value in self._meters:
                self._meters.remove(value)

    def now(self) -> float:
        """Return the machine time since this process started, in seconds."""
        with self._lock:
            self._advance()
            return self._time

    def wall(self) -> float:
        """Return the time of the wall clock that this clock is made of, in seconds."""
        return self._clock()

    def _advance(self) -> None:
        starved = max((value.sample() for value in self._meters), default=0.0)
        now = self._clock()
        self._time += max(now - self._at - starved, 0.0)
        self._at = now


CLOCK = MachineClock()
"""The clock of this process, with all of its running machines."""


class Deadline:
    """A limit in machine time, with one by the wall clock far behind it.

    :param seconds: the limit on a machine like the reference; stretched by the user's patience.
    :param wall: the limit by the wall clock in seconds; None: far away, see ``WALL_FACTOR``.

    >>> Deadline(60, MachineClock(lambda: 0.0)).expired
    False
    """

    def __init__(self, seconds: float, clock: MachineClock = CLOCK, *, wall: float | None = None) -> None:
        self._clock = clock
        self.limit = timeouts.patient(seconds)
        self._start, self._wall_start = clock.now(), clock.wall()
        self._wall_limit = max(self.limit * WALL_FACTOR, WALL_LEAST) if wall is None else wall

    @property
    def spent(self) -> float:
        """Return the machine time so far, in seconds."""
        return self._clock.now() - self._start

    @property
    def wall_spent(self) -> float:
        """Return the time of the wall clock so far, in seconds."""
        return self._clock.wall() - self._wall_start

    @property
    def remaining(self) -> float:
        """Return the machine time that is left, in seconds; 0 when it is over."""
        return max(self.limit - self.spent, 0.0)

    @property
    def starved(self) -> bool:
        """Return whether the wall clock's limit came first."""
        return self.spent <= self.limit and self.wall_spent > self._wall_limit

    @property
    def expired(self) -> bool:
        """Return whether either limit is over."""
        return self.spent > self.limit or self.wall_spent > self._wall_limit

    def describe(self) -> str:
        """Return how long it took, as ``600 s of machine time (1843 s by the clock)``."""
        spent, wall = self.spent, self.wall_spent
        by_clock = f" ({wall:.0f} s by the clock)" if wall > 1.2 * spent + 5 else ""
        return f"{spent:.0f} s of machine time{by_clock}"

    def check(self, text: str) -> None:
        """Fail with a text when the limit is over.

        :raises MachineStarved: when the machines got too little processor time to tell.
        :raises TimedOut: when the machine time is over.
        """
        if self.starved:
            raise MachineStarved(
                f"the machines were starved: of {self.wall_spent:.0f} s by the clock they could use {self.spent:.0f} s; {text}"
            )
        if self.expired:
            raise TimedOut(text)
