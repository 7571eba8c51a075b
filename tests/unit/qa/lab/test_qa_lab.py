"""Whether an address of the lab network answers, with a ping that gets no answer."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from dom0kit.process import Result
from qa.errors import MachineStarved
from qa.lab.lab import Lab
from qa.vm import machine_time
from qa.vm.machine_time import CLOCK, Meter, Thread


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """Return a lab in which no address answers."""
    monkeypatch.setattr(Lab, "run", lambda self, argv, **_: Result(tuple(argv), 1, "", "", 0.0))
    return Lab(tmp_path, tmp_path)


def test_an_address_without_an_answer_is_not_reached(lab: Lab) -> None:
    assert lab.reaches("10.77.0.9", limit=0) is False


def test_a_starved_machine_says_nothing_about_the_network(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_time, "WALL_LEAST", 0.0)
    monkeypatch.setattr(machine_time, "WALL_FACTOR", 1.5)
    starved = Meter(lambda: {1: Thread(0.0, time.monotonic(), "R")})
    CLOCK.register(starved)
    try:
        with pytest.raises(MachineStarved):
            lab.reaches("10.77.0.9", limit=1)
    finally:
        CLOCK.forget(starved)
