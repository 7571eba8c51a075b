"""Wait for a condition: the one loop that the programs of a host share."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from dom0kit.errors import UserError
from dom0kit.units import human_seconds

T = TypeVar("T")


class TimedOut(UserError):
    """Raised by :func:`poll` when the condition did not come true; the message names it and the time."""


def poll(
    condition: Callable[[], T | None],
    timeout: float,
    interval: float,
    what: str,
    *,
    longest: float = 0.0,
    hint: str = "",
    progress: Callable[[float, float], None] = lambda spent, timeout: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call ``condition`` until it returns something true, and return that.

    The condition is called once more after the last pause, so that a machine which slept past the limit is not failed for it.

    :param timeout: seconds from now; 0 asks once.
    :param interval: seconds between two calls.
    :param longest: each pause is twice the one before, up to this many seconds; 0: all are alike.
    :param what: the awaited condition as a clause, such as ``the partition /dev/sda3 to appear``.
    :param hint: what to do when it does not come true.
    :param progress: called before each pause with the seconds spent and the limit.
    :raises TimedOut: ``gave up waiting for WHAT after N``; the condition's own errors pass through.
    """
    start = clock()
    while not (found := condition()):
        spent = clock() - start
        if spent >= timeout:
            raise TimedOut(f"gave up waiting for {what} after {human_seconds(spent)}", hint)
        progress(spent, timeout)
        sleep(min(interval, timeout - spent))
        interval = max(interval, min(2 * interval, longest))
    return found
