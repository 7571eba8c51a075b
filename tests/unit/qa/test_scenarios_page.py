"""The page of the scenarios is current and has all of them."""

from __future__ import annotations

from pathlib import Path

from qa import scenarios_page

PROJECT = Path(__file__).resolve().parents[3]


def test_page_is_current() -> None:
    assert (PROJECT / scenarios_page.PAGE).read_text() == scenarios_page.render(PROJECT), "run 'make docs'"


def test_every_folder_of_scenarios_has_a_title_and_every_scenario_a_text() -> None:
    files = list((PROJECT / "qa/scenarios").rglob("test_*.py"))
    assert {path.parent.name for path in files} == set(scenarios_page.FOLDERS)
    found = [entry for path in files for entry in scenarios_page.entries(path)]
    assert len(found) > 50
    assert len({entry.name for entry in found}) == len(found)
    assert all(entry.text for entry in found)
    assert len(found) == sum(path.read_text().count("\n@scenario(") for path in files)
