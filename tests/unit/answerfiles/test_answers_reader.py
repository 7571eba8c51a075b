"""Answers are read whole or refused with every reason and its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from answerfiles.model import Answers, load_host
from answerfiles.reader import parse_answers, read_answers
from answerfiles.validation import AnswersError
from answerfiles.yaml_positions import Position, read_document
from dom0kit.errors import UserError

HASH = "$6$saltsalt$abcdefghijklmnopqrstuvwxyz0123456789"
MINIMAL = f"""\
version: 1
host_name: xen1
target: {{disk: {{serial: 0042}}}}
root: {{password_hash: "{HASH}"}}
"""
FULL = (Path(__file__).parent / "full.yaml").read_text()


def errors(text: str) -> list[str]:
    with pytest.raises(AnswersError) as caught:
        parse_answers(text, "f")
    return [problem.render("f") for problem in caught.value.problems]


def test_full() -> None:
    answers = parse_answers(FULL)
    assert answers.network.management.mac == "52:54:00:12:34:5a"
    assert answers.volume_group() == "guests"
    assert answers.target.wipe
    assert answers.finish == "poweroff"


def test_defaults_and_text_that_looks_like_numbers() -> None:
    answers = parse_answers(MINIMAL)
    assert answers.target.disk.serial == "0042"
    assert parse_answers(MINIMAL.replace("0042", "42")).target.disk.serial == "42"
    assert answers.network.management.ipv4 == "dhcp"
    assert answers.network.management.bridge == "xenbr0"
    assert answers.volume_group() == "guests"
    assert not answers.target.wipe
    assert parse_answers(MINIMAL + "guests: none\n").volume_group() is None


def test_secret_is_masked_and_comes_back(tmp_path: Path) -> None:
    answers = parse_answers(FULL)
    for shown in (repr(answers), str(answers), answers.to_json(), answers.model_dump_json()):
        assert HASH not in shown
        assert "********" in shown
    (tmp_path / "host.json").write_text(answers.to_json(reveal=True))
    assert load_host(tmp_path / "host.json") == answers


def test_static_survives_json() -> None:
    answers = parse_answers(FULL)
    assert Answers.model_validate_json(answers.to_json(reveal=True)).network == answers.network


def test_all_errors_at_once_with_places() -> None:
    text = FULL.replace("host_name:", "hostname:").replace("192.0.2.1}", "192.0.3.1, gatway: x}").replace("poweroff", "rebot")
    found = errors(text)
    assert found[0].startswith("f:1:1: host_name: missing")
    assert found[1].startswith("f:3:1: hostname: unknown key, did you mean 'host_name'?; allowed: version, mode")
    assert found[2] == (
        "f:11:45: network.management.ipv4.gateway: found '192.0.3.1'; allowed: a gateway inside the network 192.0.2.0/24"
    )
    assert "unknown key, did you mean 'gateway'?; allowed: address, gateway" in found[3]
    assert found[4].endswith("found 'rebot'; allowed: 'reboot', 'poweroff', 'halt' or 'wait', did you mean 'reboot'?")
    assert len(found) == 5


def test_plaintext_password_is_refused_and_not_repeated() -> None:
    (only,) = errors(MINIMAL.replace(HASH, "hunter2"))
    assert "hunter2" not in only
    assert "hash-password" in only
    (only,) = errors(MINIMAL.replace(HASH, "$1$abc$abcdefghijklmnopqrstuvwxyz"))
    assert "strong" in only


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("serial: 0042", "", "target.disk: found nothing; allowed: at least one of serial"),
        ("disk: {serial: 0042}", "wipe: true", "target: found the key wipe; allowed: exactly one of disk and mirror"),
        ("serial: 0042", "path: sda", "a disk's path that starts with /dev/"),
        (f'password_hash: "{HASH}"', "", "root: found nothing; allowed: password_hash, ssh_keys"),
        (f'password_hash: "{HASH}"', "ssh_keys: ['-----BEGIN OPENSSH PRIVATE KEY-----']", "public SSH key"),
        ("xen1", "Xen_1", "lower-case letters"),
        ("version: 1", "version: 2", "f:1:10: version: found 2; allowed: 1"),
        ("version: 1", "version: 1\nversion: 1", "f:2:1: version: the key 'version' is repeated, first on line 1"),
        ("version: 1", "version: 1\nguests: nnone", "allowed: 'none' or keys and values, did you mean 'none'?"),
        ("version: 1", "version: 1\nfinish: &a reboot\nmode: *a", "aliases"),
        ("version: 1", "version: 1\ntime: {zone: Europe/Berlln}", "time.zone: found 'Europe/Berlln'; allowed: a time zone"),
        (
            "version: 1",
            "version: 1\nnetwork: {management: {ipv4: {gateway: 1.2.3.4}}}",
            "ipv4.address: missing; required: the address",
        ),
        ("version: 1", "version: 1\nnetwork: {management: {ipv4: {address: 1.2.3.4}}}", "its network's length"),
        ("version: 1", "version: 1\nnetwork: {management: {dns: [x]}}", "network.management.dns[0]: found 'x'"),
    ],
)
def test_one_error(old: str, new: str, expected: str) -> None:
    assert any(expected in line for line in errors(MINIMAL.replace(old, new))), errors(MINIMAL.replace(old, new))


@pytest.mark.parametrize("text", ["", "- a\n", "just words\n", "a: [1\n", "a: b: c\n", "\x00", "? [a]\n: b\n", "[" * 2000])
def test_not_answers_at_all(text: str) -> None:
    assert errors(text)


def test_syntax_errors_do_not_show_the_line() -> None:
    assert all("hunter2" not in line for line in errors("version: 1\nroot: {password: 'hunter2\n"))


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read"):
        read_answers(tmp_path / "absent.yaml")
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="UTF-8"):
        read_answers(tmp_path / "latin")


def test_positions() -> None:
    document = read_document("a:\n  - b: yes\n    c: 0x10\n")
    assert document.value == {"a": [{"b": "yes", "c": "0x10"}]}
    assert document.keys[("a", 0, "c")] == Position(3, 5)
    assert document.values[("a", 0, "c")] == Position(3, 8)
    assert document.place(("a", 0, "missing")) == Position(2, 5)
