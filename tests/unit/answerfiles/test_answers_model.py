"""Errors of the whole model: each names its place, what was found and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from answerfiles import yaml_positions
from answerfiles.model import Answers, Management, Network, Record
from answerfiles.reader import parse_answers, read_answers
from answerfiles.secret import unresolved
from answerfiles.validation import AnswersError, validate, validate_as
from answerfiles.yaml_positions import PURE, Position, read_document

HERE = Path(__file__).parent
KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIPnBRbMEdnMNvxD5eUDkqi+QJrcrngSFVQw4sCbJyCwE"
BASE = "version: 1\nhost_name: xen1\ntarget: {disk: {serial: a}}\n" + f'root: {{ssh_keys: ["ssh-ed25519 {KEY} me"]}}\n'
EXAMPLES = sorted(HERE.glob("full*.yaml"))


def errors(more: str) -> list[str]:
    with pytest.raises(AnswersError) as caught:
        parse_answers(BASE + more, "f")
    return [problem.render("f") for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "network: {bridges: [{name: b, bond: {nics: [{mac: 52:54:00:00:00:01}, {mac: zz}]}}]}",
            "f:5:77: network.bridges[0].bond.nics[1].mac: found 'zz'; allowed: a MAC address",
        ),
        (
            "network: {bridges: [{name: b, bond: {nics: [{mac: 52:54:00:00:00:01}]}}]}",
            "network.bridges[0].bond.nics: found a list of 1; allowed: a list of 2 to 8, each with keys and values",
        ),
        ("network: {bridges: {name: b}}", "network.bridges: found the key name; allowed: a list, each with keys and values"),
        ("network: {bridges: [{}]}", "network.bridges[0].name: missing; required: name of the bridge"),
        (
            "network: {management: {ipv4: dchp}}",
            "f:5:30: network.management.ipv4: found 'dchp'; allowed: 'dhcp' or 'none' or keys and values, did you mean 'dhcp'?",
        ),
        ("network: {management: {ipv4: [dhcp]}}", "network.management.ipv4: found a list of 1; allowed: 'dhcp'"),
        (
            "network: {management: {ipv4: {address: 192.0.2.1/24, gatway: 192.0.2.2}}}",
            "network.management.ipv4.gatway: unknown key, did you mean 'gateway'?",
        ),
        ("network: {management: {ipv4: {address: 192.0.2.0/24}}}", "neither the first nor the last address of 192.0.2.0/24"),
        ("network: {management: {ipv4: {address: 224.0.0.1/24}}}", "an address that a host can have"),
        ("network: {management: {ipv4: {address: 192.0.2.9/24, gateway: 3221225985}}}", "an IP address as text"),
        ("network: {management: {ipv6: {address: 192.0.2.9/24}}}", "an IPv6 address with its network's length"),
        ("network: {management: {ipv4: none}}", "allowed: an address: ipv4, ipv6 or both"),
        ("network: {management: {vlan: 4095}}", "vlan: found 4095; allowed: a whole number from 1 to 4094"),
        ("network: {management: {vlan: true}}", "vlan: found true; allowed: a whole number from 1 to 4094"),
        ('network: {management: {mtu: "1500"}}', "mtu: found '1500'; allowed: a whole number from 576 to 9216"),
        ("network: {management: {mac: 01:00:5e:00:00:01}}", "not a multicast address"),
        ("network: {management: {routes: [{to: 10.0.0.1/8, via: 10.0.0.2}]}}", "inside 10.0.0.0/8"),
        ("network: {management: {routes: [{to: 10.0.0.0/8, via: x}]}}", "routes[0].via: found 'x'; allowed: an IP address, as"),
        ("network: {management: {routes: [{to: 10.0.0.0/8, via: '::1'}]}}", "a gateway of IPv4, like the network"),
        (
            "network: {bridges: [{name: xenbr0}]}",
            "network: found the key bridges; allowed: each bridge once; xenbr0",
        ),
        ("guests: nnone", "guests: found 'nnone'; allowed: 'none' or keys and values, did you mean 'none'?"),
        ("guests: {thin: yes}", "guests.thin: found 'yes'; allowed: true or false, did you mean true?"),
        ("guests: {disks: [{sise: {at_least: 1 TB}}]}", "guests.disks[0].sise: unknown key, did you mean 'size'?"),
        ("guests: {disks: [{size: {at_least: 1 XB}}]}", "guests.disks[0].size.at_least: found '1 XB'; allowed: a size"),
        ("guests: {disks: [{size: {at_least: 2 TB, at_most: 1 TB}}]}", "an at_least that is not above at_most"),
        ("serial_console: com1", "serial_console: found 'com1'; allowed: 'none' or keys and values"),
        ("serial_console: {speed: 115201}", "allowed: 9600, 19200, 38400, 57600 or 115200, did you mean '115200'?"),
        ("ssh: true", "ssh: found true; allowed: 'on' or 'off', did you mean 'on'?"),
        ("dom0: {memory: 1 MiB}", "dom0.memory: found '1 MiB'; allowed: a size, as 400 GB or 1 TiB, at least 512.0 MiB"),
        ("dom0: {cpus: 0}", "dom0.cpus: found 0; allowed: a whole number from 1 to 512"),
        ("dom0:", "dom0: found nothing; allowed: keys and values"),
        ("ntp: [a.example]", "f:5:1: ntp: unknown key, did you mean 'time.ntp'?; allowed: version"),
        ("Finish: reboot", "Finish: unknown key, did you mean 'finish'?"),
        ("scripts: [{stage: writen, content: '#!/bin/sh'}]", "scripts[0].stage: found 'writen'; allowed: 'start'"),
        ("scripts: [{stage: start, content: 'echo'}]", "scripts[0]: found the keys stage, content; allowed: content whose"),
        ("scripts: [{stage: start, url: 'http://a/b'}]", "plain http url only together with sha256"),
        ("scripts: [{stage: start, url: 'https://a/b', unverified: true}]", "only with a plain http url that has no sha256"),
        ("scripts: [{stage: start, content: '#!/bin/sh', unverified: true}]", "only with a plain http url that has no sha256"),
        ("scripts: [{stage: start, content: ''}]", "scripts[0].content: found ''; allowed: text that is not empty"),
        ("san: {iscsi: {initiator: xen1}}", "san.iscsi.initiator: found 'xen1'; allowed: an iSCSI name"),
        ("san: {iscsi: {portals: [{address: a, port: 0}]}}", "portals[0].port: found 0; allowed: a whole number from 1 to 65535"),
        ("pool: {create: {name: p.example}, join: {token: a}}", "pool: found the keys create, join; allowed: create or join"),
        ("pool: {create: {name: p.example, address: 1.2.3}}", "pool.create.address: found '1.2.3'; allowed: an IP address, as"),
        ("keyboard: De_", "keyboard: found 'De_'; allowed: a key map's name"),
        ("dom0: {cpus: !!int '1'}", "tags are not allowed"),
        ("--- \nx", "a second document"),
    ],
)
def test_one_error(more: str, expected: str) -> None:
    found = errors(more + "\n")
    assert len(found) == 1 or "tags" in expected, found
    assert any(expected in line for line in found), found


def test_mirror_of_one() -> None:
    with pytest.raises(AnswersError) as caught:
        parse_answers(BASE.replace("disk: {serial: a}", "mirror: [{serial: a}]"), "f")
    with pytest.raises(AnswersError, match="a mirror of two different disks"):
        parse_answers(BASE.replace("disk: {serial: a}", "mirror: [{serial: a}, {serial: a}]"), "f")
    assert "f:3:18: target.mirror: found a list of 1; allowed: a list of exactly 2, each with keys" in str(caught.value)


@pytest.mark.parametrize(
    "more",
    [
        "pool: {join: {token: [hunter2]}}",
        'pool: {join: {token: "hunter2\\n"}}',
        "pool: {join: hunter2}",
        "pool: hunter2",
        "san: {iscsi: {portals: [{address: a, chap: hunter2}]}}",
        "san: {iscsi: {portals: [{address: a, chap: {user: u, secret: {hunter2x: hunter2}}}]}}",
        "password: hunter2",
        "reports: {webhook: {url: 'https://me:hunter2@example.org/'}}",
        "reports: {webhook: hunter2}",
        "scripts: [{stage: start, url: 'https://hunter2@/'}]",
    ],
)
def test_secrets_are_not_shown(more: str) -> None:
    assert "hunter2" not in " ".join(errors(more + "\n"))


@pytest.mark.parametrize("text", ["env:MY-TOKEN", "env:", "file:", "file:/run/my token"])
def test_a_mistyped_reference_is_no_secret(text: str) -> None:
    assert (
        "pool.join.token: found a value that is not shown; allowed: a reference"
        in errors(f'pool: {{join: {{token: "{text}"}}}}\n')[0]
    )


def test_secret_as_a_whole_file_is_not_shown() -> None:
    with pytest.raises(AnswersError) as caught:
        parse_answers("hunter2\n")
    assert "hunter2" not in str(caught.value)


def test_examples_use_every_field() -> None:
    given: set[tuple[type[Record], str]] = set()
    known: set[tuple[type[Record], str]] = set()

    def walk(value: object) -> None:
        if isinstance(value, Record):
            known.update((type(value), name) for name in type(value).model_fields)
            given.update((type(value), name) for name in value.model_fields_set)
            for name in type(value).model_fields:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for entry in value:
                walk(entry)

    for path in EXAMPLES:
        walk(read_answers(path))
    assert known - given == set(), "use the setting in one of the files full*.yaml"
    assert {record.__name__ for record, _ in known} == {*Answers.model_json_schema()["$defs"], "Answers"}


def test_unresolved() -> None:
    assert unresolved(read_answers(HERE / "full.yaml")) == [
        "san.iscsi.portals[0].chap.secret",
        "san.iscsi.portals[0].chap.target_secret",
        "reports.webhook.token",
    ]
    assert unresolved(parse_answers(BASE)) == []


def test_validate_places_errors_where_the_caller_says() -> None:
    value: dict[str, Any] = {"version": 1, "host_name": "Xen_1", "target": {}, "rot": {}, "root": {"ssh_keys": []}}
    asked: list[tuple[yaml_positions.Path, bool]] = []

    def place(path: yaml_positions.Path, key: bool) -> Position:
        asked.append((path, key))
        return Position(len(asked), 7)

    with pytest.raises(AnswersError) as caught:
        validate(value, place, "inventory.yaml")
    assert {problem.position.column for problem in caught.value.problems} == {7}
    assert (("host_name",), False) in asked
    assert (("rot",), True) in asked
    made = validate_as(Network, {"management": {"vlan": 5}}, place)
    assert made == Network(management=Management(vlan=5))
    with pytest.raises(AnswersError, match="vlan"):
        validate_as(Network, {"management": {"vlan": 0}}, place)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_both_loaders_give_the_same(path: Path) -> None:
    assert yaml.__with_libyaml__
    text = path.read_text()
    assert read_document(text) == read_document(text, loader=PURE)


@pytest.mark.parametrize("loader", [PURE, yaml_positions.LOADER])
@pytest.mark.parametrize(
    "text",
    ['a: "\\UFFFFFFFF"', 'a: "\\ud800"', "a: \x07", "a: \ud800", "\ufeffa: [", "[" * 100_000, "{" * 100_000, "{a: " * 9_000],
)
def test_what_yaml_may_not_hold(text: str, loader: type[Any]) -> None:
    document = read_document(text, loader=loader)
    assert document.faults


@pytest.mark.parametrize("loader", [PURE, yaml_positions.LOADER])
def test_faults_do_not_end_the_reading(loader: type[Any]) -> None:
    document = read_document('? [a, {b: c}]\n: [d]\nx: *y\nb: 1\nb: {c: [2]}\n"\\e[2J": 1\nz: 3\n', loader=loader)
    assert document.value == {"x": None, "b": 1, "z": 3}
    assert [fault.position.line for fault in document.faults] == [1, 3, 5, 6]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("true", True),
        ("True", "True"),
        ("0", 0),
        ("-7", -7),
        ("007", "007"),
        ("1_0", "1_0"),
        ("1.5", "1.5"),
    ],
)
def test_plain_words(text: str, value: Any) -> None:
    assert yaml_positions.plain(text) == value
    assert read_document(f"a: {text}\n").value == {"a": value}


def test_a_merge_key_is_no_xml() -> None:
    assert "unknown key" in errors("<<: {a: b}\n")[0]
    with pytest.raises(AnswersError, match="<<: unknown key"):
        parse_answers("<<: {a: b}\n" + BASE)


def test_a_mark_at_the_start_is_no_character() -> None:
    assert read_document("\ufeffa: 1\n").value == {"a": 1}
