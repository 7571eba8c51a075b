"""Run jobs by the plan: start what fits, wait for what ends, stop cleanly at a signal or when the time budget is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import IO

from dom0kit.units import counted, human_seconds
from qa import history
from qa.scenario import Settings
from qa.schedule import child, plan
from qa.schedule.child import Child
from qa.schedule.plan import Capacity, Job
from qa.schedule.progress import Progress, end_line, failure_block

POLL_SECONDS = 0.5


def available_mib(meminfo: str) -> int:
    """Return the memory in MiB that can be had without swapping, out of ``/proc/meminfo`` (proc_meminfo(5))."""
    words = next(line.split() for line in meminfo.splitlines() if line.startswith("MemAvailable:"))
    return int(words[1]) // 1024


@dataclass
class Outcome:
    """The result of one invocation.

    :param runs: all runs, the repetitions among them.
    :param left_out: scenarios that did not fit into the time budget.
    """

    runs: list[history.Run] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    interrupted: bool = False

    def last(self) -> dict[str, history.Run]:
        """Return the last run of each scenario."""
        return {run.scenario: run for run in self.runs}


@dataclass
class Runner:
    """Run scenarios, each in a process of its own.

    :param show: leave the scenario's output on this terminal; for one at a time.
    :param budget_minutes: no scenario starts that is expected to end later than this; None for no limit.
    :param memory: returns the memory in MiB that is available now.
    """

    settings: Settings
    limit: Capacity
    progress: Progress
    memory: Callable[[], int]
    show: bool = False
    budget_minutes: float | None = None
    began: float = field(default_factory=time.monotonic)
    outcome: Outcome = field(default_factory=Outcome)

    def __post_init__(self) -> None:
        self._running: list[tuple[Job, Child]] = []
        self._made: set[str] = set()

    def minutes_left(self) -> float | None:
        """Return the rest of the time budget in minutes, None when there is none."""
        if self.budget_minutes is None:
            return None
        return self.budget_minutes - (time.monotonic() - self.began) / 60

    def run(self, jobs: Sequence[Job], *, first: dict[str, str] | None = None) -> None:
        """Run all jobs and add how they ended to the outcome.

        :param first: for repetitions: the result of each scenario's first run.
        :raises KeyboardInterrupt: after all children were ended, at Ctrl-C.
        """
        waiting, ended, locked = list(jobs), 0, set[str]()
        try:
            while waiting or self._running:
                ended += self._collect(first or {})
                job = self._start_next(waiting, locked, attempt=2 if first else 1)
                if job:
                    waiting.remove(job)
                    continue
                if not self._running and not locked:
                    break
                running = [(job, process.seconds) for job, process in self._running]
                self.progress.update(running if not self.show else [], len(waiting), ended)
                time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            self._interrupt(first or {})
            raise
        finally:
            self.progress.close()
        self.outcome.left_out += sorted(job.name for job in waiting)

    def _start_next(self, waiting: Sequence[Job], locked: set[str], *, attempt: int) -> Job | None:
        running = [job for job, _ in self._running]
        found = plan.startable(waiting, running, self.limit, made=self._made, minutes_left=self.minutes_left())
        for job in found:
            # Other programs' memory counts as well; when nothing of ours runs, waiting would not help.
            if running and self.memory() - plan.RESERVE_MIB < job.memory_mib:
                continue
            held = child.lock(self.settings.artifacts, job.name)
            if held is None:
                if job.name not in locked:
                    self.progress.line(f"{'waiting':<11} {job.name}: another run uses its artifacts")
                locked.add(job.name)
                continue
            locked.discard(job.name)
            self._start(job, held, attempt=attempt)
            return job
        locked.intersection_update(job.name for job in found)
        return None

    def _start(self, job: Job, held: IO[str], *, attempt: int) -> None:
        again = ", once more" if attempt > 1 else ""
        self.progress.line(f"{'start':<11} {job.name}{again}, expected {human_seconds(job.minutes * 60)}")
        if attempt > 1:
            child.set_first_attempt_aside(self.settings.artifacts, job.name)
        self._running.append((job, Child(job.name, self.settings, held, show=self.show, attempt=attempt)))

    def _collect(self, first: dict[str, str]) -> int:
        """Take in the children that have ended; return how many."""
        over = [(job, process) for job, process in self._running if process.ended]
        for job, process in over:
            self._running.remove((job, process))
            self._made.add(job.stage)
            self._note(process.finish(first.get(job.name, "")))
        return len(over)

    def _note(self, run: history.Run) -> None:
        history.append(self.settings.artifacts, run)
        self.outcome.runs.append(run)
        self.progress.line(end_line(run))
        if run.result not in ("passed", "interrupted"):
            self.progress.line(failure_block(self.settings.artifacts / run.scenario))

    def _interrupt(self, first: dict[str, str]) -> None:
        child.ignore_signals()
        self.outcome.interrupted = True
        self.progress.line(f"interrupted: ending {counted(len(self._running), 'scenario')}, please wait")
        for _, process in self._running:
            process.interrupt()
        for job, process in self._running:
            self._note(process.finish(first.get(job.name, "")))
        self._running.clear()
