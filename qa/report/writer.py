"""Write the report's files, and print its table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from dom0kit.fs import write_atomic
from dom0kit.units import human_seconds, table
from qa import history
from qa.metadata import Metadata
from qa.report import matrix, page
from qa.report.artifacts import ScenarioRun, read, read_json, scenario_folders


def results(artifacts: Path) -> list[dict[str, Any]]:
    """Return every ``result.json`` among the artifacts, by the scenario's name."""
    return [{"scenario": folder.name, **read_json(folder / "result.json")} for folder in scenario_folders(artifacts)]


def text_table(rows: Sequence[matrix.Row], artifacts: Path) -> str:
    """Return the table for the terminal: scenario, result, time, how many of the last runs passed, folder."""
    lines: list[tuple[str, ...]] = [
        (
            row.name,
            row.result + (f", {row.runs[0].verdict}" if row.runs and row.runs[0].verdict else ""),
            human_seconds(row.seconds),
            row.record or "-",
            str(artifacts / row.name),
        )
        for row in rows
    ]
    return table(("scenario", "result", "time", "passed", "artifacts"), lines)


def write_pages(artifacts: Path, recorded: Sequence[ScenarioRun], rows: Sequence[matrix.Row]) -> Path:
    """Write the page and the data files of these scenarios; data files of scenarios that are gone are removed.

    :return: the page's path.
    """
    folder = artifacts / page.DATA
    folder.mkdir(exist_ok=True)
    files = {page.data_file(run.name): run for run in recorded}
    for path in folder.glob("*.js"):
        if path.name not in files:
            path.unlink()
    for name, run in files.items():
        write_atomic(folder / name, page.data_script(run))
    path = artifacts / "report.html"
    write_atomic(path, page.page(recorded, rows))
    return path


def _catalog() -> Sequence[Metadata]:
    # pytest, which finds the scenarios, is only there where scenarios can run.
    from qa.selection import catalog  # noqa: PLC0415

    return catalog()


def write(artifacts: Path, names: Collection[str], scenarios: Sequence[Metadata] | None = None) -> Path | None:
    """Write ``report.html`` on everything recorded in the folder of artifacts, and print the table of these scenarios.

    :param scenarios: what all scenarios declare about themselves; None: look for them.
    :return: the page's path, None when nothing is recorded.
    """
    recorded = read(artifacts)
    if not recorded:
        return None
    rows = matrix.rows(recorded, history.read(artifacts), _catalog() if scenarios is None else scenarios)
    path = write_pages(artifacts, recorded, rows)
    by_name = {row.name: row for row in rows if row.recorded}
    print("\n" + text_table([by_name[name] for name in sorted(by_name) if name in names], artifacts))
    print(f"report: {path}")
    return path
