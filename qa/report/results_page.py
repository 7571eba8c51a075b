"""docs/test-results.md: the last result of each scenario, from artifacts and nothing else. Pure but for :func:`write`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.units import human_seconds
from qa import history
from qa.metadata import Metadata
from qa.report import matrix
from qa.report.artifacts import ScenarioRun, read

PAGE = Path("docs/test-results.md")
HEADER = ("scenario", "result", "date", "commit", "ISO", "time", "machine time", "passed")


def cell(text: str) -> str:
    """Return a text as it may stand in a table of Markdown."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "'")


def code(text: str, length: int) -> str:
    """Return the first digits of a hash as code, "" for none; ``-dirty`` stays."""
    short = text[:length] + ("-dirty" if text.endswith("-dirty") else "")
    return f"`{cell(short)}`" if text else ""


def line(row: matrix.Row, run: ScenarioRun | None) -> tuple[str, ...]:
    """Return a scenario's line."""
    last = row.runs[0] if row.runs else None
    if last is None:
        return (row.name, row.result, *[""] * (len(HEADER) - 2))
    machine = human_seconds(run.machine_seconds) if run and run.machine_seconds else ""
    return (
        cell(row.name),
        row.result,
        cell(last.finished[:10]),
        code(last.commit, 12),
        code(last.iso_sha256, 12),
        human_seconds(row.seconds),
        machine,
        row.record,
    )


def page(rows: Sequence[matrix.Row], recorded: Iterable[ScenarioRun]) -> str:
    """Return the page."""
    runs: Mapping[str, ScenarioRun] = {run.name: run for run in recorded}
    lines = [line(row, runs.get(row.name)) for row in sorted(rows, key=lambda row: row.name)]
    table = ["| " + " | ".join(words) + " |" for words in (HEADER, ["---"] * len(HEADER), *lines)]
    failures = [
        f"- `{cell(row.name)}`: {cell(row.runs[0].error)}" for row in rows if row.result == "failed" and row.runs[0].error
    ]
    return "\n".join(
        [
            "# Test results",
            "",
            "Made by `make test-results` from the artifacts of `make qa`; do not edit it. Each line is the last run of a",
            "scenario ([scenarios](reference/qa.md)). *Machine time* is the time in which the emulators of its machines got the",
            f"processor when they wanted it; *passed* counts its last runs, at most {history.WINDOW}.",
            "",
            f"{matrix.heading(rows)[:1].upper()}{matrix.heading(rows)[1:]}.",
            "",
            *table,
            *(["", "Failures:", "", *failures] if failures else []),
            "",
        ]
    )


def write(artifacts: Path, scenarios: Sequence[Metadata], path: Path = PAGE) -> Path:
    """Write the page from a folder of artifacts.

    :raises UserError: when nothing is recorded there.
    """
    recorded = read(artifacts)
    if not recorded:
        raise UserError(f"no result is recorded in {artifacts}", "run scenarios first, or name a folder with --artifacts")
    write_atomic(path, page(matrix.rows(recorded, history.read(artifacts), scenarios), recorded))
    return path
