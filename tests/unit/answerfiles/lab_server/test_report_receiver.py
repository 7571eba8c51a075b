"""Reports are kept, proven by their token; only a proven installer or first boot ends the order to install."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from answerfiles.inventory.install_markers import NEW, arm, armed_hosts
from answerfiles.inventory.render import report_token
from answerfiles.lab_server import report_receiver
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
