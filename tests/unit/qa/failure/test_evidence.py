"""Evidence out of logs."""

from __future__ import annotations

import json
from pathlib import Path

from qa.failure import evidence
from qa.failure.evidence import GAP, Step


def step(name: str, state: str, at: float = 0.0) -> dict[str, object]:
    return {"event": "step", "source": "installer", "name": name, "state": state, "at": at}


def test_the_step_that_has_not_finished() -> None:
    events = [step("wipe", "started"), step("wipe", "finished"), step("partition", "started", 132.04)]
    assert evidence.open_step(events) == Step("installer", "partition", 132.04)
    assert str(evidence.open_step(events)) == "installer step 'partition', which started 132 s after power-on"
    assert evidence.open_step([*events, step("partition", "finished")]) is None
    assert evidence.open_step([{"event": "started"}]) is None


def test_events_are_read_and_what_is_no_event_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "events-host.jsonl"
    path.write_text(json.dumps(step("a", "started")) + '\n[]\n{"half\n')
    assert evidence.read_events(path) == [step("a", "started")]
    assert evidence.read_events(tmp_path / "none") == []


def test_the_tail_leaves_out_empty_lines(tmp_path: Path) -> None:
    path = tmp_path / "console-host.log"
    path.write_text("    1.0 | one\n    1.1 |  \n    2.5 | two\n    2.6 | \n")
    assert evidence.tail(path, 5) == ["    1.0 | one", "    2.5 | two"]
    assert evidence.console_time("    2.5 | two") == 2.5
    assert evidence.console_time("two") is None


def test_an_excerpt_shows_the_fault_and_the_end() -> None:
    lines = [f"{i:7.1f} | line {i}." for i in range(200)]
    found = evidence.excerpt(lines, "line 50.", 10)
    assert lines[50] in found
    assert found[-10:] == lines[-10:]
    assert GAP in found
    assert len(found) == evidence.BEFORE + evidence.AFTER + 1 + 10
    assert evidence.excerpt(lines, "line 195.", 10) == lines[-10:]
    assert evidence.excerpt(lines, "", 10) == lines[-10:]
    assert evidence.excerpt(lines[:3], "", 10) == lines[:3]
