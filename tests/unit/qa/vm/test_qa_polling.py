"""The loop that all waits share: what ends it, and which clock it counts."""

from __future__ import annotations

import pytest

from qa.errors import MachineStarved, ScenarioFailed, TimedOut
from qa.vm.machine_time import MachineClock, Meter, Thread
from qa.vm.polling import poll


class Host:
    """A build host whose time passes in pauses; its one emulator runs for a part of it.

    :param share: the part of the time in which the emulator got the processor that it wanted.
    """

    def __init__(self, share: float = 1.0) -> None:
        self.now = self.used = self.waited = 0.0
        self.share = share
        self.clock = MachineClock(lambda: self.now)
        self.clock.register(Meter(lambda: {1: Thread(self.used, self.waited, "R")}, lambda: self.now))

    def pause(self, seconds: float) -> None:
        self.now += seconds
        self.used += seconds * self.share
        self.waited += seconds * (1 - self.share)


def test_it_returns_what_the_condition_found() -> None:
    host, found = Host(), iter(["", "", "there"])
    assert poll(lambda: next(found), "x", limit=60, pause=host.pause, clock=host.clock) == "there"
    assert host.now == 2


def test_the_condition_is_called_once_with_a_limit_of_0() -> None:
    assert poll(lambda: True, "x", limit=0)


def test_past_the_limit_the_error_has_the_evidence() -> None:
    host = Host()
    with pytest.raises(TimedOut, match=r"^no prompt after 61 s of machine time; it shows a menu$") as caught:
        poll(lambda: None, "prompt", limit=60, pause=host.pause, clock=host.clock, evidence=lambda: "it shows a menu")
    assert not isinstance(caught.value, MachineStarved)


def test_a_machine_with_half_a_processor_gets_twice_the_time() -> None:
    host = Host(share=0.5)
    with pytest.raises(TimedOut, match="60 s of machine time"):
        poll(lambda: None, "prompt", limit=60, pause=host.pause, clock=host.clock)
    assert 120 <= host.now <= 124


def test_a_starved_machine_is_no_failure_of_the_condition() -> None:
    host = Host(share=0.01)
    with pytest.raises(MachineStarved, match="starved") as caught:
        poll(lambda: None, "prompt", limit=60, wall=300, pause=host.pause, clock=host.clock)
    assert not isinstance(caught.value, TimedOut)


def test_a_wait_in_vain_ends_at_once() -> None:
    host = Host()

    def ended() -> None:
        raise ScenarioFailed("the machine ended")

    with pytest.raises(ScenarioFailed, match="the machine ended"):
        poll(lambda: None, "prompt", limit=60, pause=host.pause, clock=host.clock, still_possible=ended)
    assert host.now == 0
