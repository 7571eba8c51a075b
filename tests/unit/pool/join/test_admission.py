"""Would the pool take the host: every reason against it, and none against a good one."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from pool.driver import JoiningHost
from pool.join.admission import admission_problems, master_problem, place_problems, release_series
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
HOST = JoiningHost("h1", ("192.0.2.20",), "0.1.3", "ganeti 3.1.2", "u1", NOW + 59, key="K1")


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
        ("m2", True, {"m2": "K2"}, True),
        ("m2", True, {"m2": "K1"}, False),  # the same machine comes again
        ("m2", False, {"m2": "K2"}, False),  # another machine in place of one that is dead
        ("h1", True, {}, False),
    ],
)
def test_a_name_is_taken_only_by_another_live_machine(name: str, live: bool, known: dict[str, str], taken: bool) -> None:
    host = replace(HOST, name=name, addresses=("192.0.2.12",) if name == "m2" else HOST.addresses)
    assert codes(host, live=live, known=known) == (["name"] if taken else [])


def test_machines_without_a_key_are_not_one_machine() -> None:
    assert codes(replace(HOST, name="m2", addresses=(), key=""), live=True, known={"m2": ""}) == ["name"]


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


NETWORK = replace(FACTS, networks=("192.0.2.0/24",), own_addresses=("192.0.2.11", "198.51.100.1"))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "0.0.0.7", "224.0.0.1", "239.1.1.1", "255.255.255.255", "240.0.0.1", "169.254.1.1",
        "198.51.100.1", "198.51.100.9", "192.0.2.0", "192.0.2.255", "10.0.0.1",
        "::1", "::", "::ffff:192.0.2.20", "::ffff:127.0.0.1", "::127.0.0.1", "ff02::1", "fe80::1", "64:ff9b::7f00:1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_a_hosts_own_in_the_pools_network(address: str) -> None:
    host = replace(HOST, addresses=(address,))
    assert [problem.code for problem in place_problems(host, NETWORK, live=False, known={})] == ["address"]


@pytest.mark.parametrize("addresses", [("192.0.2.20",), ("192.0.2.20", "2001:db8::5", "fd00::5"), ("2001:db8::5",), ()])
def test_an_address_that_is_a_hosts_own(addresses: tuple[str, ...]) -> None:
    assert place_problems(replace(HOST, addresses=addresses), NETWORK, live=False, known={}) == ()


def test_hosts_behind_routers_have_their_networks_listed() -> None:
    facts = replace(NETWORK, networks=("192.0.2.0/24", "10.1.0.0/16"))
    assert place_problems(replace(HOST, addresses=("10.1.2.3",)), facts, live=False, known={}) == ()
    assert place_problems(replace(HOST, addresses=("10.2.2.3",)), facts, live=False, known={})


NAMES = replace(
    FACTS,
    pool="pool.example.org",
    me="m1.example.org",
    master="m1.example.org",
    members=(Member("m1.example.org", "192.0.2.11"), Member("m2.example.org", "192.0.2.12")),
)


@pytest.mark.parametrize(
    "name",
    ["pool.example.org", "pool", "pool.other.example", "m1.example.org", "m1", "m2", "m2.sub.example.org", "localhost",
     "localhost.localdomain", "ip6-localhost", "deb.debian.org", "h1", "example.org"],
)  # fmt: skip
def test_a_name_that_belongs_to_others(name: str) -> None:
    found = place_problems(replace(HOST, name=name), NAMES, live=True, known={}, named=False)
    assert {problem.code for problem in found} == {"name"}, found


@pytest.mark.parametrize("name", ["h1.example.org", "h1.rack2.example.org"])
def test_a_name_of_the_pools_domain(name: str) -> None:
    assert place_problems(replace(HOST, name=name), NAMES, live=True, known={}, named=False) == ()


@pytest.mark.parametrize(
    ("resolved", "codes"),
    [
        ((), []),
        (("192.0.2.20",), []),
        (("192.0.2.20", "2001:db8::9"), []),
        (("2001:db8::5",), []),
        (("192.0.2.99",), ["name"]),
        (("192.0.2.99", "2001:db8::5"), ["name"]),
        (("2001:db8::9",), ["name"]),
        (("127.0.1.1",), ["name"]),
    ],
)
def test_a_name_that_resolves_elsewhere(resolved: tuple[str, ...], codes: list[str]) -> None:
    host = replace(HOST, name="h1.example.org", addresses=("192.0.2.20", "2001:db8::5"))
    assert [p.code for p in place_problems(host, NAMES, live=False, known={}, resolved=resolved)] == codes


def test_a_second_address_of_a_host_does_not_lend_it_a_name() -> None:
    host = replace(HOST, name="files.example.org", addresses=("192.0.2.66", "192.0.2.99"))
    assert [p.code for p in place_problems(host, NAMES, live=False, known={}, resolved=("192.0.2.99",))] == ["name"]
