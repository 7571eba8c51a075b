from __future__ import annotations

import json
from typing import Any

import pytest
from boots import restart

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from firstboot.host import Host
from firstboot.retry import current_moment, time_text
from firstboot.runner import Outcome, emit_result, run_steps
from firstboot.step_records import FOLDER, StepRecords
from firstboot.steps.step import Step
from firstboot.steps.steps import STEPS


class Recorder:
    """Steps that note that they ran, and fail when configured to."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.said: list[str] = []
        self.events: list[Event] = []
        self.reporter = Reporter("firstboot", [self.events.append])

    def step(self, name: str, **settings: Any) -> Step:
        def function(host: Host) -> None:
            self.ran.append(name)
            if name in self.broken:
                raise self.broken[name]

        return Step(name, function, **settings)

    def ready(self) -> None:
        self.ran.append("READY")

    def run(self, host: Host, *steps: Step) -> Outcome:
        self.ran.clear()
        return run_steps(host, self.reporter, steps, ready=self.ready, say=self.said.append)


@pytest.fixture
def record() -> Recorder:
    return Recorder()


def test_ready_comes_after_the_early_steps_even_when_one_fails(host: Host, record: Recorder) -> None:
    steps = (record.step("a", early=True), record.step("b", early=True), record.step("c"))
    record.broken["b"] = UserError("no", "try")
    record.run(host, *steps)
    assert record.ran == ["a", "b", "READY", "c"]


def test_ready_comes_without_early_steps(host: Host, record: Recorder) -> None:
    record.run(host, record.step("c"))
    assert record.ran == ["READY", "c"]


def test_a_failure_stops_only_what_needs_it_and_the_next_run_resumes(host: Host, record: Recorder) -> None:
    steps = (
        record.step("a"),
        record.step("b"),
        record.step("c", needs=("b",)),
        record.step("d", needs=("c",)),
        record.step("e", needs=("a",)),
    )
    record.broken["b"] = UserError("the disk is gone", "plug it in")
    outcome = record.run(host, *steps)
    assert record.ran == ["READY", "a", "b", "e"]
    assert (outcome.failed, outcome.blocked, outcome.succeeded) == ({"b": "the disk is gone"}, ["c", "d"], False)
    assert "plug it in" in record.said[0]
    assert StepRecords(host.root).error("b") is not None
    record.broken.clear()
    outcome = record.run(host, *steps)
    assert record.ran == ["READY", "b", "c", "d"]
    assert outcome.skipped == ["a", "e"]
    assert outcome.succeeded
    assert StepRecords(host.root).error("b") is None


def test_changed_answers_run_the_step_again(host: Host, record: Recorder, host_answers: dict[str, Any]) -> None:
    steps = (record.step("a", answers=("time",)), record.step("b", answers=("root",)))
    record.run(host, *steps)
    host_answers["time"]["zone"] = "UTC"
    host.path("etc/dom0kit/host.json").write_text(json.dumps(host_answers))
    record.run(Host(host.root, host.run), *steps)
    assert record.ran == ["READY", "a"]


def test_a_step_for_every_boot_runs_at_every_boot(host: Host, record: Recorder) -> None:
    record.run(host, record.step("a", always=True))
    assert record.run(host, record.step("a", always=True)).skipped == ["a"]
    record.run(restart(host), record.step("a", always=True))
    assert record.ran == ["READY", "a"]


def test_a_step_for_every_boot_follows_those_that_it_needs(host: Host, record: Recorder) -> None:
    steps = (record.step("a"), record.step("b", needs=("a",), always=True), record.step("c", always=True))
    record.run(host, *steps)
    StepRecords(host.root).clear("a")
    record.run(host, *steps)
    assert record.ran == ["READY", "a", "b"]


def test_warnings_of_this_boot_are_told_again(host: Host, record: Recorder) -> None:
    def warn(host: Host) -> None:
        host.warnings.append("no cable")

    steps = (Step("a", warn, always=True), Step("b", warn))
    record.run(host, *steps)
    again = Host(host.root, host.run)
    record.run(again, *steps)
    assert again.warnings == ["no cable"]


@pytest.mark.parametrize("damage", ["", "[]", "{", "\0" * 40])
def test_a_damaged_stamp_counts_as_none(host: Host, record: Recorder, damage: str) -> None:
    record.run(host, record.step("a"))
    host.path(f"{FOLDER}/a.json").write_text(damage)
    record.run(host, record.step("a"))
    assert record.ran == ["READY", "a"]


def test_a_bug_is_a_failure_with_a_traceback_and_the_others_go_on(host: Host, record: Recorder) -> None:
    record.broken["a"] = ZeroDivisionError("oops")
    outcome = record.run(host, record.step("a"), record.step("b"))
    assert record.ran == ["READY", "a", "b"]
    assert "Traceback" in record.said[0]
    assert outcome.failed == {"a": "oops"}


def test_missing_answers_fail_only_the_steps_that_ask(host: Host, record: Recorder) -> None:
    host.path("etc/dom0kit/host.json").unlink()
    outcome = record.run(host, record.step("a"), record.step("b", answers=("time",)))
    assert list(outcome.failed) == ["b"]
    assert outcome.done == ["a"]


def test_the_last_event_of_a_host_that_is_up(host: Host, record: Recorder) -> None:
    host.warnings.append("the cat sleeps on the keyboard")
    emit_result(host, record.reporter, Outcome(done=["a"]))
    event = record.events[-1]
    assert event["event"] == "finished"
    assert event["text"] == "xen1.example.net is up at 10.0.2.15, dom0kit 0.1.0; the cat sleeps on the keyboard"
    assert (event["address"], event["xen"], event["host"]) == ("10.0.2.15", True, "xen1.example.net")


def test_the_last_event_of_a_host_that_is_not(host: Host, record: Recorder) -> None:
    StepRecords(host.root).write_failed("storage", "no disk", current_moment(host), 90.4)
    emit_result(host, record.reporter, Outcome(failed={"storage": "no disk"}, blocked=["confirm"]))
    event = record.events[-1]
    assert event["event"] == "failed"
    assert event["text"] == (
        "xen1.example.net is not ready: storage: no disk (next try at "
        + time_text(event["next"])
        + ", in 1 min 30 s); not tried: confirm"
    )


def test_the_lock_keeps_a_second_one_out(host: Host) -> None:
    with StepRecords(host.root).lock(), pytest.raises(UserError, match="already running"), StepRecords(host.root).lock():
        pass


def test_all_steps_on_a_fresh_host_and_at_the_next_boot(host: Host, record: Recorder, calls: list[str]) -> None:
    outcome = run_steps(host, record.reporter, STEPS, say=record.said.append)
    assert record.said == []
    assert outcome.done == [step.name for step in STEPS]
    calls.clear()
    outcome = run_steps(restart(host), record.reporter, STEPS, say=record.said.append)
    assert outcome.done == ["address", "services", "toolstack"]
    assert len(calls) == 4
    secret = json.dumps(record.events)
    assert "$6$" not in secret
