"""The matrix of scenarios and runs."""

from __future__ import annotations

from pathlib import Path

from qa import history
from qa.history import Run
from qa.metadata import Metadata
from qa.report import matrix, sample
from qa.report.artifacts import ScenarioRun, read


def test_all_scenarios_are_in_it_and_failures_come_first(artifacts: Path) -> None:
    declared = [
        Metadata("never-ran", "bios", 5, tags=frozenset({"san", "multipath"})),
        Metadata(sample.PLAIN, "bios", 5, tags=frozenset({"smoke"})),
    ]
    rows = matrix.rows(read(artifacts), history.read(artifacts), declared)
    assert rows[0].name == sample.HOSTILE
    assert rows[-1].name == "never-ran"
    assert (rows[-1].result, rows[-1].sets, rows[-1].tags, rows[-1].recorded) == ("not run", ("san",), ("multipath",), False)
    assert matrix.heading(rows) == "2 of 4 scenarios passed"
    assert dict(matrix.totals(rows))["not run"] == "1 not run"


def test_a_row_counts_and_shows_the_last_runs(artifacts: Path) -> None:
    runs = history.read(artifacts)
    row = next(row for row in matrix.rows(read(artifacts), runs, []) if row.name == sample.PLAIN)
    # The recorded run is newer than the 20 of the history.
    assert row.record == "18 of 21"
    assert len(row.cells) == matrix.COLUMNS
    assert (row.cells[-1].result, row.cells[-1].text) == ("passed", "✓ 1m")
    assert row.cells[-4].result == "failed"
    assert row.trend is not None
    assert len(row.trend.dots) == 21


def test_a_run_that_is_in_the_history_is_not_counted_twice() -> None:
    recorded = ScenarioRun("a", "passed", seconds=60.0, finished="2026-01-02T00:00:00Z")
    runs = [Run("a", "failed", 50.0, finished="2026-01-01T00:00:00Z"), Run("a", "passed", 60.0, finished="2026-01-02T00:00:00Z")]
    (row,) = matrix.rows([recorded], runs, [])
    assert (row.record, [cell.result for cell in row.cells]) == ("1 of 2", ["failed", "passed"])


def test_a_starved_run_counts_neither_way() -> None:
    (row,) = matrix.rows([ScenarioRun("a", "starved", finished="x")], [], [])
    assert (row.record, row.cells[0].text, row.trend) == ("", "… 0s", None)


def test_short_times() -> None:
    assert [matrix.short_time(seconds) for seconds in (45, 754, 7500)] == ["45s", "13m", "2h05"]
