"""Wait for a condition in machine time: the one loop that the harness shares.

It differs from :func:`dom0kit.polling.poll` in its clock, which stands still while an emulator gets no processor
(:mod:`qa.vm.machine_time`), and in that it reads the lines of the running machines between two calls of the condition.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from qa.vm.machine_time import CLOCK, Deadline, MachineClock
from qa.vm.running import drain_all

T = TypeVar("T")


def poll(
    condition: Callable[[], T | None],
    what: str,
    *,
    limit: float,
    interval: float = 1.0,
    pause: Callable[[float], object] = drain_all,
    still_possible: Callable[[], object] = lambda: None,
    evidence: Callable[[], object] = lambda: "",
    wall: float | None = None,
    clock: MachineClock = CLOCK,
) -> T:
    """Call ``condition`` until it returns something true, and return that.

    The condition is called once more after the last pause. What it raises passes through.

    :param what: the awaited thing as a noun, such as ``text 'login:' on the console``; it begins the error message.
    :param limit: seconds of machine time, stretched by the user's patience; 0 calls the condition once.
    :param interval: seconds between two calls.
    :param pause: spends the interval; in a thread other than the main one it must not read the machines' lines.
    :param still_possible: called after each call of ``condition`` that returned nothing true; raises when waiting is in vain.
    :param evidence: returns what the error message shows in addition, such as the last lines of the console.
    :param wall: the limit by the wall clock in seconds; None: far behind the other limit.
    :raises MachineStarved: when the emulators got too little processor time to tell.
    :raises TimedOut: ``no WHAT after N s of machine time`` when the limit is over.
    """
    deadline = Deadline(limit, clock, wall=wall)
    while not (found := condition()):
        still_possible()
        if deadline.expired:
            shown = str(evidence())
            deadline.check(f"no {what} after {deadline.describe()}{f'; {shown}' if shown else ''}")
        pause(interval)
    return found
