"""A window for restarts: days and hours of the week, in local time (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from dom0kit.errors import UserError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TEXT = re.compile(r"(?:([A-Za-z.,]+) +)?(\d\d):(\d\d)-(\d\d):(\d\d)")
HINT = "write it as 'Sun 02:00-04:00', 'Mon..Fri 22:00-02:00' or '01:00-03:00'"


@dataclass(frozen=True)
class Window:
    """A window.

    :ivar days: on which it begins, 0 for Monday.
    :ivar start: minutes after midnight.
    :ivar length: minutes; it may end on the next day.
    """

    text: str
    days: frozenset[int]
    start: int
    length: int

    def contains(self, now: datetime) -> bool:
        """Return whether a time is within the window."""
        for day in (now, now - timedelta(days=1)):
            begin = self._begin(day)
            if day.weekday() in self.days and begin <= now < begin + timedelta(minutes=self.length):
                return True
        return False

    def next_start(self, now: datetime) -> datetime:
        """Return when the window begins next."""
        starts = (self._begin(now + timedelta(days=ahead)) for ahead in range(8))
        return next(start for start in starts if start > now and start.weekday() in self.days)

    def _begin(self, day: datetime) -> datetime:
        return day.replace(hour=self.start // 60, minute=self.start % 60, second=0, microsecond=0)


def parse(text: str) -> Window:
    """Read a window such as ``Sun 02:00-04:00``.

    :raises UserError: when it is none.
    """
    match = TEXT.fullmatch(text.strip())
    if not match:
        raise UserError(f"{text!r} is no window", HINT)
    hours = [int(number) for number in match.groups()[1:]]
    start, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if hours[1] > 59 or hours[3] > 59 or start >= 1440 or end > 1440 or start == end:
        raise UserError(f"{text!r} has times that no day has, or no length", HINT)
    days = _days(match[1], text) if match[1] else frozenset(range(7))
    return Window(text.strip(), days, start, (end - start) % 1440 or 1440)


def _days(words: str, text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in words.split(","):
        ends = [DAYS.index(word.capitalize()) if word.capitalize() in DAYS else -1 for word in part.split("..")]
        if -1 in ends or len(ends) > 2:
            raise UserError(f"{text!r} has a day that is none: {part}", HINT)
        first, last = ends[0], ends[-1]
        found |= {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    return frozenset(found)
