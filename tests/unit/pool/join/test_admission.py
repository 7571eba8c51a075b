"""Would the pool take the host: every reason against it, and none against a good one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pool.driver import JoiningHost
from pool.join.admission import admission_problems, master_problem, release_series
from pool.join.pool_facts import Member, PoolFacts, image_facts
from pool.join.token_store import span_text

NOW = 1_800_000_000.0
FACTS = PoolFacts(
    pool="pool.example.net",
    address="192.0.2.5",
    me="m1",
    master="m1",
    members=(Member("m1", "192.0.2.11"), Member("m2", "192.0.2.12"), Member("m3", "192.0.2.13", offline=True)),
    serving=True,
    version="0.1.0",
    toolstack="ganeti 3.1.0~rc2",
)
HOST = JoiningHost("h1", ("192.0.2.20",), "0.1.3", "ganeti 3.1.2", "u1", NOW + 59)


def codes(host: JoiningHost, *, live: bool = False, known: dict[str, str] | None = None) -> list[str]:
    return [problem.code for problem in admission_problems(host, FACTS, NOW, live=live, known=known or {})]


def test_a_good_host_is_welcome() -> None:
    assert codes(HOST) == []


@pytest.mark.parametrize(
    ("host", "code"),
    [
        (replace(HOST, version="0.2.0"), "version"),
        (replace(HOST, version=""), "version"),
        (replace(HOST, toolstack="ganeti 3.0.2"), "version"),
        (replace(HOST, toolstack="ganeti 3.10.0"), "version"),
        (replace(HOST, toolstack=""), "toolstack"),
        (replace(HOST, toolstack="ganeti"), "toolstack"),
        (replace(HOST, toolstack="xapi 25.6"), "toolstack"),
        (replace(HOST, clock=NOW + 61), "clock"),
        (replace(HOST, clock=NOW - 7200), "clock"),
        (replace(HOST, addresses=("192.0.2.12",)), "address"),
        (replace(HOST, addresses=("2001:db8::1", "192.0.2.5")), "address"),
    ],
)
def test_a_reason_against_it(host: JoiningHost, code: str) -> None:
    assert codes(host) == [code]
    problem = admission_problems(host, FACTS, NOW, live=False, known={})[0]
    assert problem.text
    assert problem.hint
    assert "\n" not in problem.text


def test_all_reasons_come_at_once() -> None:
    assert codes(replace(HOST, version="9", clock=0.0, addresses=("192.0.2.5",))) == ["version", "clock", "address"]


@pytest.mark.parametrize(
    ("name", "live", "known", "taken"),
    [
        ("m2", True, {}, True),
        ("m2", True, {"m2": "u2"}, True),
        ("m2", True, {"m2": "u1"}, False),  # the same machine comes again
        ("m2", False, {"m2": "u2"}, False),  # another machine in place of one that is dead
        ("h1", True, {}, False),
    ],
)
def test_a_name_is_taken_only_by_another_live_machine(name: str, live: bool, known: dict[str, str], taken: bool) -> None:
    host = replace(HOST, name=name, addresses=("192.0.2.12",) if name == "m2" else HOST.addresses)
    assert codes(host, live=live, known=known) == (["name"] if taken else [])


def test_machines_without_a_uuid_are_not_one_machine() -> None:
    assert codes(replace(HOST, name="m2", addresses=(), uuid=""), live=True, known={"m2": ""}) == ["name"]


def test_another_master_is_named() -> None:
    problem = master_problem(replace(FACTS, master="m2"))
    assert problem
    assert problem.code == "moved"
    assert "192.0.2.12" in problem.hint
    assert replace(FACTS, master="m2").master_address == "192.0.2.12"


def test_a_master_that_is_not_up_is_busy() -> None:
    problem = master_problem(replace(FACTS, serving=False))
    assert problem
    assert problem.code == "busy"
    assert master_problem(FACTS) is None


@pytest.mark.parametrize(("version", "same"), [("3.1.0~rc2", "3.1"), ("3.1", "3.1"), ("3.10.1", "3.10"), ("nightly", "nightly")])
def test_the_series_of_a_version(version: str, same: str) -> None:
    assert release_series(version) == same


@pytest.mark.parametrize(("seconds", "text"), [(61, "61 s"), (3600, "60 min"), (10800, "3 hours"), (864000, "10 days")])
def test_clocks_apart_in_words(seconds: float, text: str) -> None:
    assert span_text(seconds) == text


def test_what_a_manifest_says_of_the_toolstack() -> None:
    def manifest(packages: dict[str, str]) -> str:
        return json.dumps({"version": "0.1.0", "packages": packages})

    assert image_facts(manifest({"ganeti": "3.1.0~rc2-3", "python3": "3.13"}), "ganeti") == ("0.1.0", "ganeti 3.1.0~rc2")
    assert image_facts(manifest({"ganeti-3.1": "1:3.1.0-2", "ganeti-htools": "9-1"}), "ganeti") == ("0.1.0", "ganeti 3.1.0")
    assert image_facts(manifest({}), "ganeti") == ("0.1.0", "")
    assert image_facts("{", "ganeti") == ("", "")
