"""The history of all scenario runs: ``history.jsonl`` in the folder of artifacts, one line of JSON for each run."""

from __future__ import annotations

import fcntl
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FILE = "history.jsonl"
WINDOW = 50
"""How many of a scenario's last runs count for "passed 48 of 50"."""
RECENT = 9
"""How many of the last passed runs the median of the duration is taken from: an older one was of another product."""


@dataclass(frozen=True)
class Run:
    """One run of one scenario.

    :param result: ``passed``, ``failed``, ``starved`` or ``interrupted``.
    :param seconds: duration on the wall clock.
    :param error: the first line of the error, empty when it passed.
    :param phases: seconds by the phase's name.
    :param cpu_seconds: CPU time of the scenario's emulators.
    :param attempt: 2 for the repetition of a failed run.
    :param verdict: of a repetition: ``fails always`` or ``sometimes``.
    """

    scenario: str
    result: str
    seconds: float
    started: str = ""
    finished: str = ""
    commit: str = ""
    iso_sha256: str = ""
    error: str = ""
    phases: Mapping[str, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    attempt: int = 1
    verdict: str = ""


def from_result(result: Mapping[str, Any], timings: Mapping[str, Any], *, attempt: int = 1, verdict: str = "") -> Run:
    """Return the history's entry for a run out of its ``result.json`` and ``timings.json``."""
    return Run(
        scenario=str(result["scenario"]),
        result=str(result["result"]),
        seconds=float(result.get("seconds", 0)),
        started=str(result.get("started", "")),
        finished=str(result.get("finished", "")),
        commit=str(result.get("commit", "")),
        iso_sha256=str(result.get("iso", {}).get("sha256", "")),
        error=(str(result.get("error", "")).strip().splitlines() or [""])[0],
        phases=dict(timings.get("phases", {})),
        cpu_seconds=round(sum(float(machine.get("cpu_seconds", 0)) for machine in result.get("machines", [])), 1),
        attempt=attempt,
        verdict=verdict,
    )


def read(artifacts: Path) -> list[Run]:
    """Return all runs, the oldest first; a line that an interrupted process left incomplete is ignored."""
    try:
        lines = (artifacts / FILE).read_text().splitlines()
    except FileNotFoundError:
        return []
    runs = []
    for line in lines:
        try:
            value = json.loads(line)
            runs.append(Run(**{key: value[key] for key in value if key in Run.__dataclass_fields__}))
        except (ValueError, TypeError):
            continue
    return runs


def append(artifacts: Path, run: Run) -> None:
    """Add a run to the history; two processes may do so at the same time."""
    artifacts.mkdir(parents=True, exist_ok=True)
    with (artifacts / FILE).open("ab+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # A process that was killed while it wrote has left a line without an end.
        begin = b""
        if file.tell() and file.seek(-1, 2) is not None and file.read(1) != b"\n":
            begin = b"\n"
        file.write(begin + json.dumps(asdict(run), sort_keys=True).encode() + b"\n")


def verdict(first: str, second: str) -> str:
    """Return what two runs of a scenario say; "" when one of them says nothing about the product."""
    return {("failed", "failed"): "fails always", ("failed", "passed"): "sometimes"}.get((first, second), "")


def of(runs: Iterable[Run], scenario: str) -> list[Run]:
    """Return the runs of one scenario."""
    return [run for run in runs if run.scenario == scenario]


def expected_minutes(runs: Sequence[Run], scenario: str, declared: float) -> float:
    """Return the median duration in minutes of the last runs that passed, or the declared one when there is none."""
    passed = [run.seconds for run in of(runs, scenario) if run.result == "passed" and run.seconds > 0]
    return statistics.median(passed[-RECENT:]) / 60 if passed else declared


def record(runs: Sequence[Run], scenario: str) -> tuple[int, int]:
    """Return how many of the scenario's last runs passed, and how many there were.

    Only runs that passed or failed count: a starved or interrupted one says nothing about the product.
    """
    counted = [run for run in of(runs, scenario) if run.result in ("passed", "failed")][-WINDOW:]
    return sum(run.result == "passed" for run in counted), len(counted)


def record_text(runs: Sequence[Run], scenario: str) -> str:
    """Return the record for a table: ``48 of 50``, or a dash when there is none."""
    passed, total = record(runs, scenario)
    return f"{passed} of {total}" if total else "-"


def passed_with(runs: Iterable[Run], commit: str, iso_sha256: str) -> set[str]:
    """Return the scenarios whose last run with this commit and ISO passed.

    :param commit: of a clean tree; nothing is known of a tree with changes, whose name ends in ``-dirty``.
    """
    if not commit or commit.endswith("-dirty") or not iso_sha256:
        return set()
    last = {run.scenario: run.result for run in runs if run.commit == commit and run.iso_sha256 == iso_sha256}
    return {scenario for scenario, result in last.items() if result == "passed"}
