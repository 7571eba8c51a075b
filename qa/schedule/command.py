"""``dom0kit qa``: choose scenarios, run them by the plan, repeat what failed, print the summary, return the exit code."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.units import counted, human_seconds
from qa import history, report, selection
from qa.metadata import DEFAULT_MEMORY_MIB, Metadata
from qa.result_files import commit, iso_digest, utc_now
from qa.scenario import Settings
from qa.schedule import child, plan
from qa.schedule.options import EXIT_FAILED, EXIT_STARVED, EXIT_UNFINISHED
from qa.schedule.plan import Capacity, Job
from qa.schedule.progress import Progress, failure_block
from qa.schedule.runner import Outcome, Runner, available_mib

MEMINFO = Path("/proc/meminfo")


def job_of(item: Metadata, runs: Sequence[history.Run], *, memory_mib: int, cpus: int) -> Job:
    """Return the job of a scenario whose machines have this memory in MiB and these processors, each."""
    return Job(
        item.name,
        history.expected_minutes(runs, item.name, item.minutes),
        max(item.memory_mib + item.machines * (memory_mib - DEFAULT_MEMORY_MIB), 256),
        item.cores * (cpus if item.machines else 1),
        item.stage,
    )


def estimate(jobs: Sequence[Job], limit: Capacity) -> str:
    """Return the line that is printed before anything starts."""
    alone = sum(job.minutes for job in jobs)
    together = plan.total_minutes(jobs, limit)
    width = min(limit.jobs, limit.cores)
    at_a_time = f", about {together:.0f} min with up to {width} at a time" if width > 1 else ""
    return f"{counted(len(jobs), 'scenario')}, about {alone:.0f} min one after the other{at_a_time}"


def exit_code(outcome: Outcome, *, too_big: Collection[str] = (), allow_flaky: bool = False) -> int:
    """Return the exit code; see :data:`qa.schedule.options.EPILOG`."""
    last = outcome.last()
    sometimes = any(run.verdict == "sometimes" for run in last.values())
    results = {run.result for run in last.values()}
    if outcome.interrupted or "interrupted" in results:
        return 130
    if too_big or "failed" in results or (sometimes and not allow_flaky):
        return EXIT_FAILED
    if "starved" in results:
        return EXIT_STARVED
    return EXIT_UNFINISHED if outcome.left_out else 0


def resume_command(arguments: Sequence[str]) -> str:
    """Return the command that goes on where this one stopped."""
    words = [word for word in arguments if word != "--resume"]
    return shlex.join(["dom0kit", "qa", *words, "--resume"])


def skipped(chosen: Sequence[Metadata], settings: Settings) -> set[str]:
    """Return the scenarios that passed with this commit and ISO; print why none counts in a changed tree."""
    if not commit() or commit().endswith("-dirty"):
        print("--resume: there are uncommitted changes, or this is no checkout: no earlier result counts")
    passed = history.passed_with(history.read(settings.artifacts), commit(), iso_digest(settings.iso))
    return passed & {item.name for item in chosen}


def run_here(scenario: str, settings: Settings) -> int:
    """Run one scenario in this process, its output on this terminal; return pytest's exit code."""
    return selection.run_pytest(selection.Selection(settings, [scenario]))


def run_one(item: Metadata, settings: Settings) -> Outcome:
    """Run one scenario in this process and add it to the history."""
    held = child.lock(settings.artifacts, item.name)
    if held is None:
        print(f"another run uses the artifacts of {item.name}; waiting until it ends")
        held = child.lock(settings.artifacts, item.name, wait=True)
    child.clear(settings.artifacts, item.name)
    began, started = time.monotonic(), utc_now()
    code = run_here(item.name, settings)
    seconds = time.monotonic() - began
    run = child.outcome(item.name, settings, code=130 if code == 2 else code, started=started, seconds=seconds)
    history.append(settings.artifacts, run)
    if held:
        held.close()
    if run.result not in ("passed", "interrupted"):
        print(f"\n{failure_block(settings.artifacts / item.name)}")
    return Outcome([run], interrupted=code == 2)


def run_all(chosen: Sequence[Metadata], settings: Settings, arguments: argparse.Namespace) -> tuple[Outcome, list[str]]:
    """Run scenarios in processes of their own; return how they ended, and those that need more memory than there is."""
    runs = history.read(settings.artifacts)
    jobs = [job_of(item, runs, memory_mib=settings.memory, cpus=settings.cpus) for item in chosen]

    def memory() -> int:
        return available_mib(MEMINFO.read_text())

    limit = plan.capacity(arguments.jobs, os.cpu_count() or 1, memory())
    big = plan.too_big(jobs, limit)
    for job in big:
        print(f"cannot run  {job.name}: it needs {job.memory_mib} MiB, {limit.memory_mib} MiB are available", file=sys.stderr)
    jobs = [job for job in jobs if job not in big]
    print(estimate(jobs, limit), flush=True)
    if limit.jobs > 1:
        # Once, on the quiet machine; the children find the answer in the cache.
        probe = replace(settings, keep=False)
        print(f"accelerator: {' '.join(probe.accelerator)}", flush=True)
        probe.close()
    runner = Runner(settings, limit, Progress(), memory, show=limit.jobs == 1, budget_minutes=arguments.budget)
    try:
        runner.run(jobs)
        failed = {run.scenario: run.result for run in runner.outcome.last().values() if run.result == "failed"}
        if failed and arguments.retry_failed:
            left_out = list(runner.outcome.left_out)
            runner.run([job for job in jobs if job.name in failed], first=failed)
            # A repetition for which no time is left changes nothing: the scenario has failed.
            runner.outcome.left_out = left_out
    except KeyboardInterrupt:
        pass  # the outcome says so
    return runner.outcome, [job.name for job in big]


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run what the arguments choose; return the exit code."""
    if arguments.child:
        return {0: 0, 2: 130}.get(run_here(arguments.scenarios[0], settings), 1)
    chosen = selection.filter_scenarios(selection.catalog(), arguments.scenarios, arguments.sets, arguments.tags)
    if not chosen:
        where = f"the set {' or '.join(arguments.sets)}" if arguments.sets else "this selection"
        raise UserError(f"no scenario is in {where}", "list the scenarios with: dom0kit qa --list")
    selected = selection.collect([item.name for item in chosen])
    settings.check(selected.programs, lab=selected.lab)
    passed_before = skipped(chosen, settings) if arguments.resume else set()
    if passed_before:
        print(f"{len(passed_before)} of {counted(len(chosen), 'scenario')} passed before with this commit and ISO")
    rest = [item for item in chosen if item.name not in passed_before]
    if not rest:
        return 0
    big: list[str] = []
    if len(rest) == 1 and not (arguments.budget or arguments.retry_failed):
        outcome = run_one(rest[0], settings)
    else:
        outcome, big = run_all(rest, settings, arguments)
    if outcome.runs:
        report.write(settings.artifacts, list(outcome.last()))
    return finish(outcome, arguments, big)


def finish(outcome: Outcome, arguments: argparse.Namespace, big: Sequence[str]) -> int:
    """Print the results by kind and the command that continues; return the exit code."""
    last = outcome.last().values()
    for result in ("failed", "starved", "interrupted"):
        names = sorted(f"{run.scenario}{f' ({run.verdict})' if run.verdict else ''}" for run in last if run.result == result)
        if names:
            print(f"{result}: {', '.join(names)}", file=sys.stderr)
    if flaky := sorted(run.scenario for run in last if run.verdict == "sometimes"):
        print(f"fails sometimes: {', '.join(flaky)}", file=sys.stderr)
    if outcome.left_out or outcome.interrupted:
        if outcome.left_out:
            time_left = human_seconds((arguments.budget or 0) * 60)
            print(f"does not fit into the time budget of {time_left}: {', '.join(outcome.left_out)}", file=sys.stderr)
            if not outcome.runs:
                print("no scenario fits into this budget; use a longer one", file=sys.stderr)
        print(f"continue with: {resume_command(sys.argv[1:] if sys.argv[1:2] != ['qa'] else sys.argv[2:])}", file=sys.stderr)
    return exit_code(outcome, too_big=big, allow_flaky=arguments.allow_flaky)
