"""The pool's side: what comes in is believed in nothing."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from dom0kit.errors import UserError
from pool.driver import JoiningHost, Problem
from pool.ganeti.facts import read_facts
from pool.join import openssh_keys
from pool.join.pool_facts import Member, PoolFacts
from pool.join.queue import Queue
from pool.join.queue_worker import run_worker
from pool.join.request_signing import Purpose, signed_request
from pool.join.server import JoinServer, read_line
from pool.join.token_store import TokenRecord, TokenStore

NOW = 1_800_000_000.0
ID = "aaaabbbb"
HOST_KEY, OTHER_KEY = (openssh_keys.ed25519_line(letter * 32) for letter in (b"a", b"b"))
HOST = JoiningHost("h1", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u1", key=HOST_KEY)
NONCE = "0" * 32
FACTS = PoolFacts("pool", "", "m1", "m1", (Member("m1", "192.0.2.11"), Member("m2", "192.0.2.12")), True, "0.1.0", "ganeti 3.1.0")


@dataclass
class Key:
    """A key whose signatures can be read: the key and what it has signed."""

    public: str

    def sign(self, text: str) -> str:
        return f"{self.public} {text}"


def verify(key: str, text: str, signature: str) -> bool:
    return signature == f"{key} {text}"


def line_of(host: JoiningHost, word: str, name: str = ID, *, nonce: str = NONCE, clock: float = NOW) -> bytes:
    """Return a request that the host has signed with its key."""
    return json.dumps(signed_request(Key(host.key), Purpose(nonce, name, word), host, clock)).encode()


@dataclass
class Office:
    """A join server with its token store, whose clock and pool a test can change."""

    root: Path
    now: float = NOW
    facts: PoolFacts = FACTS
    woken: int = 0
    restarted: list[JoiningHost] = field(default_factory=list)
    resolved: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.tokens = TokenStore(self.root)
        self.queue = Queue(self.root / "queue")
        self.tokens.add(TokenRecord(ID, "ssh-ed25519 AAAA", NOW, NOW + 3600, 1), NOW)

    def wake(self) -> None:
        self.woken += 1

    def say(self, word: str, host: JoiningHost = HOST, name: str = ID, line: bytes | None = None) -> dict[str, Any]:
        server = JoinServer(
            self.root,
            self.tokens,
            self.queue,
            lambda: self.facts,
            lambda a: True,
            self.wake,
            self.restarted.append,
            lambda: self.now,
            lambda name: self.resolved,
            verify,
        )
        text = line_of(host, word, name, clock=self.now) if line is None else line
        return server.handle(name, word, lambda: text, NONCE)

    def code(self, word: str, host: JoiningHost = HOST, **values: Any) -> str:
        said = self.say(word, host, **values)
        return str(said["problem"]["code"]) if "problem" in said else ""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_asking_changes_nothing(office: Office, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    answer = office.say("ask")["answer"]
    assert answer["problems"] == ()
    assert answer["hosts"] == 2
    assert answer["master"] == "m1"
    assert [p["code"] for p in office.say("ask", replace(HOST, version="9.9"))["answer"]["problems"]] == ["version"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


@pytest.mark.parametrize("word", ["", "ask join", "ask; reboot", "shell", "scp -t /etc", "../answer", "_admit", "__class__"])
def test_nothing_but_the_requests(office: Office, word: str) -> None:
    said = office.say(word)
    assert said["problem"]["code"] == "refused"
    assert "joining the pool" in said["problem"]["text"]


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"name": "h1"}', b'{"a":' * 60000])
def test_nonsense_is_refused_in_words(office: Office, line: bytes) -> None:
    assert office.code("ask", line=line) == "refused"


def test_a_joiner_s_way(office: Office) -> None:
    (office.root / "root/.ssh").mkdir(parents=True)
    (office.root / "root/.ssh/id_rsa.pub").write_text("ssh-rsa AAAA root@m1\n")
    assert office.say("keys")["answer"]["keys"] == ["ssh-rsa AAAA root@m1"]
    queued = office.say("join")["answer"]["queued"]
    assert queued["place"] == 1
    assert queued["seconds"] == 150
    assert office.woken == 1
    assert office.code("join", replace(HOST, name="h2", uuid="u2")) == "used-up"
    run_worker(office.queue, lambda host: None, lambda text: None, lambda: office.now)
    assert office.say("join")["answer"]["joined"]["pool"] == "pool"


def test_a_token_that_runs_out_in_the_queue_is_still_good_for_those_who_wait(office: Office) -> None:
    office.say("join")
    office.now += 7200
    assert office.say("join")["answer"]["queued"]["place"] == 1
    assert office.code("ask") == "", "its power was cut, and it starts again"
    assert office.code("keys") == ""
    other = replace(HOST, name="h2", uuid="u2")
    assert [office.code(word, other) for word in ("ask", "keys", "join")] == ["expired"] * 3


def test_a_host_that_is_added_meanwhile_is_not_judged_against_itself(office: Office) -> None:
    office.say("join")
    office.facts = replace(FACTS, members=(*FACTS.members, Member("h1", "192.0.2.20")), version="0.2.0")
    assert "queued" in office.say("join")["answer"]


def test_a_host_that_begins_anew_while_it_is_added_is_told_of_once(office: Office) -> None:
    office.say("keys")
    office.say("join")
    office.say("keys")
    assert office.restarted == [], "it waits, and is not contacted"

    def add(host: JoiningHost) -> None:
        office.say("join")
        assert office.restarted == [], "it asks how it stands, and is the same as before"
        office.say("keys", replace(HOST, addresses=("192.0.2.9",)))
        (before,) = office.restarted
        assert before.addresses == HOST.addresses, "those at which the master talks to it"

    assert run_worker(office.queue, add, lambda text: None, lambda: office.now) == 1
    assert len(office.restarted) == 1


def test_a_bad_host_costs_no_use_and_no_place(office: Office) -> None:
    assert office.code("join", replace(HOST, version="7.0")) == "version"
    assert office.queue.entries(NOW) == []
    assert office.tokens.keys() == {}
    assert office.code("join") == ""


def test_two_machines_of_one_name(office: Office) -> None:
    office.tokens.add(TokenRecord("ccccdddd", "ssh-ed25519 AAAA", NOW, NOW + 3600, None), NOW)
    office.say("join", name="ccccdddd")
    assert office.code("join", replace(HOST, uuid="u2"), name="ccccdddd") == "name"


def test_revoked_unknown_and_nonsense_tokens(office: Office) -> None:
    assert office.code("ask", name="ccccdddd") == "token"
    assert office.code("ask", name="../../x") == "refused"
    office.tokens.revoke(ID, NOW)
    assert office.code("ask") == "token"


def test_not_the_master_any_more(office: Office) -> None:
    office.facts = replace(FACTS, master="m2")
    said = office.say("join")["problem"]
    assert said["code"] == "moved"
    assert said["address"] == "192.0.2.12"
    office.facts = replace(FACTS, serving=False)
    assert office.code("join") == "busy"
    assert office.queue.entries(NOW) == []


def test_a_line_is_bounded_in_size_and_time() -> None:
    for data, message in ((b"x" * 70000, "longer than"), (b"abc", "before the line is complete")):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        sent = os.write(writing, data)
        if sent == len(data):
            os.close(writing)
        with pytest.raises(ValueError, match=message if sent == len(data) else "nothing arrived"):
            read_line(reading, 0.2)
        os.close(reading)
    reading, writing = os.pipe()
    with pytest.raises(ValueError, match="nothing arrived within"):
        read_line(reading, 0.05)
    os.write(writing, b"first\nsecond\n")
    assert read_line(reading, 1.0) == b"first"


def test_ganeti_s_files(tmp_path: Path) -> None:
    files = {
        "var/lib/ganeti/ssconf_cluster_name": "pool.example.net\n",
        "var/lib/ganeti/ssconf_master_node": "m1.example.net\n",
        "var/lib/ganeti/ssconf_master_ip": "192.0.2.5\n",
        "var/lib/ganeti/ssconf_node_primary_ips": "m1.example.net 192.0.2.11\nm2.example.net 192.0.2.12\n",
        "var/lib/ganeti/ssconf_offline_nodes": "m2.example.net\n",
        "var/lib/ganeti/ssconf_release_version": "3.1.0~rc2\n",
        "etc/hostname": "m1\n",
        "run/dom0kit/image/manifest.json": '{"version": "0.1.0", "packages": {}}',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    facts = read_facts(tmp_path)
    assert facts == PoolFacts(
        "pool.example.net",
        "192.0.2.5",
        "m1.example.net",
        "m1.example.net",
        (Member("m1.example.net", "192.0.2.11"), Member("m2.example.net", "192.0.2.12", offline=True)),
        False,
        "0.1.0",
        "ganeti 3.1.0~rc2",
    )
    assert facts.is_master


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (line_of(HOST, "join", nonce="1" * 32), "another connection"),
        (line_of(HOST, "ask"), "another word"),
        (line_of(HOST, "join", "ccccdddd"), "another token"),
        (line_of(replace(HOST, key=""), "join"), "no SSH host key"),
        (json.dumps({"request": "{}", "signature": ""}).encode(), "not an object"),
        (json.dumps({"request": "[]", "signature": ""}).encode(), "not an object"),
        (json.dumps({"request": "{", "signature": ""}).encode(), "request is invalid"),
        (json.dumps({"request": 1, "signature": None}).encode(), "not signed"),
        (line_of(HOST, "join").replace(b"192.0.2.20", b"192.0.2.66", 1), "signature is not that"),
        (json.dumps({"request": "{}", "signature": "x" * 60000}).encode(), "not an object"),
    ],
)
def test_only_a_request_that_was_signed_for_this_connection_is_heard(office: Office, line: bytes, text: str) -> None:
    said = office.say("join", line=line)["problem"]
    assert (said["code"], text in said["text"]) == ("refused", True), said
    assert office.queue.entries(NOW) == []


def test_a_used_token_is_bound_to_the_key_that_used_it(office: Office) -> None:
    office.say("join")
    thief = replace(HOST, key=OTHER_KEY)
    for word in ("ask", "keys", "join"):
        said = office.say(word, thief)["problem"]
        assert (said["code"], "another SSH host key" in said["text"]) == ("used-up", True)
    assert office.code("join") == ""


def test_nobody_else_fetches_a_hosts_result(office: Office) -> None:
    office.tokens.add(TokenRecord("ccccdddd", "ssh-ed25519 AAAA", NOW, NOW + 3600, None), NOW)
    office.say("join", name="ccccdddd")
    run_worker(office.queue, lambda host: None, lambda text: None, lambda: office.now)
    assert "queued" in office.say("join", replace(HOST, key=OTHER_KEY), name="ccccdddd")["answer"]
    assert "joined" in office.say("join", name="ccccdddd")["answer"]


@pytest.mark.parametrize(
    ("bound", "host", "code"),
    [
        ({"host": "h1"}, HOST, ""),
        ({"host": "h1"}, replace(HOST, name="h2"), "wrong-host"),
        ({"host": "h1", "uuid": "u1"}, replace(HOST, uuid="U1"), ""),
        ({"host": "h1", "uuid": "u1"}, replace(HOST, uuid="u2"), "wrong-host"),
        ({"host": "h1", "uuid": "u1"}, replace(HOST, uuid=""), "wrong-host"),
        ({"host": "h1", "mac": "52:54:00:00:00:01"}, replace(HOST, macs=("52:54:00:00:00:02", "52:54:00:00:00:01")), ""),
        ({"host": "h1", "mac": "52:54:00:00:00:01"}, replace(HOST, macs=("52:54:00:00:00:02",)), "wrong-host"),
        ({"host": "h1", "mac": "52:54:00:00:00:01"}, HOST, "wrong-host"),
    ],
)
def test_a_token_for_one_host_admits_no_other(office: Office, bound: dict[str, str], host: JoiningHost, code: str) -> None:
    office.tokens.add(TokenRecord("ccccdddd", "ssh-ed25519 AAAA", NOW, NOW + 3600, 1, **bound), NOW)  # type: ignore[arg-type]
    assert [office.code(word, host, name="ccccdddd") for word in ("ask", "keys", "join")] == [code] * 3
    assert len(office.queue.entries(NOW)) == (not code)


def test_a_host_is_added_after_its_approval_alone(office: Office) -> None:
    office.tokens.add(TokenRecord("ccccdddd", "ssh-ed25519 AAAA", NOW, NOW + 3600, 2, approval=True), NOW)
    queued = office.say("join", name="ccccdddd")["answer"]["queued"]
    assert queued["approval"] is True
    assert office.queue.take(NOW) is None
    assert office.woken == 0
    office.tokens.add(TokenRecord("eeeeffff", "ssh-ed25519 AAAA", NOW, NOW + 3600, 1), NOW)
    behind = replace(HOST, name="h2", uuid="u2")
    assert office.say("join", behind, name="eeeeffff")["answer"]["queued"]["place"] == 1, "it blocks no others"
    host, token = office.queue.decide("h1", NOW)
    assert (host.key, token) == (HOST_KEY, "ccccdddd")
    assert "approval" not in office.say("join", name="ccccdddd")["answer"]["queued"]
    added: list[str] = []
    run_worker(office.queue, lambda host: added.append(host.name), lambda text: None, lambda: office.now)
    assert added == ["h1", "h2"]


def test_a_denied_host_stays_denied(office: Office) -> None:
    office.tokens.add(TokenRecord("ccccdddd", "ssh-ed25519 AAAA", NOW, NOW + 3600, None, approval=True), NOW)
    office.say("join", name="ccccdddd")
    host, token = office.queue.decide("h1", NOW, Problem("denied", "no"))
    office.tokens.deny(token, host.key)
    assert [office.code(word, name="ccccdddd") for word in ("join", "ask", "keys", "join")] == ["denied"] * 4
    assert office.code("join", replace(HOST, key=OTHER_KEY), name="ccccdddd") == "", "another machine is decided on again"
    with pytest.raises(UserError, match="no host h7 waits"):
        office.queue.decide("h7", NOW)


def test_a_name_outside_the_pools_domains_needs_a_token_for_this_host(office: Office) -> None:
    office.facts = replace(FACTS, pool="pool.example.net", members=(Member("m1.example.net", "192.0.2.11"),), me="x", master="x")
    host = replace(HOST, name="h1.dc2.example")
    assert [p["code"] for p in office.say("ask", host)["answer"]["problems"]] == ["name"]
    office.tokens.add(TokenRecord("ccccdddd", "ssh-ed25519 AAAA", NOW, NOW + 3600, 1, host=host.name), NOW)
    assert office.say("ask", host, name="ccccdddd")["answer"]["problems"] == ()


def test_a_name_that_has_other_addresses_is_refused(office: Office) -> None:
    office.resolved = ("192.0.2.99",)
    assert office.code("join") == "name"
    office.resolved = ("192.0.2.20",)
    assert office.code("join") == ""
