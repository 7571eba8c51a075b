"""docs/test-results.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from qa.metadata import Metadata
from qa.report import results_page, sample
from qa.report.results_page import HEADER

PROJECT = Path(__file__).resolve().parents[4]


def table(text: str) -> dict[str, list[str]]:
    """Return the lines of the page's table by scenario."""
    lines = [[word.strip() for word in line.strip("|").split(" | ")] for line in text.splitlines() if line.startswith("|")]
    assert [word.strip() for word in lines[0]] == list(HEADER)
    return {line[0]: line for line in lines[2:]}


def test_the_page_has_the_last_run_of_each_scenario(artifacts: Path, tmp_path: Path) -> None:
    path = results_page.write(artifacts, [Metadata("never-ran", "bios", 5)], tmp_path / "test-results.md")
    text = path.read_text()
    lines = table(text)
    assert lines[sample.PLAIN] == [
        sample.PLAIN, "passed", "2026-01-31", "`0123456789ab`", "`abababababab`", "1 min 10 s", "55.0 s", "18 of 21",
    ]  # fmt: skip
    assert lines["never-ran"][1] == "not run"
    assert lines[sample.OLD][:3] == [sample.OLD, "passed", "2025-12-31"]
    assert "2 of 4 scenarios passed." in text
    assert sample.INJECTION not in text
    assert "<img" not in text


def test_the_same_artifacts_give_the_same_page(artifacts: Path, tmp_path: Path) -> None:
    first = results_page.write(artifacts, [], tmp_path / "a.md").read_text()
    assert results_page.write(artifacts, [], tmp_path / "b.md").read_text() == first


def test_without_results_no_page_is_written(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no result is recorded"):
        results_page.write(tmp_path, [Metadata("never-ran", "bios", 5)], tmp_path / "page.md")
    assert not (tmp_path / "page.md").exists()


def test_a_page_in_the_docs_was_made_by_the_command() -> None:
    path = PROJECT / results_page.PAGE
    if path.exists():
        assert "make test-results" in path.read_text()
        assert table(path.read_text())
