"""Reports are sent in order, retried, given up in time, and are never in the way."""

from __future__ import annotations

import io
import json
import random
import tarfile
import threading
import time
from typing import Any

import pytest
from web_server import Reply, Seen, serve

from dom0kit import webhook
from dom0kit.events import Reporter
from dom0kit.http_client import Response, WebError
from dom0kit.machine_identity import Identity
from dom0kit.support_bundle import pack, tail
from dom0kit.webhook import Target, Webhook

WHO = Identity("52:54:00:12:34:56", "4c4c4544", "SN 1", "xen1")
PAUSE = webhook.pause
TARGET = Target("http://server/{mac}/{host}", token="tok-SECRET")


class Server:
    """Takes messages, or fails as its list says: a status, a kind of error, or None for well."""

    def __init__(self, *script: int | str | None) -> None:
        self.script = list(script)
        self.calls: list[tuple[str, bytes, dict[str, str]]] = []

    def __call__(self, method: str, url: str, *, body: bytes, headers: dict[str, str], **_: Any) -> Response:
        self.calls.append((url, body, headers))
        what = self.script.pop(0) if self.script else None
        if isinstance(what, str):
            raise WebError(what, f"it is {what}")  # type: ignore[arg-type]
        return Response(what or 204, b"")


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "pause", lambda tries: 0.01)


def a_hook(server: Server, **settings: Any) -> tuple[Webhook, list[str]]:
    notes: list[str] = []
    return Webhook(WHO, post=server, note=notes.append, **{"target": TARGET, **settings}), notes


def events(server: Server) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body, headers in server.calls if headers["Content-Type"] == "application/json"]


def test_events_arrive_in_order_with_their_sender() -> None:
    server = Server()
    hook, _ = a_hook(server)
    reporter = Reporter("installer", [hook])
    reporter.emit("started")
    with reporter.step("copy") as step:
        step.progress(0.5)
    reporter.emit("retrying", name="pool")
    reporter.emit("finished", installed=True)
    assert hook.flush(5)
    kinds = [(e["event"], e["n"]) for e in events(server)]
    assert kinds == [("started", 1), ("step", 2), ("step", 3), ("retrying", 4), ("finished", 5)]
    first = events(server)[0]
    assert (first["host"], first["mac"], first["uuid"], first["serial"]) == ("xen1", "52:54:00:12:34:56", "4c4c4544", "SN 1")
    assert len({e["run"] for e in events(server)}) == 1
    assert server.calls[0][0] == "http://server/52-54-00-12-34-56/xen1"
    assert server.calls[0][2]["Authorization"] == "Bearer tok-SECRET"
    assert "tok-SECRET" not in repr(TARGET)


def test_only_an_installed_host_finishes() -> None:
    server = Server()
    hook, _ = a_hook(server)
    Reporter("installer", [hook]).emit("finished", installed=False)
    assert hook.flush(5)
    assert events(server)[0]["event"] == "note"


def test_passing_failures_are_tried_again_and_final_ones_are_not() -> None:
    server = Server("connect", 503, 429, None, 403, None)
    hook, notes = a_hook(server)
    reporter = Reporter("installer", [hook])
    reporter.emit("started")
    reporter.emit("note", text="x")
    reporter.emit("finished")
    assert not hook.flush(5)
    assert [e["event"] for e in events(server)] == ["started"] * 4 + ["note", "finished"]
    assert hook.lost == 1
    assert any("403" in note for note in notes)
    assert not any("tok-SECRET" in note for note in notes)


def test_a_dead_server_is_given_up_in_time() -> None:
    server = Server(*["timeout"] * 10000)
    # With a clock that stands still the sending thread never gives up first, however busy the machine is.
    hook, notes = a_hook(server, clock=lambda: 0.0)
    hook({"event": "failed"})
    assert not hook.flush(0.1)
    assert hook.lost == 1
    assert any("1 reports could not be delivered" in note for note in notes)


def test_a_message_has_a_limit_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "MESSAGE_SECONDS", 0.05)
    server = Server(*["connect"] * 10000)
    hook, notes = a_hook(server)
    hook({"event": "started"})
    assert not hook.flush(5)
    assert "given up after" in notes[-1]


def test_what_waits_goes_to_the_target_that_comes_later() -> None:
    server = Server()
    hook, _ = a_hook(server, target=None)
    hook({"event": "started"})
    assert hook.flush(0)
    assert server.calls == []
    hook.aim(TARGET)
    assert hook.flush(5)
    assert len(server.calls) == 1


def test_held_until_released() -> None:
    server = Server()
    hook, _ = a_hook(server, held=True)
    hook({"event": "started"})
    time.sleep(0.05)
    assert server.calls == []
    hook.release()
    assert hook.flush(5)
    assert len(server.calls) == 1


def test_a_full_queue_drops_steps_and_never_first_and_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "QUEUE", 3)
    server = Server()
    hook, _ = a_hook(server, held=True)
    for kind in ("started", "step", "step", "step", "failed"):
        hook({"event": kind})
    assert not hook.flush(5)
    assert [e["event"] for e in events(server)] == ["started", "step", "failed"]
    assert hook.lost == 2


def test_a_sink_that_is_busy_takes_no_time() -> None:
    free = threading.Event()

    def slow(*_: Any, **__: Any) -> Response:
        free.wait(5)
        return Response(200, b"")

    hook = Webhook(WHO, target=TARGET, post=slow)
    begin = time.monotonic()
    for _ in range(50):
        hook({"event": "step"})
    assert time.monotonic() - begin < 0.5
    free.set()
    assert hook.flush(5)


def test_over_the_wire_with_a_bundle() -> None:
    got: list[Seen] = []

    def answer(seen: Seen) -> Reply:
        got.append(seen)
        return Reply(204)

    data = pack({"a.txt": "text"}, redact=str.upper, folder="f", clock=1)
    with serve(answer) as url:
        hook = Webhook(WHO, target=Target(url + "/report", token="t1"))
        hook({"event": "failed", "text": "no disk"})
        hook.bundle(data)
        assert hook.flush(10)
    assert [seen.headers["Content-Type"] for seen in got] == ["application/json", "application/gzip"]
    assert json.loads(got[0].body)["text"] == "no disk"
    assert got[1].headers["X-Dom0kit-Host"] == "xen1"
    assert got[1].headers["X-Dom0kit-Run"] == hook.run
    with tarfile.open(fileobj=io.BytesIO(got[1].body)) as tar:
        file = tar.extractfile("f/a.txt")
        assert file is not None
        assert file.read() == b"TEXT"


def test_a_bundle_is_bounded_and_cut_at_lines() -> None:
    noise = "\n".join(f"{random.random()}" for _ in range(20000))
    data = pack({"big": noise, "small": "x"}, redact=lambda text: text, folder="f", clock=1, largest=20000)
    assert len(data) <= 20000
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        file = tar.extractfile("f/big")
        assert file is not None
        lines = file.read().decode().splitlines()
    assert lines[0].startswith("...")
    assert lines[-1] == noise.splitlines()[-1]
    assert lines[1] in noise.splitlines()
    assert tail("short", 100) == "short"
    again = pack({"big": noise, "small": "x"}, redact=lambda text: text, folder="f", clock=1, largest=20000)
    assert again == data


def test_pauses_double() -> None:
    assert [PAUSE(n) for n in (1, 2, 3, 6, 7, 100)] == [1, 2, 4, 30, 30, 30]


def test_a_flush_without_time_hands_nothing_to_the_thread() -> None:
    server = Server()
    hook, notes = a_hook(server, held=True)
    Reporter("firstboot", [hook]).emit("started")
    assert not hook.flush(0)
    assert hook._thread is None
    assert server.calls == []
    assert hook.lost == 1
    assert "1 reports could not be delivered" in notes[0]
