"""The page of the scenarios has all of them."""

from __future__ import annotations

from pathlib import Path

from reference_pages import qa_scenarios

PROJECT = Path(__file__).resolve().parents[3]


def test_every_folder_of_scenarios_has_a_title_and_every_scenario_a_text() -> None:
    files = list((PROJECT / "qa/scenarios").rglob("test_*.py"))
    assert {path.parent.name for path in files} == set(qa_scenarios.FOLDERS)
    found = [entry for path in files for entry in qa_scenarios.entries(path)]
    assert len(found) > 50
    assert len({entry.name for entry in found}) == len(found)
    assert all(entry.text for entry in found)
    assert len(found) == sum(path.read_text().count("\n@scenario(") for path in files)
