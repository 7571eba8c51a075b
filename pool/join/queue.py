"""Who waits to be added to the pool: a folder at the master with a file for each host, in the order of their arrival.

A file's name says all that others need to know, so that a thousand of them cost one listing: ``00000017-<key>.waiting``. Its
time of modification is when the host is expected again: one that is overdue keeps its number, but those behind it need not wait.
``adding`` is the one that is at it, ``done`` and ``failed`` wait for the host to hear of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dom0kit.fs import sync_folder, write_atomic
from pool.driver import Joiner, Problem
from pool.join.messages import joiner_from_json, problem_from_json

NAME = re.compile(r"([0-9]{8})-([0-9a-f]{16})\.(waiting|adding|done|failed)")
GRACE = 540.0
"""Wait for a host in the queue that did not come back when it should have.

Kind: protocol. Reason: it may be restarting, and its request may take a busy master minutes; nothing but its turn depends on
it. Expiry: the host counts as away and the next one has its turn; it keeps its place.
"""
FORGOTTEN = 86400.0
"""Keep the place of a host that never came back.

Kind: protocol. Reason: a host that is repaired within a day keeps its place. Expiry: the place is removed; the host gets a new
one when it comes.
"""
FIRST_GUESS = 150.0
"""Estimate the time of one join as long as none was measured.

Kind: pace. Reason: the estimate is shown and spreads the hosts' requests; nothing fails by it. Expiry: the measured times
replace it.
"""
MEASURED = 8
SOON = 5.0
"""Pause before a host at the front of the queue comes again.

Kind: pace. Reason: a request costs the master a log-in. Expiry: the next request.
"""
GUESSED = 180.0
"""Pause before a host in the queue comes again while no join was measured.

Kind: pace. Reason: the estimate may be wrong. Expiry: the next request.
"""
LATE = 900.0
"""Pause before a host far behind in the queue comes again.

Kind: pace. Reason: a thousand hosts must not ask at once; the queue may be faster than estimated. Expiry: the next request.
"""


@dataclass(frozen=True)
class Ticket:
    """A host's place.

    :param number: a lower one is earlier.
    :param due: when the host is expected again, seconds since 1970.
    """

    number: int
    key: str
    state: str
    due: float

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.number:08d}-{self.key}.{self.state}"


@dataclass(frozen=True)
class Standing:
    """How a host's join stands.

    :param state: as in :class:`Ticket`.
    :param place: 0 while it is being added, 1 for the next one.
    :param seconds: an estimate of the time until it is in.
    :param again: seconds after which it is to come again.
    """

    state: str
    place: int = 0
    seconds: float = 0.0
    again: float = SOON
    problem: Problem | None = None


def key_of(joiner: Joiner) -> str:
    """What tells a host that comes again: its name and its machine."""
    return hashlib.sha256(f"{joiner.name}\0{joiner.uuid}".encode()).hexdigest()[:16]


def place_of(ticket: Ticket, tickets: list[Ticket], now: float) -> int:
    """A waiting host's place: how many are before it that are there, and itself."""
    before = (other for other in tickets if other.number < ticket.number)
    return 1 + sum(other.state == "adding" or (other.state == "waiting" and not is_away(other, now)) for other in before)


def is_away(ticket: Ticket, now: float) -> bool:
    """Did the host not come back when it was told to?"""
    return now > ticket.due + GRACE


def come_again(place: int, each: float, *, measured: bool = True) -> float:
    """After how many seconds a host is to ask again: a quarter of the time until its turn, so that a thousand make no crowd.

    Not longer, for it hears of its end only then: the queue may be faster than was thought.
    """
    return min(max(SOON, (place - 1) * each / 4), LATE if measured else GUESSED)


class Queue:
    """The folder. Every method takes the lock for itself; none waits for a join."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def enter(self, joiner: Joiner, now: float, admit: Callable[[], Problem | None] = lambda: None) -> Standing:
        """Take a place, or hear how the old one stands. A host that hears of its end gives the place back.

        :param admit: called before a new place is given; a problem keeps the host out.
        :returns: with state ``refused`` and a problem, when it has no place.
        """
        with self._lock():
            tickets = self._tickets(now)
            mine = next((ticket for ticket in tickets if ticket.key == key_of(joiner)), None)
            if mine is None:
                if any(self._read(other).get("name") == joiner.name for other in tickets if other.state in ("waiting", "adding")):
                    text = f"another machine with the name {joiner.name} is in the pool's queue"
                    return Standing("refused", problem=Problem("name", text, "give each host a host_name of its own"))
                if problem := admit():
                    return Standing("refused", problem=problem)
                mine = Ticket(max((t.number for t in tickets), default=0) + 1, key_of(joiner), "waiting", now)
                self._write(mine, {**asdict(joiner), "arrived": round(now, 3)})
                tickets.append(mine)
            if mine.state in ("done", "failed"):
                problem = problem_from_json(self._read(mine).get("problem")) if mine.state == "failed" else None
                (self.folder / mine.file).unlink()
                return Standing(mine.state, problem=problem)
            each = self.seconds_each()
            place = 0 if mine.state == "adding" else place_of(mine, tickets, now)
            again = come_again(max(place, 1), each, measured=bool(self._times()))
            os.utime(self.folder / mine.file, (now, now + again))
        return Standing(mine.state, place, max(place, 1) * each, again)

    def has(self, joiner: Joiner) -> bool:
        """Does the host have a place, or an end to hear of?"""
        return any(NAME.fullmatch(path.name) for path in self.folder.glob(f"*-{key_of(joiner)}.*"))

    def adding(self, joiner: Joiner) -> Joiner | None:
        """The host as it came, when it is being added at the moment."""
        path = next(self.folder.glob(f"*-{key_of(joiner)}.adding"), None)
        match = NAME.fullmatch(path.name) if path else None
        if match is None:
            return None
        try:
            return joiner_from_json(self._read(Ticket(int(match[1]), match[2], match[3], 0.0)))
        except ValueError:
            return None

    def take(self, now: float) -> tuple[Ticket, Joiner] | None:
        """The next host that is there, which becomes ``adding``; None when there is none.

        Only one may take at a time (see :mod:`pool.join.queue_worker`): one that is ``adding`` already is left from a power cut,
        and first.
        """
        with self._lock():
            for ticket in self._tickets(now):
                if ticket.state not in ("waiting", "adding") or (ticket.state == "waiting" and is_away(ticket, now)):
                    continue
                try:
                    joiner = joiner_from_json(self._read(ticket))
                except ValueError:
                    (self.folder / ticket.file).unlink()
                    continue
                return self._move(ticket, "adding"), joiner
        return None

    def finish(self, ticket: Ticket, problem: Problem | None, seconds: float, now: float) -> None:
        """A join has ended: the host hears of it when it comes again.

        :param seconds: how long it took.
        """
        with self._lock():
            if problem is not None:
                self._write(ticket, {**self._read(ticket), "problem": asdict(problem)})
            done = self._move(ticket, "failed" if problem else "done")
            os.utime(self.folder / done.file, (now, now))
            if problem is None:
                last = [*self._times(), round(seconds, 1)][-MEASURED:]
                write_atomic(self.folder / "times.json", json.dumps(last) + "\n")

    def seconds_each(self) -> float:
        """How long a join takes: the mean of the last ones."""
        times = self._times()
        return sum(times) / len(times) if times else FIRST_GUESS

    def tickets(self, now: float) -> list[Ticket]:
        """Everybody, in order."""
        with self._lock():
            return self._tickets(now)

    def name(self, ticket: Ticket) -> str:
        """The host's name; empty when it is gone."""
        return str(self._read(ticket).get("name", ""))

    def _times(self) -> list[float]:
        try:
            value = json.loads((self.folder / "times.json").read_text())
        except (OSError, ValueError):
            return []
        return [float(seconds) for seconds in value if isinstance(seconds, int | float)] if isinstance(value, list) else []

    def _tickets(self, now: float) -> list[Ticket]:
        found = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if match := NAME.fullmatch(entry.name):
                    found.append(Ticket(int(match[1]), match[2], match[3], entry.stat().st_mtime))
        for ticket in found:
            if ticket.state != "adding" and now > ticket.due + FORGOTTEN:
                (self.folder / ticket.file).unlink(missing_ok=True)
        return sorted((t for t in found if t.state == "adding" or now <= t.due + FORGOTTEN), key=lambda ticket: ticket.number)

    def _read(self, ticket: Ticket) -> dict[str, Any]:
        try:
            value = json.loads((self.folder / ticket.file).read_text())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def _write(self, ticket: Ticket, value: dict[str, Any]) -> None:
        write_atomic(self.folder / ticket.file, json.dumps(value, sort_keys=True) + "\n", 0o600)

    def _move(self, ticket: Ticket, state: str) -> Ticket:
        moved = Ticket(ticket.number, ticket.key, state, ticket.due)
        os.rename(self.folder / ticket.file, self.folder / moved.file)
        sync_folder(self.folder)
        return moved

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
