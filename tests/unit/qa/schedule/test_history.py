"""The history of runs: what it keeps, and what is concluded from it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from qa import history
from qa.history import Run


def test_runs_are_kept_in_their_order(tmp_path: Path) -> None:
    runs = [Run("a", "passed", 1.5, commit="c1", phases={"boot": 1.0}), Run("a", "failed", 2.0, error="no prompt", attempt=2)]
    assert history.read(tmp_path) == []
    for run in runs:
        history.append(tmp_path / "new", run)
    assert history.read(tmp_path / "new") == runs


def test_an_incomplete_line_spoils_only_itself(tmp_path: Path) -> None:
    """A process was killed while it wrote; the next one begins a line of its own."""
    file = tmp_path / history.FILE
    history.append(tmp_path, Run("a", "passed", 1))
    file.write_text(file.read_text() + '{"scenario": "b", "res')
    history.append(tmp_path, Run("c", "passed", 3))
    assert [run.scenario for run in history.read(tmp_path)] == ["a", "c"]


def test_writers_do_not_disturb_each_other(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for _ in range(20):
            history.append(tmp_path, Run(f"s{number}", "passed", 1, error="x" * 5000))

    threads = [Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history.read(tmp_path)) == 80


def test_only_passed_and_failed_runs_say_something_of_the_product() -> None:
    runs = [Run("a", result, 60) for result in ("passed", "starved", "failed", "interrupted", "passed")]
    assert history.record(runs, "a") == (2, 3)
    assert history.record_text(runs, "a") == "2 of 3"
    assert history.record_text(runs, "b") == "-"
    assert history.record([Run("a", "failed", 1)] * 2 + [Run("a", "passed", 1)] * 60, "a") == (50, 50)


def test_expected_duration_is_the_median_of_passed_runs() -> None:
    """A failed run is often short, a starved one long."""
    runs = [
        Run("a", "passed", 120),
        Run("a", "failed", 1),
        Run("a", "passed", 240),
        Run("a", "starved", 9000),
        Run("a", "passed", 180),
    ]
    assert history.expected_minutes(runs, "a", 10) == 3
    assert history.expected_minutes(runs, "b", 10) == 10
    old = [Run("a", "passed", 6000)] * 50
    assert history.expected_minutes(old + [Run("a", "passed", 60)] * history.RECENT, "a", 10) == 1


def test_resumed_are_those_whose_last_run_with_commit_and_iso_passed() -> None:
    runs = [
        Run("a", "passed", 1, commit="c1", iso_sha256="i1"),
        Run("b", "passed", 1, commit="c1", iso_sha256="i2"),
        Run("c", "passed", 1, commit="c2", iso_sha256="i1"),
        Run("d", "passed", 1, commit="c1", iso_sha256="i1"),
        Run("d", "failed", 1, commit="c1", iso_sha256="i1"),
        Run("e", "passed", 1, commit="c1-dirty", iso_sha256="i1"),
    ]
    assert history.passed_with(runs, "c1", "i1") == {"a"}
    assert history.passed_with(runs, "c1-dirty", "i1") == set()
    assert history.passed_with(runs, "", "i1") == set()


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [("failed", "failed", "fails always"), ("failed", "passed", "sometimes"), ("failed", "starved", ""), ("", "passed", "")],
)
def test_verdict(first: str, second: str, verdict: str) -> None:
    assert history.verdict(first, second) == verdict


def test_entry_of_a_result() -> None:
    result = {
        "scenario": "a",
        "result": "failed",
        "seconds": 12.5,
        "error": "\nno prompt\nlast lines",
        "iso": {"sha256": "i1"},
        "machines": [{"cpu_seconds": 1.25}, {"cpu_seconds": 2}],
    }
    run = history.from_result(result, {"phases": {"boot": 3}}, attempt=2, verdict="fails always")
    assert (run.error, run.iso_sha256, run.cpu_seconds, run.phases) == ("no prompt", "i1", 3.2, {"boot": 3})
    assert (run.attempt, run.verdict) == (2, "fails always")
