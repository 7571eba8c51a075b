"""The join queue: a folder on the master with one file per host, in order of arrival.

All state that other hosts need is in the file name, so that a thousand entries cost one directory
listing: ``00000017-<key>.waiting``. The modification time is when the host is expected to ask
again; an overdue host keeps its number, but those behind it need not wait. State ``held`` marks one
that an administrator has to approve, ``adding`` marks
the host that is being added; ``done`` and ``failed`` remain until the host has fetched its result.
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

from dom0kit.errors import UserError
from dom0kit.fs import sync_folder, write_atomic
from dom0kit.untrusted.values import number, read_json
from pool.driver import JoiningHost, Problem
from pool.join.messages import host_from_json, problem_from_json

HELD = "held"
"""State of a host that waits for the approval of an administrator; it blocks no others."""
UNFINISHED = (HELD, "waiting", "adding")
NAME = re.compile(rf"([0-9]{{8}})-([0-9a-f]{{16}})\.({'|'.join(UNFINISHED)}|done|failed)")
GRACE = 540.0
"""Wait for a host in the queue that is overdue.

Kind: protocol. Reason: it may be restarting, and its request may take a busy master minutes;
nothing but its turn depends on it. Expiry: the host counts as absent and the next one has its turn;
it keeps its place.
"""
ABANDONED = 86400.0
"""Keep the place of a host that never came back.

Kind: protocol. Reason: a host that is repaired within a day keeps its place. Expiry: the place is
removed; the host gets a new one when it asks again.
"""
FIRST_ESTIMATE = 150.0
"""Estimate the time of one join before any was measured.

Kind: pace. Reason: the estimate is shown and spreads the hosts' requests; nothing fails by it.
Expiry: the measured times replace it.
"""
MEASURED = 8
LONGEST_JOIN = 86400.0
HELD_PAUSE = 30.0
"""Pause before a host that waits for approval asks again.

Kind: pace. Reason: a person decides. Expiry: the next request.
"""
FRONT_PAUSE = 5.0
"""Pause before a host at the front of the queue asks again.

Kind: pace. Reason: a request costs the master a log-in. Expiry: the next request.
"""
UNMEASURED_PAUSE = 180.0
"""Longest pause before a host in the queue asks again while no join was measured.

Kind: pace. Reason: the estimate may be wrong. Expiry: the next request.
"""
LONGEST_PAUSE = 900.0
"""Longest pause before a host far behind in the queue asks again.

Kind: pace. Reason: a thousand hosts must not ask at once; the queue may be faster than estimated.
Expiry: the next request.
"""


@dataclass(frozen=True)
class QueueEntry:
    """A host's place in the queue.

    :param number: a lower one is earlier.
    :param state: ``held``, ``waiting``, ``adding``, ``done`` or ``failed``.
    :param due: when the host is expected to ask again, seconds since 1970.
    """

    number: int
    key: str
    state: str
    due: float

    @property
    def file(self) -> str:
        """The entry's file name."""
        return f"{self.number:08d}-{self.key}.{self.state}"


@dataclass(frozen=True)
class QueueStatus:
    """The reply to a host in the queue.

    :param state: as in :class:`QueueEntry`, or ``refused``.
    :param place: 0 while it is being added, 1 for the next one.
    :param seconds: estimated time until it is added.
    :param again: seconds after which it is to ask again.
    """

    state: str
    place: int = 0
    seconds: float = 0.0
    again: float = FRONT_PAUSE
    problem: Problem | None = None


def host_key(host: JoiningHost) -> str:
    """Return the key that identifies a host that retries: a hash of its name, machine and SSH host key."""
    return hashlib.sha256(f"{host.name}\0{host.uuid}\0{host.key}".encode()).hexdigest()[:16]


def place_in_queue(entry: QueueEntry, entries: list[QueueEntry], now: float) -> int:
    """Return a waiting host's place: the number of present hosts in front of it, plus one."""
    before = (other for other in entries if other.number < entry.number)
    return 1 + sum(other.state == "adding" or (other.state == "waiting" and not is_away(other, now)) for other in before)


def is_away(entry: QueueEntry, now: float) -> bool:
    """Whether the host is overdue by more than the grace period."""
    return now > entry.due + GRACE


def next_request_seconds(place: int, each: float, *, measured: bool = True) -> float:
    """Return the seconds after which a host is to ask again.

    A quarter of the time until its turn, so that a thousand hosts do not overload the master;
    limited, because the host learns of its result only then and the queue may be faster than
    estimated.

    :param each: seconds of one join.
    :param measured: whether ``each`` was measured.
    """
    return min(max(FRONT_PAUSE, (place - 1) * each / 4), LONGEST_PAUSE if measured else UNMEASURED_PAUSE)


class Queue:
    """The queue's folder. Every method takes the lock for itself; none waits for a join."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def enter(
        self,
        host: JoiningHost,
        now: float,
        admit: Callable[[], Problem | None] = lambda: None,
        *,
        token: str = "",
        held: bool = False,
    ) -> QueueStatus:
        """Enqueue the host, or return the existing entry's status.

        Finished entries are removed once reported.

        :param admit: called before a new entry is made; a problem keeps the host out.
        :param token: ID of the token that it came with.
        :param held: whether a new entry waits for approval.
        :returns: state ``refused`` with a problem when the host was not enqueued.
        """
        with self._lock():
            entries = self._entries(now)
            mine = next((entry for entry in entries if entry.key == host_key(host)), None)
            if mine is None:
                if any(self._read(other).get("name") == host.name for other in entries if other.state in UNFINISHED):
                    text = f"another machine with the name {host.name} is in the pool's queue"
                    return QueueStatus("refused", problem=Problem("name", text, "give each host its own host_name"))
                if problem := admit():
                    return QueueStatus("refused", problem=problem)
                number = max((t.number for t in entries), default=0) + 1
                mine = QueueEntry(number, host_key(host), HELD if held else "waiting", now)
                self._write(mine, {**asdict(host), "arrived": round(now, 3), "token": token})
                entries.append(mine)
            if mine.state in ("done", "failed"):
                problem = problem_from_json(self._read(mine).get("problem")) if mine.state == "failed" else None
                (self.folder / mine.file).unlink()
                return QueueStatus(mine.state, problem=problem)
            each = self.seconds_each()
            place = 0 if mine.state == "adding" else place_in_queue(mine, entries, now)
            again = next_request_seconds(max(place, 1), each, measured=bool(self._times()))
            again = HELD_PAUSE if mine.state == HELD else again
            os.utime(self.folder / mine.file, (now, now + again))
        return QueueStatus(mine.state, place, max(place, 1) * each, again)

    def has(self, host: JoiningHost) -> bool:
        """Whether the host has an entry, finished or not."""
        return any(NAME.fullmatch(path.name) for path in self.folder.glob(f"*-{host_key(host)}.*"))

    def adding(self, host: JoiningHost) -> JoiningHost | None:
        """Return the host as it enqueued itself, if it is being added now."""
        path = next(self.folder.glob(f"*-{host_key(host)}.adding"), None)
        match = NAME.fullmatch(path.name) if path else None
        return None if match is None else self.host(QueueEntry(int(match[1]), match[2], match[3], 0.0))

    def take(self, now: float) -> tuple[QueueEntry, JoiningHost] | None:
        """Mark the next present host as ``adding`` and return it; None when there is none.

        Only one worker may take at a time (see :mod:`pool.join.queue_worker`). An entry that is
        ``adding`` already is left from a power cut, and is taken first.
        """
        with self._lock():
            for entry in self._entries(now):
                if entry.state not in ("waiting", "adding") or (entry.state == "waiting" and is_away(entry, now)):
                    continue
                try:
                    host = host_from_json(self._read(entry))
                except ValueError:
                    (self.folder / entry.file).unlink()
                    continue
                return self._move(entry, "adding"), host
        return None

    def finish(self, entry: QueueEntry, problem: Problem | None, seconds: float, now: float) -> None:
        """Record the result of a join, which the host fetches by its next request.

        :param problem: None for success.
        :param seconds: duration of the join.
        """
        with self._lock():
            if problem is not None:
                self._write(entry, {**self._read(entry), "problem": asdict(problem)})
            done = self._move(entry, "failed" if problem else "done")
            os.utime(self.folder / done.file, (now, now))
            if problem is None:
                last = [*self._times(), round(seconds, 1)][-MEASURED:]
                write_atomic(self.folder / "times.json", json.dumps(last) + "\n")

    def decide(self, name: str, now: float, problem: Problem | None = None) -> tuple[JoiningHost, str]:
        """Let a host that waits for approval wait for its turn, or end its entry with a problem.

        :returns: the host, and the ID of its token.
        :raises UserError: when no host with this name waits for approval.
        """
        with self._lock():
            for entry in self._entries(now):
                value = self._read(entry)
                if entry.state != HELD or value.get("name") != name:
                    continue
                if problem is not None:
                    self._write(entry, {**value, "problem": asdict(problem)})
                decided = self._move(entry, "failed" if problem else "waiting")
                os.utime(self.folder / decided.file, (now, max(now, entry.due)))
                return host_from_json(value), str(value.get("token", ""))
        raise UserError(f"no host {name} waits for approval", "list the hosts: dom0ctl pool queue")

    def host(self, entry: QueueEntry) -> JoiningHost | None:
        """Return the host of an entry as it enqueued itself; None when its file is gone."""
        try:
            return host_from_json(self._read(entry))
        except ValueError:
            return None

    def seconds_each(self) -> float:
        """Return the estimated duration of one join: the mean of the last measured ones."""
        times = self._times()
        return sum(times) / len(times) if times else FIRST_ESTIMATE

    def entries(self, now: float) -> list[QueueEntry]:
        """Return all entries in order."""
        with self._lock():
            return self._entries(now)

    def name(self, entry: QueueEntry) -> str:
        """Return the host name of an entry; empty when its file is gone."""
        return str(self._read(entry).get("name", ""))

    def _times(self) -> list[float]:
        try:
            value = read_json((self.folder / "times.json").read_bytes())
        except (OSError, ValueError):
            return []
        return (
            [number(seconds, 0.0, LONGEST_JOIN, FIRST_ESTIMATE) for seconds in value[-MEASURED:]]
            if isinstance(value, list)
            else []
        )

    def _entries(self, now: float) -> list[QueueEntry]:
        found = []
        with os.scandir(self.folder) as files:
            for file in files:
                if match := NAME.fullmatch(file.name):
                    found.append(QueueEntry(int(match[1]), match[2], match[3], file.stat().st_mtime))
        for entry in found:
            if entry.state != "adding" and now > entry.due + ABANDONED:
                (self.folder / entry.file).unlink(missing_ok=True)
        return sorted((t for t in found if t.state == "adding" or now <= t.due + ABANDONED), key=lambda entry: entry.number)

    def _read(self, entry: QueueEntry) -> dict[str, Any]:
        try:
            value = read_json((self.folder / entry.file).read_bytes())
        except (OSError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}

    def _write(self, entry: QueueEntry, value: dict[str, Any]) -> None:
        write_atomic(self.folder / entry.file, json.dumps(value, sort_keys=True) + "\n", 0o600)

    def _move(self, entry: QueueEntry, state: str) -> QueueEntry:
        moved = QueueEntry(entry.number, entry.key, state, entry.due)
        os.rename(self.folder / entry.file, self.folder / moved.file)
        sync_folder(self.folder)
        return moved

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
