"""Waiting for a condition: what it returns, when it gives up, and what the error says."""

from __future__ import annotations

import pytest

from dom0kit.polling import TimedOut, poll


class Time:
    """A clock that only a sleep moves; ``slow`` seconds are added to each, as on a machine that is starved."""

    def __init__(self, slow: float = 0.0) -> None:
        self.now, self.slow = 100.0, slow
        self.slept: list[float] = []

    def clock(self) -> float:
        """Return the time."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let it pass."""
        self.slept.append(seconds)
        self.now += seconds + self.slow


def test_what_the_condition_gives_is_returned() -> None:
    time, answers = Time(), iter([None, "", 0, "there"])
    assert poll(lambda: next(answers), 10, 2, "x", clock=time.clock, sleep=time.sleep) == "there"
    assert time.slept == [2, 2, 2]


def test_the_error_names_what_was_waited_for_and_how_long() -> None:
    time, seen = Time(), list[tuple[float, float]]()
    with pytest.raises(TimedOut) as caught:
        poll(
            lambda: False,
            5,
            2,
            "the disk to appear",
            hint="see dmesg",
            progress=lambda spent, limit: seen.append((spent, limit)),
            clock=time.clock,
            sleep=time.sleep,
        )
    assert caught.value.message == "gave up waiting for the disk to appear after 5.0 s"
    assert caught.value.hint == "see dmesg"
    assert time.slept == [2, 2, 1], "the last pause ends with the limit"
    assert seen == [(0, 5), (2, 5), (4, 5)]


def test_pauses_double_up_to_the_longest() -> None:
    time = Time()
    with pytest.raises(TimedOut):
        poll(lambda: False, 20, 0.5, "x", longest=4, clock=time.clock, sleep=time.sleep)
    assert time.slept == [0.5, 1, 2, 4, 4, 4, 4, 0.5]


def test_a_pause_that_is_longer_than_the_longest_stays() -> None:
    time = Time()
    with pytest.raises(TimedOut):
        poll(lambda: False, 6, 3, "x", longest=2, clock=time.clock, sleep=time.sleep)
    assert time.slept == [3, 3]


def test_a_machine_that_slept_past_the_limit_looks_once_more() -> None:
    time, answers = Time(slow=60), iter([False, True])
    assert poll(lambda: next(answers), 5, 1, "x", clock=time.clock, sleep=time.sleep)


def test_errors_of_the_condition_pass() -> None:
    def broken() -> bool:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        poll(broken, 5, 1, "x")
