"""Limits count machine time: a busy build host does not use them up, and a hung guest is distinguished from a starved one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from answer_strategies import MODEST
from hypothesis import given
from hypothesis import strategies as st

from qa import timeouts
from qa.errors import MachineStarved, ScenarioFailed
from qa.vm.guest_progress import STALL, Progress
from qa.vm.machine_time import WALL_LEAST, Deadline, MachineClock, Meter, Thread, read_threads


@dataclass
class Host:
    """A build host whose clock and thread counters a test moves."""

    now: float = 0.0
    threads: dict[int, Thread] = field(default_factory=lambda: {1: Thread(0.0, 0.0, "S")})

    def clock(self) -> float:
        return self.now

    def read(self) -> Mapping[int, Thread]:
        return dict(self.threads)

    def meter(self) -> Meter:
        value = Meter(self.read, self.clock)
        value.sample()
        return value

    def run(self, seconds: float, *, used: float = 0.0, waited: float = 0.0, state: str = "S", thread: int = 1) -> None:
        self.now += seconds
        old = self.threads[thread]
        self.threads[thread] = Thread(old.used + used, old.waited + waited, state)


def test_idle_guest_spends_wall_time() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    host.run(60, used=2)
    assert clock.now() == pytest.approx(60)


def test_busy_guest_with_a_fifth_of_a_processor_spends_a_fifth() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    for _ in range(600):
        host.run(1, used=0.2, waited=0.8, state="R")
        clock.now()
    assert clock.now() == pytest.approx(120)


def test_a_ready_thread_whose_wait_is_not_added_up_yet_counts_as_starved_once() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    for _ in range(30):
        host.run(1, state="R")
        clock.now()
    assert clock.now() == pytest.approx(0)
    host.run(1, used=0.5, waited=30.5, state="S")  # it ran: the kernel adds the 30 s, which were counted before
    assert clock.now() == pytest.approx(0.5)


def test_a_stopped_process_spends_nothing() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    host.run(100, state="T")
    assert clock.now() == pytest.approx(0)
    host.run(10)
    assert clock.now() == pytest.approx(10)


def test_the_most_starved_machine_counts() -> None:
    one, other = Host(), Host()
    clock = MachineClock(one.clock)
    for host in (one, other):
        clock.register(host.meter())
    other.now = one.now = 0.0
    one.run(10, used=10, state="R")
    other.run(10, used=4, waited=6, state="R")
    assert clock.now() == pytest.approx(4)


def test_forgotten_machines_do_not_count() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    value = host.meter()
    clock.register(value)
    clock.forget(value)
    clock.forget(value)
    host.run(10, waited=10, state="R")
    assert clock.now() == pytest.approx(10)


@MODEST
@given(st.lists(st.tuples(st.floats(0.01, 50), st.floats(0, 1), st.floats(0, 1), st.sampled_from("RSTD")), max_size=40))
def test_machine_time_never_runs_backwards_and_never_faster_than_the_clock(
    steps: list[tuple[float, float, float, str]],
) -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    before = 0.0
    for seconds, busy, starved, state in steps:
        host.run(seconds, used=seconds * busy, waited=seconds * starved, state=state)
        now = clock.now()
        assert before <= now <= host.now + 1e-6
        before = now


def test_deadline_fails_when_machine_time_is_over() -> None:
    host = Host()
    deadline = Deadline(600, MachineClock(host.clock))
    host.now = 599
    deadline.check("too early")
    host.now = 601
    with pytest.raises(ScenarioFailed, match="no login prompt") as caught:
        deadline.check("no login prompt")
    assert not isinstance(caught.value, MachineStarved)


def test_deadline_of_a_starved_machine_says_so_and_only_after_a_far_away_wall_limit() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    deadline = Deadline(60, clock)
    for _ in range(int(WALL_LEAST) - 1):
        host.run(1, used=0.01, waited=0.99, state="R")
        deadline.check("too early")
    host.run(2, used=0.02, waited=1.98, state="R")
    with pytest.raises(MachineStarved, match=r"starved: of 120\d s by the clock they could use 12 s"):
        deadline.check("no login prompt")


def test_deadline_on_a_machine_with_a_fifth_of_a_core_outlasts_five_times_its_limit() -> None:
    host = Host()
    clock = MachineClock(host.clock)
    clock.register(host.meter())
    deadline = Deadline(timeouts.BOOT, clock)
    for _ in range(int(timeouts.BOOT * 4.9)):
        host.run(1, used=0.2, waited=0.8, state="R")
        clock.now()
    deadline.check("a boot that got a fifth of a core is not over its limit")
    assert deadline.describe().endswith("by the clock)")


@pytest.mark.parametrize(
    ("used", "waited", "seconds", "hung"),
    [
        (0.05, 0.0, STALL + 1, True),  # silent and idle
        (0.05, 0.0, STALL - 1, False),  # not for long enough
        (1.0, 0.0, STALL + 1, False),  # silent and computing
        (0.02, 0.98, STALL + 1, False),  # silent and starved
    ],
)
def test_a_guest_hangs_when_it_is_silent_and_idle(used: float, waited: float, seconds: float, hung: bool) -> None:
    host = Host()
    meter = host.meter()
    progress = Progress(meter, host.clock)
    for _ in range(int(seconds)):
        host.run(1, used=used, waited=waited, state="R" if used + waited > 0.9 else "S")
        meter.sample()
    assert bool(progress.hung()) == hung
    progress.note()
    assert not progress.hung()


def test_threads_are_read_from_proc(tmp_path: Path) -> None:
    task = tmp_path / "7" / "task" / "8"
    task.mkdir(parents=True)
    (task / "schedstat").write_text("1500000000 250000000 12\n")
    (task / "stat").write_text("8 (CPU 0/TCG) (x) R 1 8 8 0\n")
    assert read_threads(7, tmp_path) == {8: Thread(1.5, 0.25, "R")}
    assert read_threads(9, tmp_path) == {}
