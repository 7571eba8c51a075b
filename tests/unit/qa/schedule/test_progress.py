"""A failure is explained on the terminal, though the scenario's own output went to a file."""

from __future__ import annotations

from pathlib import Path

from qa.schedule.progress import failure_block


def test_the_explanation_is_shown_whole(tmp_path: Path) -> None:
    (tmp_path / "output.txt").write_text("much\n")
    (tmp_path / "failure.txt").write_text("the console shows a kernel panic\nstep: first boot\n")
    assert failure_block(tmp_path) == "the console shows a kernel panic\nstep: first boot"


def test_without_an_explanation_the_end_of_the_output_is_shown_without_escape_sequences(tmp_path: Path) -> None:
    lines = [f"line {number}" for number in range(100)]
    (tmp_path / "output.txt").write_text("\n".join([*lines, "\x1b]0;title\x07E   \x1b[31mfailed\x1b[0m"]) + "\n")
    shown = failure_block(tmp_path, 3).splitlines()
    assert shown[1:] == ["    line 98", "    line 99", "    E   failed"]


def test_a_scenario_that_left_nothing_is_no_error(tmp_path: Path) -> None:
    assert failure_block(tmp_path) == ""
