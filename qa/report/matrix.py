"""The matrix of scenarios and their last runs. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dom0kit.units import counted, human_seconds
from qa import history
from qa.history import Run
from qa.metadata import Metadata
from qa.report.artifacts import ScenarioRun
from qa.report.drawing import Spark, spark

COLUMNS = 12
"""Runs in the matrix."""
TREND = 30
"""Runs in a trend."""
RESULTS = ("failed", "starved", "interrupted", "passed", "not run")
"""All results, those that need a look first."""
SIGNS = {"passed": "✓", "failed": "✗", "starved": "…", "interrupted": "!", "not run": "-"}
"""A sign for each result: no colour is needed to read the matrix."""


@dataclass(frozen=True)
class Cell:
    """One run: ``text`` is what the cell shows, ``title`` what it was."""

    result: str
    text: str
    title: str


@dataclass(frozen=True)
class Row:
    """One scenario.

    :param cells: its last runs, the newest last.
    :param record: such as ``48 of 50``; "" when no run counts.
    :param recorded: whether the folder of artifacts holds its last run.
    :param sets: the sets that it is in.
    :param tags: its other tags.
    """

    name: str
    result: str
    seconds: float
    record: str
    cells: tuple[Cell, ...]
    trend: Spark | None
    runs: tuple[Run, ...]
    recorded: bool
    sets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def short_time(seconds: float) -> str:
    """Return a duration for a small cell: ``45s``, ``12m``, ``2h05``."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = round(seconds / 60)
    return f"{minutes}m" if minutes < 100 else f"{minutes // 60}h{minutes % 60:02d}"


def cell(run: Run) -> Cell:
    """Return the cell of a run."""
    words = [run.result, human_seconds(run.seconds), run.finished, f"commit {run.commit[:12]}" if run.commit else ""]
    words += [run.verdict, "repeated" if run.attempt > 1 and not run.verdict else "", run.error]
    return Cell(run.result, f"{SIGNS.get(run.result, '?')} {short_time(run.seconds)}", ", ".join(word for word in words if word))


def _run_of(recorded: ScenarioRun) -> Run:
    """Return the history's entry of a run that no history has, such as one of an older version."""
    return Run(
        scenario=recorded.name,
        result=recorded.result,
        seconds=recorded.seconds,
        started=recorded.started,
        finished=recorded.finished,
        commit=recorded.commit,
        iso_sha256=recorded.iso_sha256,
        error=recorded.sentence,
    )


def runs_of(recorded: ScenarioRun | None, runs: Iterable[Run], name: str) -> list[Run]:
    """Return a scenario's runs, the oldest first; the recorded one is among them also when the history lacks it."""
    known = history.of(runs, name)
    if recorded and not any(run.finished == recorded.finished for run in known):
        known.append(_run_of(recorded))
    return known


def row(name: str, recorded: ScenarioRun | None, runs: Sequence[Run], metadata: Metadata | None) -> Row:
    """Return the row of a scenario."""
    known = runs_of(recorded, runs, name)
    passed, total = history.record(known, name)
    timed = [(run.seconds, run.result) for run in known if run.result in ("passed", "failed")][-TREND:]
    result = recorded.result if recorded else known[-1].result if known else "not run"
    sets = [tag for tag in metadata.sets if tag != "nightly"] if metadata else []
    return Row(
        name=name,
        result=result if result in RESULTS else "interrupted",
        seconds=recorded.seconds if recorded else known[-1].seconds if known else 0.0,
        record=f"{passed} of {total}" if total else "",
        cells=tuple(cell(run) for run in known[-COLUMNS:]),
        trend=spark(timed) if len(timed) > 1 else None,
        runs=tuple(reversed(known[-history.WINDOW :])),
        recorded=recorded is not None,
        sets=tuple(sets),
        tags=tuple(sorted(metadata.tags - set(sets))) if metadata else (),
    )


def rows(recorded: Iterable[ScenarioRun], runs: Sequence[Run], catalog: Iterable[Metadata]) -> list[Row]:
    """Return the rows of all scenarios that are declared, recorded or in the history; those that did not pass first."""
    by_name = {run.name: run for run in recorded}
    declared = {metadata.name: metadata for metadata in catalog}
    names = sorted({*by_name, *declared, *(run.scenario for run in runs)})
    found = [row(name, by_name.get(name), runs, declared.get(name)) for name in names]
    return sorted(found, key=lambda item: (RESULTS.index(item.result), item.name))


def totals(found: Iterable[Row]) -> list[tuple[str, str]]:
    """Return each result that occurs, with a text such as ``3 failed``."""
    numbers = Counter(item.result for item in found)
    return [(result, f"{numbers[result]} {result}") for result in RESULTS if numbers[result]]


def heading(found: Sequence[Row]) -> str:
    """Return the page's first sentence."""
    ran = [item for item in found if item.result != "not run"]
    passed = sum(item.result == "passed" for item in ran)
    return f"{passed} of {counted(len(ran), 'scenario')} passed" if ran else "no scenario has run"
