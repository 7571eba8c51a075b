"""The plan never takes more than there is, runs everything once, and begins with what takes longest."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qa.schedule import plan
from qa.schedule.plan import Capacity, Job


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Job], Capacity]:
    """Return some jobs and a machine that has enough memory for each."""
    count = draw(st.integers(0, 12))
    jobs = [
        Job(
            f"s{number}",
            draw(st.integers(1, 40)),
            draw(st.sampled_from([256, 768, 3072, 6144, 9216])),
            draw(st.integers(1, 3)),
            draw(st.sampled_from(["", "", "disk", "pool"])),
        )
        for number in range(count)
    ]
    cores = draw(st.integers(1, 8))
    return jobs, Capacity(cores, draw(st.integers(9216, 40000)), draw(st.integers(1, 8)))


@given(cases())
def test_never_more_than_there_is(case: tuple[list[Job], Capacity]) -> None:
    """At no moment more memory, cores or scenarios; a job that needs more cores than there are runs alone."""
    jobs, limit = case
    intervals = plan.simulate(jobs, limit)
    for moment in intervals:
        parallel = [other.job for other in intervals if other.start <= moment.start < other.end]
        assert sum(job.memory_mib for job in parallel) <= limit.memory_mib
        assert len(parallel) <= limit.jobs
        assert sum(job.cores for job in parallel) <= limit.cores or len(parallel) == 1


@given(cases())
def test_every_scenario_runs_exactly_once(case: tuple[list[Job], Capacity]) -> None:
    jobs, limit = case
    assert sorted(interval.job.name for interval in plan.simulate(jobs, limit)) == sorted(job.name for job in jobs)


@given(cases())
def test_longest_first_and_no_core_is_idle_without_need(case: tuple[list[Job], Capacity]) -> None:
    """What starts later than it could was kept by something of higher priority or by its stage."""
    jobs, limit = case
    free = [Job(job.name, job.minutes, 1, 1) for job in jobs]
    starts = plan.simulate(free, limit)
    assert all(one.job.minutes >= two.job.minutes for one, two in pairwise(starts))
    width = min(limit.jobs, limit.cores)
    assert all(interval.start == 0 for interval in starts[:width])
    work = sum(job.minutes for job in free)
    longest = max((job.minutes for job in free), default=0)
    assert plan.total_minutes(free, limit) <= work / width + longest


@given(cases())
def test_a_stage_is_made_by_one(case: tuple[list[Job], Capacity]) -> None:
    """The first user of a stage has ended when the second one starts; after it they may run together."""
    jobs, limit = case
    for stage in ("disk", "pool"):
        users = [interval for interval in plan.simulate(jobs, limit) if interval.job.stage == stage]
        assert all(other.start >= users[0].end for other in users[1:])


def test_the_maker_of_a_stage_has_the_place_of_the_longest() -> None:
    jobs = [Job("a", 10, 1), Job("b", 3, 1, stage="disk"), Job("c", 20, 1, stage="disk")]
    assert [job.name for job in plan.ordered(jobs)] == ["b", "c", "a"]
    assert [job.name for job in plan.ordered(jobs, made={"disk"})] == ["c", "a", "b"]


def test_resources_of_a_machine() -> None:
    limit = plan.capacity(None, 2, 8192)
    assert limit == Capacity(2, 8192 - plan.RESERVE_MIB, 2)
    assert plan.capacity(5, 2, 8192).jobs == 5
    pool = Job("pool", 10, 9216, 3)
    assert plan.too_big([pool, Job("a", 1, 3072)], limit) == [pool]
    with pytest.raises(ValueError, match="pool needs 9216 MiB"):
        plan.simulate([pool], limit)
    assert plan.total_minutes([pool, Job("a", 1, 3072)], limit) == 1
    assert plan.fits(Job("wide", 1, 3072, 3), [], limit)
    assert not plan.fits(Job("wide", 1, 3072, 3), [Job("a", 1, 1)], limit)


def test_nothing_starts_that_does_not_fit_into_the_budget() -> None:
    jobs = [Job("long", 30, 1), Job("short", 5, 1)]
    limit = Capacity(2, 100, 2)
    assert [job.name for job in plan.startable(jobs, [], limit, minutes_left=10)] == ["short"]
    assert plan.startable(jobs, [], limit, minutes_left=4) == []
    assert [job.name for job in plan.startable(jobs, [], limit)] == ["long", "short"]
