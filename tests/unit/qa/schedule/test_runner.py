"""The loop that starts and ends scenarios, with children that only take time."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import pytest

from qa import history
from qa.history import Run
from qa.scenario import Settings
from qa.schedule import child, runner
from qa.schedule.plan import Capacity, Job
from qa.schedule.progress import Progress
from qa.schedule.runner import Runner


class Clock:
    """Time that passes only while the loop sleeps; after ``interrupt_at`` seconds a sleep is interrupted by Ctrl-C."""

    def __init__(self) -> None:
        self.now = 0.0
        self.interrupt_at = float("inf")

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.interrupt_at:
            self.interrupt_at = float("inf")
            raise KeyboardInterrupt


CLOCK = Clock()
RESULTS: dict[str, list[str]] = {}
RUNNING: dict[str, str] = {}
MOST: list[int] = []


class FakeChild:
    """A child that runs for a minute and then has the next result that was set for its scenario."""

    def __init__(self, scenario: str, settings: Settings, held: IO[str], *, show: bool, attempt: int = 1) -> None:
        self.scenario, self.settings, self.attempt = scenario, settings, attempt
        self._held, self._began, self._interrupted = held, CLOCK.now, False
        child.clear(settings.artifacts, scenario)
        assert scenario not in RUNNING
        RUNNING[scenario] = ""
        MOST.append(len(RUNNING))

    @property
    def seconds(self) -> float:
        return CLOCK.now - self._began

    @property
    def ended(self) -> bool:
        return self._interrupted or self.seconds >= 60

    def interrupt(self) -> None:
        self._interrupted = True

    def finish(self, verdict_on: str = "") -> Run:
        del RUNNING[self.scenario]
        self._held.close()
        result = "interrupted" if self._interrupted else RESULTS.get(self.scenario, ["passed"]).pop(0)
        verdict = history.verdict(verdict_on, result) if self.attempt > 1 else ""
        return Run(self.scenario, result, self.seconds, attempt=self.attempt, verdict=verdict)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Return a runner on two cores, with fake children and a fake clock."""
    CLOCK.now, CLOCK.interrupt_at = 0.0, float("inf")
    for values in (RESULTS, RUNNING, MOST):
        values.clear()
    monkeypatch.setattr(runner, "Child", FakeChild)
    monkeypatch.setattr(runner, "time", CLOCK)
    monkeypatch.setattr(child, "ignore_signals", lambda: None)
    settings = Settings(artifacts=tmp_path)
    return Runner(settings, Capacity(2, 8000, 2), Progress(io.StringIO()), lambda: 9999, began=0.0)


JOBS = [Job(name, minutes, 3072) for name, minutes in (("a", 1), ("b", 3), ("c", 2))]


def test_all_run_two_at_a_time_longest_first(run: Runner) -> None:
    run.run(JOBS)
    runs = history.read(run.settings.artifacts)
    assert sorted(r.scenario for r in runs) == ["a", "b", "c"]
    assert {r.scenario for r in runs[:2]} == {"b", "c"}
    assert max(MOST) == 2
    assert run.outcome.left_out == []


def test_other_programs_memory_is_respected(run: Runner) -> None:
    """One at a time is started whatever is free; a second one only when there is memory for it."""
    run.memory = lambda: 3000
    run.run(JOBS)
    assert max(MOST) == 1
    assert len(run.outcome.runs) == 3


def test_nothing_starts_that_does_not_fit_into_the_time(run: Runner) -> None:
    """The job b does not fit from the beginning; c and a start at once."""
    run.budget_minutes = 2.5
    run.run(JOBS)
    assert {r.scenario for r in run.outcome.runs} == {"a", "c"}
    assert run.outcome.left_out == ["b"]


def test_a_failed_scenario_is_run_once_more(run: Runner) -> None:
    RESULTS.update({"a": ["failed", "passed"], "b": ["failed", "failed"]})
    run.run(JOBS)
    run.run([job for job in JOBS if job.name != "c"], first={"a": "failed", "b": "failed"})
    last = run.outcome.last()
    assert {name: last[name].verdict for name in "abc"} == {"a": "sometimes", "b": "fails always", "c": ""}
    assert [r.attempt for r in history.read(run.settings.artifacts)] == [1, 1, 1, 2, 2]


def test_an_interruption_ends_what_runs_and_is_recorded(run: Runner) -> None:
    CLOCK.interrupt_at = 30
    with pytest.raises(KeyboardInterrupt):
        run.run(JOBS)
    assert RUNNING == {}
    assert [(r.scenario, r.result) for r in history.read(run.settings.artifacts)] == [("b", "interrupted"), ("c", "interrupted")]
    assert run.outcome.interrupted


def test_a_scenario_of_another_run_is_waited_for(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others go on meanwhile."""
    held = child.lock(run.settings.artifacts, "b")
    assert held
    sleep = CLOCK.sleep

    def release(seconds: float) -> None:
        sleep(seconds)
        if CLOCK.now > 200:
            held.close()

    monkeypatch.setattr(CLOCK, "sleep", release)
    run.run(JOBS)
    assert [r.scenario for r in run.outcome.runs][-1] == "b"
    assert len(run.outcome.runs) == 3
