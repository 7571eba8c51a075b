"""Which scenario starts next, and how long all of them take: pure functions of jobs, resources and what runs.

The longest scenario goes first, as far as memory and cores allow. Of scenarios that share an expensive stage the shortest
goes first, in the place of the longest, and the others wait until it has ended: so the stage is made once, and early.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

RESERVE_MIB = 1024
"""Memory that is left to everything else on the machine."""


@dataclass(frozen=True)
class Job:
    """A scenario to run.

    :param minutes: expected duration.
    :param memory_mib: memory in MiB that its machines take at the same time.
    :param cores: cores that it keeps busy.
    :param stage: the expensive state that it shares with others; empty when none.
    """

    name: str
    minutes: float
    memory_mib: int
    cores: int = 1
    stage: str = ""


@dataclass(frozen=True)
class Capacity:
    """What scenarios may take at the same time.

    :param jobs: the most scenarios.
    """

    cores: int
    memory_mib: int
    jobs: int


@dataclass(frozen=True)
class Interval:
    """When a job runs in a simulation; minutes from the start."""

    job: Job
    start: float
    end: float


def capacity(jobs: int | None, cores: int, available_mib: int) -> Capacity:
    """Return what scenarios may take.

    :param jobs: the most scenarios at a time; None for as many as there are cores.
    :param cores: cores of this machine.
    :param available_mib: memory in MiB that can be had without swapping (``MemAvailable``).
    """
    return Capacity(cores, max(available_mib - RESERVE_MIB, 0), cores if jobs is None else jobs)


def too_big(jobs: Iterable[Job], limit: Capacity) -> list[Job]:
    """Return the jobs that need more memory than there is even when nothing else runs."""
    return [job for job in jobs if job.memory_mib > limit.memory_mib]


def ordered(jobs: Sequence[Job], made: Collection[str] = ()) -> list[Job]:
    """Return the jobs in the order of their priority.

    :param made: the stages that are there already.
    """
    makers: dict[str, str] = {}
    weights: dict[str, float] = {}
    for job in sorted(jobs, key=lambda job: (job.minutes, job.name)):
        if job.stage and job.stage not in made:
            makers.setdefault(job.stage, job.name)
            weights[job.stage] = job.minutes

    def key(job: Job) -> tuple[float, int, str]:
        maker = job.stage and makers.get(job.stage) == job.name
        return (-(weights[job.stage] if maker else job.minutes), 0 if maker else 1, job.name)

    return sorted(jobs, key=key)


def fits(job: Job, running: Sequence[Job], limit: Capacity) -> bool:
    """Return whether the job may start next to those that run.

    A job that needs more cores than there are runs alone: it is slower then, and disturbs no other one.
    """
    if len(running) >= limit.jobs and running:
        return False
    cores = sum(other.cores for other in running) + job.cores
    memory = sum(other.memory_mib for other in running) + job.memory_mib
    return memory <= limit.memory_mib and (cores <= limit.cores or not running)


def startable(
    waiting: Sequence[Job],
    running: Sequence[Job],
    limit: Capacity,
    *,
    made: Collection[str] = (),
    minutes_left: float | None = None,
) -> list[Job]:
    """Return the jobs that may start now, the one to start first.

    :param made: the stages that are there.
    :param minutes_left: of the time budget; a job that is expected to take longer does not start.
    """
    making = {job.stage for job in running if job.stage} - set(made)
    return [
        job
        for job in ordered(waiting, made)
        if job.stage not in making and fits(job, running, limit) and (minutes_left is None or job.minutes <= minutes_left)
    ]


def simulate(jobs: Sequence[Job], limit: Capacity) -> list[Interval]:
    """Return when each job would run if all take the time that is expected.

    :raises ValueError: when a job needs more memory than there is.
    """
    if big := too_big(jobs, limit):
        raise ValueError(f"{big[0].name} needs {big[0].memory_mib} MiB")
    waiting, made, now = list(jobs), set[str](), 0.0
    running: list[tuple[float, str, Job]] = []
    found = []
    while waiting or running:
        while first := next(iter(startable(waiting, [job for _, _, job in running], limit, made=made)), None):
            waiting.remove(first)
            found.append(Interval(first, now, now + first.minutes))
            heapq.heappush(running, (now + first.minutes, first.name, first))
        now, _, ended = heapq.heappop(running)
        made.add(ended.stage)
    return found


def total_minutes(jobs: Sequence[Job], limit: Capacity) -> float:
    """Return how long all jobs take together; those that are too big are left out."""
    big = too_big(jobs, limit)
    return max((interval.end for interval in simulate([job for job in jobs if job not in big], limit)), default=0.0)
