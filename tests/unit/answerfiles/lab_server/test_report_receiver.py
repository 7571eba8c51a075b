"""Reports are kept, proven by their token; only a proven installer or first boot ends the order to install."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from answerfiles.inventory.install_markers import NEW, arm, armed_hosts
from answerfiles.inventory.render import report_token
from answerfiles.lab_server import receiver_http, report_receiver
from answerfiles.lab_server.receiver_http import UnixServer, body_length, handler, read_body
from answerfiles.lab_server.report_receiver import Receiver, Refused

KEY = b"k" * 32
WRITING = json.dumps({"event": "writing", "source": "installer"}).encode()
FINISHED = json.dumps({"event": "finished", "source": "installer"}).encode()
FAILED = json.dumps({"event": "failed", "source": "installer", "text": "no answers"}).encode()


@pytest.fixture
def made(tmp_path: Path) -> Receiver:
    (tmp_path / "tree").mkdir()
    for host in ("xen1", "xen2"):
        arm(tmp_path / "tree", host, NEW)
    (tmp_path / "reports").mkdir()
    (tmp_path / "tree/hosts.json").write_text(json.dumps({"hosts": {"xen1": {}, "xen2": {}}}))
    return Receiver(tmp_path / "tree", tmp_path / "reports", KEY)


def send(to: Receiver, host: str, body: bytes, token: str = "", kind: str = "application/json") -> None:
    proven, most = to.limit(host, kind, f"Bearer {token}" if token else "")
    assert len(body) <= most
    to.take(host, kind, body, proven=proven)


@pytest.mark.parametrize(
    ("source", "event", "armed"),
    [
        ("installer", "started", True),
        ("installer", "note", True),
        ("installer", "failed", True),
        ("installer", "writing", False),
        ("installer", "finished", False),
        ("firstboot", "started", True),
        ("firstboot", "finished", False),
        ("boot", "finished", True),
    ],
)
def test_an_installation_that_begins_ends_its_order(made: Receiver, source: str, event: str, armed: bool) -> None:
    send(made, "xen1", json.dumps({"event": event, "source": source}).encode(), report_token(KEY, "xen1"))
    assert armed_hosts(made.tree) == ({"xen1", "xen2"} if armed else {"xen2"})
    assert (made.tree / "armed/xen1.ipxe").exists() == armed
    [line] = [json.loads(line) for line in (made.reports / "xen1.jsonl").read_text().splitlines()]
    assert line["proven"]


def test_the_order_ends_before_the_report_is_kept(made: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_receiver, "LARGEST_LOG", 0)
    send(made, "xen1", FAILED)
    with pytest.raises(Refused) as caught:
        send(made, "xen1", WRITING, report_token(KEY, "xen1"))
    assert caught.value.status == 507
    assert armed_hosts(made.tree) == {"xen2"}


def test_before_its_answers_are_read_a_machine_reports_without_a_token(made: Receiver) -> None:
    for event in ("started", "step", "retrying", "failed"):
        send(made, "xen1", json.dumps({"event": event, "source": "installer"}).encode())
    lines = [json.loads(line) for line in (made.reports / "xen1.jsonl").read_text().splitlines()]
    assert [(line["event"], line["proven"]) for line in lines] == [
        ("started", False),
        ("step", False),
        ("retrying", False),
        ("failed", False),
    ]


@pytest.mark.parametrize(
    ("host", "body", "token", "status"),
    [
        ("xen1", FINISHED, "", 401),
        ("xen1", WRITING, "", 401),
        ("xen1", WRITING, "0" * 64, 403),
        ("xen1", b'{"event": "writing", "source": "firstboot\\u001b[2J"}', report_token(KEY, "xen1"), 400),
        ("xen1", b'{"event": "writing", "source": ["installer"]}', report_token(KEY, "xen1"), 400),
        ("xen1", b'{"event": ["writing"], "source": "installer"}', report_token(KEY, "xen1"), 400),
        ("xen1", FINISHED, "0" * 64, 403),
        ("xen1", FINISHED, report_token(KEY, "xen2"), 403),
        ("xen3", FAILED, "", 404),
        ("../x", FAILED, "", 404),
        ("xen1", b"[]", report_token(KEY, "xen1"), 400),
        ("xen1", b"{", report_token(KEY, "xen1"), 400),
        ("xen1", b"[" * 100_000, report_token(KEY, "xen1"), 400),
        ("xen1", b'{"event": "x"}', report_token(KEY, "xen1"), 400),
        ("xen1", b'{"event": "step", "source": "installer", "state": "\\u001b[2J"}', "", 400),
        ("xen1", b'{"event": "step", "source": "installer", "seconds": NaN}', "", 400),
        ("xen1", b'{"event": "step", "source": "installer", "seconds": 1e999}', "", 400),
        ("xen1", b'{"event": "step", "source": "installer", "text": {"a": 1}}', "", 400),
        ("xen1", b'{"event": "step", "source": "installer", "warnings": [[]]}', "", 400),
        ("xen1", b'{"event": "step", "source": "installer", "A b": 1}', "", 400),
    ],
)
def test_what_is_refused(made: Receiver, host: str, body: bytes, token: str, status: int) -> None:
    with pytest.raises(Refused) as caught:
        send(made, host, body, token)
    assert caught.value.status == status
    assert armed_hosts(made.tree) == {"xen1", "xen2"}


def test_a_machine_without_answers_can_still_say_that_it_failed(made: Receiver) -> None:
    reported: list[dict[str, Any]] = []
    made.tell = lambda host, event: reported.append(event)
    send(made, "xen1", FAILED)
    assert reported[0]["proven"] is False
    assert json.loads((made.reports / "xen1.jsonl").read_text())["text"] == "no answers"


def test_bundles_are_kept_but_not_without_end(made: Receiver) -> None:
    for _ in range(report_receiver.MOST_BUNDLES + 3):
        send(made, "xen1", b"\x1f\x8bdata", report_token(KEY, "xen1"), "application/gzip")
    assert len(list(made.reports.glob("xen1.bundle-*.tar.gz"))) == report_receiver.MOST_BUNDLES
    with pytest.raises(Refused):
        send(made, "xen1", b"PK", report_token(KEY, "xen1"), "application/gzip")
    assert (
        made.limit("xen1", "application/gzip", "")[1]
        < made.limit("xen1", "application/gzip", f"Bearer {report_token(KEY, 'xen1')}")[1]
    )


def test_a_host_that_reports_too_much_is_stopped(made: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_receiver, "LARGEST_LOG", 50)
    send(made, "xen1", FAILED)
    with pytest.raises(Refused) as caught:
        send(made, "xen1", FAILED)
    assert caught.value.status == 507


def test_strangers_cannot_fill_the_disk(made: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_receiver, "ALL_UNPROVEN", 2 * len(FAILED))
    for host in ("xen1", "xen2"):
        send(made, host, FAILED)
    with pytest.raises(Refused) as caught:
        send(made, "xen1", FAILED)
    assert caught.value.status == 507
    send(made, "xen1", FAILED, report_token(KEY, "xen1"))


def test_a_full_disk_takes_only_what_changes_how_a_host_boots(made: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_receiver, "SPACE", 1 << 62)
    token = report_token(KEY, "xen1")
    for body, kind in ((FAILED, "application/json"), (b"\x1f\x8bdata", "application/gzip")):
        with pytest.raises(Refused) as caught:
            send(made, "xen1", body, token, kind)
        assert caught.value.status == 507
    send(made, "xen1", WRITING, token)
    send(made, "xen1", FINISHED, token)
    assert len((made.reports / "xen1.jsonl").read_text().splitlines()) == 2


@pytest.fixture
def served(made: Receiver, tmp_path: Path) -> Iterator[Path]:
    """Return the socket of a receiver that serves."""
    path = tmp_path / "socket"
    server = UnixServer(str(path), handler(made))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield path
    server.shutdown()
    server.server_close()


def begin(path: Path, host: str, length: str, token: str = "") -> socket.socket:
    """Open a connection and send the head of a report."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(str(path))
    proof = f"Authorization: Bearer {token}\r\n" if token else ""
    line.sendall(f"POST /report/{host} HTTP/1.1\r\nHost: x\r\n{proof}Content-Length: {length}\r\n\r\n".encode())
    return line


def trickle(line: socket.socket, seconds: float) -> None:
    """Send single bytes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        line.sendall(b" ")
        time.sleep(0.05)


def status(line: socket.socket) -> int:
    with line, line.makefile("rb") as file:
        return int(file.readline().split()[1])


def test_slow_senders_without_a_token_do_not_keep_a_host_from_reporting(made: Receiver, served: Path) -> None:
    slow = [begin(served, "xen2", "1000") for _ in range(report_receiver.AT_A_TIME * 2)]
    line = begin(served, "xen1", str(len(WRITING)), report_token(KEY, "xen1"))
    line.sendall(WRITING)
    assert status(line) == 200
    assert armed_hosts(made.tree) == {"xen2"}
    for one in slow:
        one.close()


def test_a_body_has_a_limit_for_all_its_parts(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiver_http, "UNPROVEN_BODY_SECONDS", 0.5)
    line = begin(served, "xen1", "1000")
    with line, pytest.raises((BrokenPipeError, ConnectionResetError)):
        trickle(line, 15.0)


def test_a_body_that_is_cut_off_is_no_report() -> None:
    here, there = socket.socketpair()
    with here, there, here.makefile("rb") as file:
        there.sendall(b"half")
        there.shutdown(socket.SHUT_WR)
        with pytest.raises(Refused) as caught:
            read_body(file, here, 8, 5.0)
    assert caught.value.status == 400


LENGTHS = [(None, -1), ("0", 0), ("10", 10), ("11", 11), ("-1", 11), ("²", 11), ("9" * 5000, 11), ("1_0", 11), ("", 11)]


@pytest.mark.parametrize(("text", "expected"), LENGTHS, ids=range(len(LENGTHS)))
def test_the_length_of_a_body(text: str | None, expected: int) -> None:
    assert body_length(text, 10) == expected


def test_a_thousand_hosts_may_report_at_once(made: Receiver, tmp_path: Path) -> None:
    server = UnixServer(str(tmp_path / "socket"), handler(made))
    waiting = []
    try:
        for _ in range(900):
            line = socket.socket(socket.AF_UNIX)
            waiting.append(line)
            line.setblocking(False)
            line.connect(str(tmp_path / "socket"))
    finally:
        for line in waiting:
            line.close()
        server.server_close()
    assert len(waiting) == 900
