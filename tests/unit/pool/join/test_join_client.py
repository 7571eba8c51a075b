"""The joining host's side, with a stand-in for ssh."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join import client, openssh_keys, queue, ssh_transport
from pool.join.client import PoolClient, Progress, backoff_seconds, parse_queued, queue_text
from pool.join.messages import (
    JoinRefused,
    answer_from_json,
    answer_to_json,
    host_from_json,
    host_to_json,
    problem_from_json,
    problem_to_json,
)
from pool.join.token import JoinToken

HOST = JoiningHost("h1", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u1")
TOKEN = JoinToken(b"\x03" + b"k" * 32, b"s" * 32, ("192.0.2.1", "192.0.2.2"))
NONCE = "0" * 32
Step = dict[str, Any] | JoinRefused


class Key:
    """A key whose signatures can be read."""

    public = openssh_keys.ed25519_line(b"k" * 32)

    def sign(self, text: str) -> str:
        return f"signed {text}"


def refused(code: str, text: str = "no", address: str = "") -> JoinRefused:
    return JoinRefused(problem_from_json({"code": code, "text": text}), address)


class Pool:
    """Answers as it was told, and notes what it was asked.

    :param script: what is said at each address, in order; the last of them for ever.
    """

    def __init__(self, script: dict[str, list[Step]]) -> None:
        self.script = script
        self.asked: list[tuple[str, str]] = []
        self.slept: list[float] = []
        self.sent: list[dict[str, Any]] = []
        self.seconds_each, self.now = 0.0, 0.0

    def send(
        self, token: JoinToken, keys: object, address: str, word: str, request: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        self.asked.append((address, word))
        self.now += self.seconds_each
        self.sent.append(request({"hello": 1, "nonce": NONCE}))
        steps = self.script[address]
        step = steps.pop(0) if len(steps) > 1 else steps[0]
        if isinstance(step, JoinRefused):
            raise step
        return step

    def conversation(self, patience: float = 3600) -> PoolClient:
        return PoolClient(
            TOKEN,
            patience=patience,
            signer=Key(),
            send=self.send,
            keys=lambda token: nullcontext(),
            clock=lambda: 1000.0,
            sleep=self.slept.append,
            timer=lambda: self.now,
        )


GOOD = answer_to_json(PoolAnswer("pool", "m1", "192.0.2.1", "ganeti 3.1.0", 2))


def test_the_next_address_is_asked_when_the_first_is_not_there_and_first_from_then_on() -> None:
    pool = Pool({"192.0.2.1": [refused("unreachable")], "192.0.2.2": [GOOD]})
    with pool.conversation() as conversation:
        assert conversation.ask(HOST).accepted
        assert conversation.ask(HOST).master == "m1"
    assert [address for address, _ in pool.asked] == ["192.0.2.1", "192.0.2.2", "192.0.2.2"]
    assert pool.sent[0]["signature"] == f"signed {pool.sent[0]['request']}"
    request = json.loads(pool.sent[0]["request"])
    assert (request["nonce"], request["token"], request["word"]) == (NONCE, TOKEN.id, "ask")
    assert (request["host"]["clock"], request["host"]["key"]) == (1000.0, Key.public)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("unreachable", "pin", "pin"),
        ("token", "unreachable", "token"),
        ("pin", "token", "token"),
        ("busy", "unreachable", "busy"),
    ],
)
def test_the_problem_that_tells_most_is_told(first: str, second: str, said: str) -> None:
    pool = Pool({"192.0.2.1": [refused(first)], "192.0.2.2": [refused(second)]})
    assert [problem.code for problem in pool.conversation().ask(HOST).problems] == [said]
    assert len(pool.asked) == 2


def test_nobody_there_names_all_addresses() -> None:
    pool = Pool({a: [refused("unreachable", f"{a} does not answer")] for a in TOKEN.addresses})
    text = pool.conversation().ask(HOST).problems[0].text
    assert all(address in text for address in TOKEN.addresses)


def test_a_clear_no_is_not_asked_again_elsewhere() -> None:
    pool = Pool({"192.0.2.1": [refused("expired")], "192.0.2.2": [GOOD]})
    assert pool.conversation().ask(HOST).problems[0].code == "expired"
    assert len(pool.asked) == 1


def test_a_moved_master_is_followed() -> None:
    pool = Pool({"192.0.2.1": [refused("moved", address="192.0.2.9")], "192.0.2.9": [GOOD], "192.0.2.2": [GOOD]})
    with pool.conversation() as conversation:
        assert conversation.ask(HOST).accepted
        conversation.ask(HOST)
    assert [address for address, _ in pool.asked] == ["192.0.2.1", "192.0.2.9", "192.0.2.9"]


def test_a_new_master_that_is_not_up_is_what_is_told() -> None:
    script: dict[str, list[Step]] = {
        "192.0.2.1": [refused("moved", address="192.0.2.9")],
        "192.0.2.9": [refused("busy")],
        "192.0.2.2": [refused("unreachable")],
    }
    assert Pool(script).conversation().ask(HOST).problems[0].code == "busy"


def test_two_that_send_to_each_other_come_to_an_end() -> None:
    pool = Pool({"192.0.2.1": [refused("moved", address="192.0.2.2")], "192.0.2.2": [refused("moved", address="192.0.2.1")]})
    assert pool.conversation().ask(HOST).problems[0].code == "moved"
    assert len(pool.asked) < 8


def test_no_word_of_a_pool_becomes_an_option_of_ssh() -> None:
    pool = Pool({"192.0.2.1": [refused("moved", address="-oProxyCommand=id")], "192.0.2.2": [refused("unreachable")]})
    pool.conversation().ask(HOST)
    assert [address for address, _ in pool.asked] == ["192.0.2.1", "192.0.2.2"]


def test_a_join_waits_in_the_queue_and_survives_lost_connections() -> None:
    wait = {"queued": {"place": 17, "seconds": 2400, "again": 60}}
    script: list[Step] = [wait, refused("busy"), refused("unreachable"), {"queued": {"place": 0}}, {"joined": GOOD}]
    pool = Pool({"192.0.2.1": script, "192.0.2.2": [refused("unreachable")]})
    told: list[Progress] = []
    assert pool.conversation().join(HOST, told.append).master == "m1"
    assert [progress.place for progress in told] == [17, -1, -1, 0]
    assert "17th" in told[0].text
    assert "40 min" in told[0].text
    assert 42 <= pool.slept[0] <= 60


@pytest.mark.parametrize(("took", "least", "most"), [(0.2, 3.5, 5.0), (12.0, 36.0, 36.0), (119.0, 60.0, 60.0)])
def test_a_slow_master_is_asked_less_often(took: float, least: float, most: float) -> None:
    """Each question costs an emulated master ten seconds of its one processor, with which it is to add the host."""
    wait = {"queued": {"place": 0, "seconds": 150, "again": 5}}
    pool = Pool({"192.0.2.1": [wait, {"joined": GOOD}], "192.0.2.2": [refused("unreachable")]})
    pool.seconds_each = took
    pool.conversation().join(HOST, lambda progress: None)
    assert least <= pool.slept[0] <= most


def test_a_rest_ends_before_the_host_counts_as_away() -> None:
    assert client.LONGEST_REST + ssh_transport.REQUEST_SECONDS <= queue.GRACE


def test_the_patience_ends_when_the_pool_is_away_for_long() -> None:
    pool = Pool({a: [refused("unreachable")] for a in TOKEN.addresses})
    with pytest.raises(JoinRefused):
        pool.conversation(patience=600).join(HOST, lambda progress: None)
    assert 600 <= sum(pool.slept) < 1200


def test_waiting_in_the_queue_costs_no_patience() -> None:
    script: list[Step] = [{"queued": {"place": 900, "again": 300}} for _ in range(50)]
    pool = Pool({"192.0.2.1": [*script, {"joined": GOOD}]})
    assert pool.conversation(patience=1).join(HOST, lambda progress: None).pool == "pool"


def test_a_refused_join_is_raised_at_once() -> None:
    pool = Pool({"192.0.2.1": [refused("version")]})
    with pytest.raises(JoinRefused) as caught:
        pool.conversation().join(HOST, lambda progress: None)
    assert caught.value.problem.code == "version"
    assert pool.slept == []


def test_what_an_earlier_attempt_came_to_is_no_answer_to_this_one() -> None:
    wait = {"queued": {"place": 1, "seconds": 60, "again": 5}}
    pool = Pool({"192.0.2.1": [refused("failed"), wait, {"joined": GOOD}]})
    assert pool.conversation().join(HOST, lambda progress: None).master == "m1"
    adding = {"queued": {"place": 0, "seconds": 60, "again": 5}}
    pool = Pool({"192.0.2.1": [adding, adding, refused("failed"), wait, {"joined": GOOD}]})
    assert pool.conversation().join(HOST, lambda progress: None).master == "m1", "it stood for this host before its power was cut"
    pool = Pool({"192.0.2.1": [wait, adding, refused("failed"), {"joined": GOOD}]})
    with pytest.raises(JoinRefused):
        pool.conversation().join(HOST, lambda progress: None)
    pool = Pool({"192.0.2.1": [refused("failed"), wait, refused("failed"), {"joined": GOOD}]})
    with pytest.raises(JoinRefused) as caught:
        pool.conversation().join(HOST, lambda progress: None)
    assert caught.value.problem.code == "failed"


def test_the_keys_of_the_master() -> None:
    pool = Pool({"192.0.2.1": [{"keys": ["ssh-rsa AAAA root@m1", 7, "ssh-rsa\nAAAA"]}]})
    assert pool.conversation().keys(HOST) == ("ssh-rsa AAAA root@m1",)
    with pytest.raises(JoinRefused, match="no SSH keys"):
        Pool({"192.0.2.1": [{"keys": []}]}).conversation().keys(HOST)


def test_hosts_come_again_at_different_times() -> None:
    assert backoff_seconds(1, lambda: 0.0) == 2.5
    assert backoff_seconds(1, lambda: 1.0) == 7.5
    assert backoff_seconds(500, lambda: 0.5) == 300.0
    assert parse_queued({"place": 1, "again": 10}, lambda: 0.0)[1] == 7.0
    # A pool that talks nonsense does not make a host come every millisecond.
    assert parse_queued("nonsense", lambda: 0.0)[1] >= 0.7
    assert parse_queued({"again": -5}, lambda: 0.0)[1] >= 0.7


@pytest.mark.parametrize(
    ("place", "seconds", "text"),
    [
        (0, 9, "the pool is adding this host now"),
        (1, 20, "1st in the pool's queue, less than a minute"),
        (112, 6000, "112th"),
        (23, 60, "23rd in the pool's queue, about 1 min"),
    ],
)
def test_a_place_in_words(place: int, seconds: float, text: str) -> None:
    assert text in queue_text(place, seconds)


@pytest.mark.parametrize(
    ("errors", "code"),
    [
        (
            "No ECDSA host key is known for dom0kit-pool and you have requested strict checking.\nHost key verification failed.",
            "pin",
        ),
        ("root@192.0.2.1: Permission denied (publickey).", "token"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection refused", "unreachable"),
        ("ssh: connect to host 192.0.2.1 port 22: Connection timed out", "unreachable"),
        ("ssh: connect to host 192.0.2.1 port 22: No route to host", "unreachable"),
        ("kex_exchange_identification: Connection closed by remote host", "busy"),
        ("kex_exchange_identification: read: Connection reset by peer", "busy"),
        ("Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their offer: ssh-ed25519", "pin"),
        ("something new", "unreachable"),
        ("", "unreachable"),
    ],
)
def test_what_ssh_says_in_words(errors: str, code: str) -> None:
    problem = ssh_transport.explain(errors, "192.0.2.1", TOKEN)
    assert problem.code == code
    assert problem.text
    assert problem.hint


def test_ssh_reads_nothing_of_the_user_s() -> None:
    words = ssh_transport.options(Path("/run/x"))
    assert words[:2] == ["-F", "none"]
    text = " ".join(words)
    for option in ("StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "IdentityAgent=none", "BatchMode=yes", "UpdateHostKeys=no"):
        assert option in text


def test_the_key_is_private_and_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_transport, "RAM_FOLDERS", (tmp_path,))
    monkeypatch.setattr(ssh_transport.openssh_keys, "host_key_line", lambda short: "ecdsa-sha2-nistp256 AAAA")
    with ssh_transport.KeyFiles(TOKEN, public=lambda seed: b"p" * 32) as keys:
        assert keys.folder.stat().st_mode & 0o777 == 0o700
        assert (keys.folder / "key").stat().st_mode & 0o777 == 0o600
        assert (keys.folder / "known_hosts").read_text() == "dom0kit-pool ecdsa-sha2-nistp256 AAAA\n"
    assert list(tmp_path.iterdir()) == []


def test_addresses_in_sentences() -> None:
    assert ssh_transport.address_text("192.0.2.1", 22) == "192.0.2.1"
    assert ssh_transport.address_text("192.0.2.1", 2222) == "192.0.2.1:2222"
    assert ssh_transport.address_text("2001:db8::1", 2222) == "[2001:db8::1]:2222"


def test_a_joiner_goes_over_the_wire_and_back() -> None:
    sent = json.loads(json.dumps(host_to_json(HOST, 5.0)))
    assert host_from_json(sent) == replace(HOST, clock=5.0)
    assert host_to_json(replace(HOST, clock=7.0), 5.0)["clock"] == 7.0


@pytest.mark.parametrize(
    "change",
    [
        {"name": "-oProxyCommand=id"},
        {"name": "h1;reboot"},
        {"name": "H1"},
        {"name": "h1\n"},
        {"name": ""},
        {"name": "a" * 64},
        {"uuid": "x" * 200},
        {"version": 3},
        {"addresses": ["-x"]},
        {"addresses": "192.0.2.1"},
        {"addresses": ["192.0.2.1"] * 40},
        {"clock": True},
        {"clock": "now"},
        {"clock": float("nan")},
    ],
)
def test_a_strange_joiner_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        host_from_json({**host_to_json(HOST, 5.0), **change})


def test_what_the_pool_says_cannot_spoil_a_screen() -> None:
    assert problem_from_json({"code": "weird", "text": "a\x1b[2Jb", "hint": 7}) == Problem("refused", "a [2Jb", "")
    assert problem_from_json(None).code == "refused"
    assert problem_to_json(Problem("moved", "x"), "192.0.2.9")["problem"]["address"] == "192.0.2.9"


WILD_NUMBERS = [10**400, -(10**400), float("nan"), float("inf"), -float("inf"), True, "7", None, [], {}]


@pytest.mark.parametrize("wild", WILD_NUMBERS, ids=lambda wild: str(wild)[:9])
def test_numbers_of_a_pool_are_finite_and_bounded(wild: Any) -> None:
    progress, again = parse_queued({"place": wild, "seconds": wild, "again": wild}, lambda: 1.0)
    assert 0 <= progress.place <= 1e6
    assert 0 <= progress.seconds <= 1e7
    assert 1 <= again <= client.LONGEST_REQUESTED_PAUSE_SECONDS
    found = answer_from_json({"hosts": wild, "clock": wild})
    assert 0 <= found.hosts <= 1e6
    assert abs(found.clock) <= 1e11


@pytest.mark.parametrize("address", ["fe80::1%lo", "fe80::1%lo or (sport = :22)", "::1%$(reboot)"])
def test_an_address_with_a_zone_is_no_address_of_a_host(address: str) -> None:
    with pytest.raises(ValueError, match="zone"):
        host_from_json({**host_to_json(HOST, 0.0), "addresses": [address]})
