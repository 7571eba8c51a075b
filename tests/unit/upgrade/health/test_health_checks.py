"""What each built-in check makes of what was found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firstboot.status import StepState
from pool.driver import PoolState
from upgrade.health import checks
from upgrade.health.baseline import Baseline
from upgrade.health.facts import Facts
from upgrade.health.report import Check, Report, report_text, to_json, verdict

MEMBER = PoolState("ganeti", pool="p", role="member", master="xen9", hosts=3)
DONE: list[StepState] = [{"name": "network", "state": "done"}, {"name": "address", "state": "done"}]
FACTS = Facts(
    steps=DONE,
    running=False,
    port="xenbr0",
    families=(4,),
    addresses={4: ["192.0.2.15"], 6: []},
    gateways={"192.0.2.1": True},
    ssh={"192.0.2.15:22": ""},
    xen=True,
    xenstore=True,
    xl="",
    paths={"36001": (2, 2)},
    arrays={"aa:bb": (2, 2)},
    pool=MEMBER,
)
BEFORE = Baseline("0.2.0-bbbbbbbb", {"36001": 2}, {"aa:bb": 2})


def test_a_healthy_host() -> None:
    for before in (None, BEFORE):
        report = Report(checks.builtin(FACTS, before))
        assert report.healthy
        assert report.settled
        assert {check.state for check in report.checks} == {"ok"}
        assert verdict(report) == "healthy"
    assert "first-boot" in report_text(report)


def test_the_names_of_the_checks_are_unique() -> None:
    names = [check.name for check in checks.builtin(FACTS, None)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("steps", "running", "state"),
    [
        ([{"name": "pool", "state": "open"}], True, "waiting"),
        ([{"name": "pool", "state": "open"}], False, "waiting"),
        ([{"name": "pool", "state": "failed", "error": "no master", "tries": 1, "next": None}], False, "failed"),
        ([{"name": "pool", "state": "failed", "error": "no master", "tries": 1, "next": None}], True, "waiting"),
        ([{"name": "pool", "state": "failed", "error": "no master", "tries": 2, "next": 1e9}], False, "waiting"),
    ],
)
def test_first_boot(steps: list[StepState], running: bool, state: str) -> None:
    check = checks.first_boot(steps, running=running)
    assert check.required
    assert check.state == state
    assert "pool" in check.text


@pytest.mark.parametrize(
    ("states", "over"),
    [
        ({"a": "done", "b": "done", "c": "done"}, True),
        ({"a": "done", "b": "open", "c": "done"}, False),
        ({"a": "failed", "b": "open", "c": "open"}, True),  # b needs a, c needs b
        ({"a": "done", "b": "failed", "c": "open"}, True),
        ({"a": "changed", "b": "done", "c": "done"}, False),
    ],
)
def test_whether_first_boot_has_tried_all(states: dict[str, str], over: bool) -> None:
    assert checks.tried({"a": (), "b": ("a",), "c": ("b",)}, states) is over


@pytest.mark.parametrize(
    ("change", "name", "required", "state"),
    [
        ({"addresses": {4: [], 6: ["2001:db8::1"]}}, "address", True, "waiting"),
        ({"gateways": {"192.0.2.1": False}, "pool": PoolState("xl")}, "reach", True, "waiting"),
        ({"gateways": {"192.0.2.1": False}}, "reach", True, "ok"),  # the pool's master answers
        ({"gateways": {}, "pool": PoolState("xl")}, "reach", False, "ok"),
        ({"ssh": None}, "ssh", False, "ok"),
        ({"ssh": {"192.0.2.15:22": "Connection refused"}}, "ssh", True, "waiting"),
        ({"ssh": {"192.0.2.15:22": "", "198.51.100.1:22": "Connection refused"}}, "ssh", False, "waiting"),
        ({"xen": False}, "xen", True, "failed"),
        ({"xenstore": False}, "xen", True, "waiting"),
        ({"xl": "xl info fails"}, "xen", True, "waiting"),
        ({"paths": {"36001": (1, 2)}}, "paths", False, "waiting"),
        ({"arrays": {"aa:bb": (1, 2)}}, "mirrors", False, "waiting"),
        ({"pool": replace(MEMBER, well=False, reason="x")}, "pool", False, "waiting"),
        ({"guests": {"web": False, "db": True}}, "guests", False, "waiting"),
        ({"failed_units": ("chrony.service",)}, "units", False, "failed"),
    ],
)
def test_a_check_outside_of_a_try(change: dict[str, object], name: str, required: bool, state: str) -> None:
    found = {check.name: check for check in checks.builtin(replace(FACTS, **change), None)}  # type: ignore[arg-type]
    assert (found[name].required, found[name].state) == (required, state)
    assert bool(found[name].hint) == (state != "ok")


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"paths": {"36001": (1, 2)}}, "paths"),
        ({"paths": {}}, "paths"),
        ({"arrays": {"aa:bb": (1, 2)}}, "mirrors"),
        ({"pool": replace(MEMBER, well=False, reason="x")}, "pool"),
        ({"gateways": {}, "pool": PoolState("xl")}, "reach"),
    ],
)
def test_what_worked_before_a_try_is_required_in_it(change: dict[str, object], name: str) -> None:
    found = {check.name: check for check in checks.builtin(replace(FACTS, **change), BEFORE)}  # type: ignore[arg-type]
    assert found[name].required
    assert found[name].state == "waiting"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"paths": {"36001": (1, 2)}}, "paths"),
        ({"arrays": {"aa:bb": (1, 2)}}, "mirrors"),
        ({"pool": replace(MEMBER, well=False, reason="x")}, "pool"),
        ({"gateways": {"192.0.2.1": False}, "pool": PoolState("xl")}, "reach"),
        ({"xen": False}, "xen"),
    ],
)
def test_what_did_not_work_before_a_try_does_not_count_against_the_image(change: dict[str, object], name: str) -> None:
    before = Baseline("0.2.0-bbbbbbbb", {"36001": 1}, {"aa:bb": 1}, gateways=False, pool=False, xen=False)
    found = {check.name: check for check in checks.builtin(replace(FACTS, **change), before)}  # type: ignore[arg-type]
    assert not found[name].required
    assert found[name].state != "ok"


def test_what_waits_has_failed_at_the_end() -> None:
    report = Report((Check("address", True, "waiting", "none", "look"), Check("units", False, "waiting", "x", "look")))
    assert not report.settled
    assert verdict(report) == "not healthy yet: address"
    assert report.final().settled
    assert verdict(report.final()) == "unhealthy: address"
    assert report.final().failures() == ["address: none"]
    assert "address: look" in report_text(report)


def test_one_required_failure_settles_the_report_and_wanted_ones_do_not_count() -> None:
    waiting, failed = Check("a", True, "waiting", "x", "y"), Check("b", True, "failed", "x", "y")
    assert Report((waiting, failed)).settled
    report = Report((Check("a", True, "ok", "x"), Check("w", False, "failed", "x", "y")))
    assert report.healthy
    assert verdict(report) == "healthy, except for what is wanted: w"


def test_json() -> None:
    value = to_json(Report((Check("a", True, "ok", "x"),)), image="i", trial=True, boot="b", time=1.0)
    assert value["healthy"]
    assert value["checks"] == [{"name": "a", "required": True, "state": "ok", "text": "x", "hint": ""}]
