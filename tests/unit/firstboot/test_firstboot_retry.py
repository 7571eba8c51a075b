"""Failed steps are tried again when their time has come, and secrets that were used are forgotten."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from boots import restart

from answerfiles.model import load_host
from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.redact import MASK
from firstboot.host import HOST_JSON, Host
from firstboot.retry import (
    BOOT_ID,
    TRANSIENT,
    Backoff,
    Moment,
    NoRetry,
    current_moment,
    schedule,
    seconds_left,
    seconds_to_first_retry,
    time_text,
)
from firstboot.runner import Outcome, RunOptions, run_steps, seconds_to_next_retry
from firstboot.status import read_status, status_text
from firstboot.step_records import StepRecords
from firstboot.steps.step import Step
from firstboot.steps.steps import STEPS

TOKEN = "d0k1-THE-SECRET-OF-THE-POOL"
DUE = RunOptions(due=True)


class Work:
    """Steps that fail as configured; ``ran`` says which were tried."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.broken: dict[str, Exception] = {}
        self.events: list[Event] = []
        self.said: list[str] = []

    def step(self, name: str, then: Callable[[Host], None] = lambda host: None, **settings: Any) -> Step:
        def function(host: Host) -> None:
            self.ran.append(name)
            if name in self.broken:
                raise self.broken[name]
            then(host)

        return Step(name, function, **settings)

    def run(self, host: Host, steps: Sequence[Step], options: RunOptions = DUE) -> Outcome:
        self.ran.clear()
        self.events.clear()
        return run_steps(host, Reporter("firstboot", [self.events.append]), steps, say=self.said.append, options=options)


@pytest.fixture
def work() -> Work:
    return Work()


def make_due(host: Host, step: str) -> None:
    """As if the pause were over."""
    path = StepRecords(host.root).folder / f"{step}.error.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "due": 0}))


def test_pauses_grow_to_a_limit_and_spread() -> None:
    backoff = Backoff(30, 1800)
    assert [backoff.pause(tries) for tries in (1, 2, 3, 6, 7, 8, 5000)] == [30, 60, 120, 960, 1800, 1800, 1800]
    assert backoff.pause(1, 1.0) == 36


def test_what_failed_is_left_alone_until_it_is_due(host: Host, work: Work) -> None:
    steps = (work.step("a", retry=Backoff(30, 1800)), work.step("b", needs=("a",)), work.step("c"))
    work.broken["a"] = UserError("the master is asleep", "wake it")
    outcome = work.run(host, steps)
    assert work.ran == ["a", "c"]
    retrying = [event for event in work.events if event["event"] == "retrying"]
    assert [(e["name"], e["error"], e["hint"], e["tries"]) for e in retrying] == [("a", "the master is asleep", "wake it", 1)]
    assert re.fullmatch(r"tried once, next try at \d\d:\d\d:\d\d, in 3\d\.?\d* s", retrying[0]["text"])
    assert "next try at" in work.said[0]
    outcome = work.run(host, steps)
    assert work.ran == []
    assert (outcome.failed, outcome.later, outcome.blocked) == ({"a": "the master is asleep"}, ["a"], ["b"])
    make_due(host, "a")
    work.run(host, steps)
    assert work.ran == ["a"]
    assert work.events[-1]["tries"] == 2
    assert work.events[-1]["seconds"] >= 60
    work.broken.clear()
    make_due(host, "a")
    assert work.run(host, steps).done == ["a", "b"]


def test_a_person_tries_all_or_one_at_once(host: Host, work: Work) -> None:
    steps = (work.step("a"), work.step("b"))
    work.broken = {name: UserError("no") for name in "ab"}
    work.run(host, steps)
    work.run(host, steps, RunOptions(due=True, force=["b"]))
    assert work.ran == ["b"]
    work.run(host, steps, RunOptions())
    assert work.ran == ["a", "b"]


@pytest.mark.parametrize("step", ["by the step", "by the error"])
def test_what_waits_for_a_person_is_tried_at_the_next_start(host: Host, work: Work, step: str) -> None:
    steps = (work.step("a", retry=None) if step == "by the step" else work.step("a"),)
    work.broken["a"] = UserError("no") if step == "by the step" else NoRetry("the token has expired", "make another")
    work.run(host, steps)
    assert [event["event"] for event in work.events] == ["step", "step"]
    assert "no automatic retry; run dom0ctl firstboot retry a" in work.said[0]
    assert seconds_to_next_retry(host, steps) is None
    work.run(host, steps)
    assert work.ran == []
    work.run(restart(host), steps)
    assert work.ran == ["a"]


def test_pauses_begin_anew_with_a_boot_while_tries_are_counted_on(host: Host) -> None:
    records = StepRecords(host.root)
    records.write_failed("a", "no", Moment("one", 10), 5)
    second = records.write_failed("a", "no", Moment("one", 20), 10)
    assert {key: second[key] for key in ("tries", "boot", "row", "due")} == {"tries": 2, "boot": "one", "row": 2, "due": 30.0}
    assert records.failures_in_boot("a", Moment("two", 1)) == 0
    assert records.write_failed("a", "no", Moment("two", 1), 5)["tries"] == 3


def test_left() -> None:
    failure = {"boot": "one", "due": 30.0}
    assert seconds_left(failure, Moment("one", 10)) == 20
    assert seconds_left(failure, Moment("one", 99)) == 0
    assert seconds_left(failure, Moment("two", 1)) == 0
    assert seconds_left({"boot": "one", "due": None}, Moment("one", 1)) is None
    assert seconds_to_first_retry([failure, {"boot": "one", "due": 15}, {"boot": "one", "due": None}], Moment("one", 10)) == 5


def test_the_timer_ignores_steps_that_wait_for_another(host: Host, work: Work) -> None:
    """A failure of old whose needs fail by now would be due for ever."""
    steps = (work.step("a"), work.step("b", needs=("a",)), work.step("c", needs=("b",)))
    moment = current_moment(host)
    StepRecords(host.root).write_failed("c", "no", moment, 0)
    StepRecords(host.root).write_failed("a", "no", moment, 100)
    assert seconds_to_next_retry(host, steps) == pytest.approx(100, abs=5)


def test_the_timer(host: Host, calls: list[str]) -> None:
    schedule(host, 29.2)
    assert len(calls) == 1
    assert re.search(r"--unit=dom0kit-firstboot-next-\d+ ", calls[0])
    assert "--on-active=30s" in calls[0]
    assert calls[0].endswith("systemctl start --no-block dom0kit-firstboot.service")
    host.path(TRANSIENT).mkdir(parents=True)
    host.path(f"{TRANSIENT}/dom0kit-firstboot-next-7.timer").touch()
    calls.clear()
    schedule(host, None)
    assert calls == ["systemctl stop dom0kit-firstboot-next-*.timer"]


def test_status_says_when(host: Host, work: Work) -> None:
    steps = (work.step("a", retry=Backoff(3600, 3600)), work.step("b", retry=None))
    work.broken = {name: UserError("no", "do this") for name in "ab"}
    work.run(host, steps)
    value = read_status(host, steps)
    assert value["steps"][0]["next"] > value["steps"][0]["time"]
    assert value["steps"][1]["next"] is None
    text = status_text(value)
    assert f"a failed (tried once; automatic retry at {time_text(value['steps'][0]['next'])}): no\n  hint: do this" in text
    assert "b failed (tried once; run dom0ctl firstboot retry b): no" in text


def join(host: Host) -> Host:
    """Return the same host with a token in its host.json."""
    path = host.path(HOST_JSON)
    path.write_text(json.dumps({**json.loads(path.read_text()), "pool": {"join": {"token": TOKEN}}}))
    return Host(host.root, host.run)


def test_a_secret_that_was_used_is_forgotten_and_the_step_stays_done(host: Host, work: Work) -> None:
    host = join(host)
    seen: list[str | None] = []
    look = lambda host: seen.append(host.secret("pool.join.token"))  # noqa: E731
    step = work.step("pool", look, answers=("pool",), erase_after=("pool.join.token", "pool.join.password"))
    work.broken["pool"] = UserError("no")
    work.run(host, (step,))
    assert host.secret("pool.join.token") == TOKEN
    work.broken.clear()
    work.run(host, (step,), RunOptions())
    assert seen == [TOKEN]
    text = host.path(HOST_JSON).read_text()
    assert TOKEN not in text
    assert host.path(HOST_JSON).stat().st_mode & 0o777 == 0o600
    assert host.secret("pool.join.token") is None
    again = restart(host)
    assert work.run(again, (step,)).skipped == ["pool"]
    assert again.answers.pool.join is not None
    assert load_host(host.path(HOST_JSON)).host_name == "xen1.example.net"
    work.run(again, (step,), RunOptions(force=["pool"]))
    assert seen == [TOKEN, None]


def test_no_step_counts_as_open_after_another_one_s_secret_was_masked(host: Host, work: Work) -> None:
    """Seen: the console of each host that had joined said that its first start was still going on."""
    real = {step.name: step for step in STEPS}
    steps = [replace(real[name], function=lambda host: None, needs=()) for name in ("toolstack", "pool")]
    host = join(host)
    work.run(host, steps)
    assert TOKEN not in host.path(HOST_JSON).read_text()
    states = [step["state"] for step in read_status(restart(host), steps)["steps"]]
    assert states == ["done", "done"]


def test_a_power_cut_between_stamp_and_forgetting(host: Host, work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    host = join(host)
    step = work.step("pool", answers=("pool",), erase_after=("pool.join.token",))

    def cut(self: Host, *paths: str) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as context:
        context.setattr(Host, "erase_secrets", cut)
        with pytest.raises(KeyboardInterrupt):
            work.run(host, (step,))
    assert TOKEN in host.path(HOST_JSON).read_text()
    assert work.run(restart(host), (step,)).skipped == ["pool"]
    assert TOKEN not in host.path(HOST_JSON).read_text()
    assert MASK in host.path(HOST_JSON).read_text()


def test_other_answers_of_the_pool_run_the_step_again(host: Host, work: Work) -> None:
    host = join(host)
    step = work.step("pool", answers=("pool",), erase_after=("pool.join.token",))
    work.run(host, (step,))
    path = host.path(HOST_JSON)
    path.write_text(json.dumps({**json.loads(path.read_text()), "pool": {"toolstack": "xl"}}))
    assert work.run(Host(host.root, host.run), (step,)).done == ["pool"]


def test_the_kernel_tells_the_boot(host: Host) -> None:
    assert current_moment(host).boot == "first-boot"
    host.path(BOOT_ID).unlink()
    assert current_moment(host).boot == ""
