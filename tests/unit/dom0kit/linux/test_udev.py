"""Waiting for udev: as long as its queue moves, whatever the speed of the machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_runner import Call, Ended, FakeRunner

from dom0kit.linux import udev


class Machine:
    """Udev that needs ``busy`` slices for its queue, and finishes an event in each slice when ``moving``."""

    def __init__(self, root: Path, busy: int, *, moving: bool, slice_seconds: float = udev.SLICE_SECONDS) -> None:
        self.root, self.busy, self.moving, self.slice = root, busy, moving, slice_seconds
        self.now, self.waits = 0.0, 0
        for name in ("run/udev/control", "sys/kernel/uevent_seqnum"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text("7\n")

    def settle(self, call: Call) -> Ended:
        """Stand in for ``udevadm settle``."""
        assert not call.check
        self.waits += 1
        done = self.waits > self.busy
        self.now += 0 if done else self.slice
        if self.moving:
            (self.root / "sys/kernel/uevent_seqnum").write_text(f"{self.waits}\n")
        return Ended(0 if done else 1)


@pytest.fixture
def settle(tmp_path: Path) -> Callable[[Machine], tuple[bool, list[str]]]:
    def settled(machine: Machine) -> tuple[bool, list[str]]:
        notes: list[str] = []
        runner = FakeRunner({"udevadm settle": machine.settle})
        return udev.settle(runner, tmp_path, clock=lambda: machine.now, note=notes.append), notes

    return settled


Settle = Callable[[Machine], tuple[bool, list[str]]]


def test_a_queue_that_moves_is_waited_for(tmp_path: Path, settle: Settle) -> None:
    """Twenty minutes of events are no failure: each limit in seconds was one on a slow machine."""
    machine = Machine(tmp_path, 40, moving=True)
    assert settle(machine) == (True, [])
    assert machine.now == 40 * udev.SLICE_SECONDS


def test_a_queue_that_stands_still_is_given_up(tmp_path: Path, settle: Settle) -> None:
    machine = Machine(tmp_path, 10_000, moving=False)
    complete, notes = settle(machine)
    assert not complete
    assert udev.STALLED_SECONDS <= machine.now <= udev.STALLED_SECONDS + udev.SLICE_SECONDS
    assert len(notes) == 1
    assert "waiting for udev" in notes[0]
    assert f"{machine.now:.0f} s" in notes[0]


def test_a_queue_that_never_empties_is_given_up(tmp_path: Path, settle: Settle) -> None:
    machine = Machine(tmp_path, 10_000, moving=True)
    assert not settle(machine)[0]
    assert machine.now <= udev.SETTLE_SECONDS + udev.SLICE_SECONDS


def test_an_udevadm_that_fails_is_no_queue(tmp_path: Path, settle: Settle) -> None:
    """It fails at once where udevd does not answer; that must not be asked again and again."""
    machine = Machine(tmp_path, 10_000, moving=False, slice_seconds=0.01)
    complete, notes = settle(machine)
    assert not complete
    assert machine.waits == 1
    assert "udevadm settle failed" in notes[0]


def test_without_udev_nothing_is_waited_for(tmp_path: Path) -> None:
    runner = FakeRunner()
    assert udev.settle(runner, tmp_path)
    assert runner.calls == []
