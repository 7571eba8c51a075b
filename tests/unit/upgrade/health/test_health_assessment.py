"""The wait for health, and what is recorded."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from fake_runner import FakeRunner
from image_host import RUNNING, TRIED, finish_steps, start

from firstboot.host import Host
from upgrade.health import assess, baseline, facts
from upgrade.health.assess import Assessment
from upgrade.health.report import Check, Report


class Clock:
    """Time that passes in pauses alone."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture(autouse=True)
def _sshd(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "greeting_failure", lambda address, port: "")


def wait(host: Host, clock: Clock) -> Report:
    return Assessment.of(host).wait(clock=clock, sleep=clock.sleep)


def test_a_healthy_host_is_not_waited_for(host: Host) -> None:
    finish_steps(host)
    clock = Clock()
    assert wait(host, clock).healthy
    assert clock.now == 0


def test_the_address_is_waited_for_and_may_come_late(host: Host, runner: FakeRunner) -> None:
    finish_steps(host)
    answers: Iterator[str] = iter(["[]"] * 20)
    late = runner.outputs["ip -json address"]
    assert isinstance(late, str)
    runner.outputs["ip -json address"] = lambda call: next(answers, late)
    clock = Clock()
    assert wait(host, clock).healthy
    assert 0 < clock.now < assess.SETTLE_SECONDS


def test_a_host_without_network_is_unhealthy_in_the_end(host: Host, runner: FakeRunner) -> None:
    finish_steps(host)
    runner.outputs["ip -json address"] = "[]"
    clock = Clock()
    report = wait(host, clock)
    assert report.failures() == ["address: xenbr0 has no IPv4 address"]
    assert all(check.state != "waiting" for check in report.checks)
    assert clock.now == pytest.approx(assess.SETTLE_SECONDS)


def test_first_boot_has_its_own_time_in_which_nothing_else_is_checked(host: Host, runner: FakeRunner) -> None:
    clock = Clock()
    host.run = runner
    seen: list[int] = []

    def sleep(seconds: float) -> None:
        clock.now += seconds
        seen.append(len(runner.ran("xl")))
        if clock.now > 1000:
            finish_steps(host)

    report = Assessment.of(host).wait(clock=clock, sleep=sleep)
    assert report.healthy
    assert not any(seen)
    assert clock.now < assess.FIRST_BOOT_SECONDS


def test_steps_that_never_end(host: Host) -> None:
    clock = Clock()
    report = wait(host, clock)
    assert not report.healthy
    assert report.checks[0].name == "first-boot"
    assert len(report.checks) > 1
    assert clock.now == pytest.approx(assess.FIRST_BOOT_SECONDS)


def test_what_is_recorded_for_this_boot_and_the_next(host: Host) -> None:
    start(host.root, TRIED, trial=True)
    assessment = Assessment.of(host)
    assessment.record(Report((Check("a", True, "ok", "x"),)))
    assert host.path(assess.HEALTHY).exists()
    kept = json.loads(host.path(f"run/dom0kit/medium/state/{TRIED}/health.json").read_text())
    assert (kept["healthy"], kept["image"], kept["trial"]) == (True, TRIED, True)
    assessment.record(Report((Check("a", True, "failed", "x", "y"),)))
    assert not host.path(assess.HEALTHY).exists()
    assert json.loads(host.read(assess.RESULT))["healthy"] is False


def test_the_baseline_counts_in_the_try_of_its_image_alone(host: Host, runner: FakeRunner) -> None:
    finish_steps(host)
    runner.failing.add("ping")
    written = assess.record_baseline(host, TRIED)
    assert not written.gateways
    assert Assessment.of(host).baseline() is None
    start(host.root, TRIED, trial=True)
    assert Assessment.of(host).baseline() == written
    start(host.root, "0.3.0-cccccccc", trial=True)
    assert Assessment.of(host).baseline() is None
    assert baseline.parse("[]", TRIED) is None
    assert baseline.parse("{", TRIED) is None


def test_the_environment_of_checks(host: Host) -> None:
    assert Assessment.of(host).environment() == {"DOM0KIT_HOST": "xen1.example.net", "DOM0KIT_IMAGE": RUNNING, "DOM0KIT_TRY": ""}
    start(host.root, TRIED, trial=True)
    assert Assessment.of(host).environment()["DOM0KIT_TRY"] == TRIED
