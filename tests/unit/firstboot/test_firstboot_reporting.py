"""First boot reports to the webhook once the network is up, and runs the user's scripts once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_runner import Call, Ended, FakeRunner

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.http_client import Response
from firstboot import user_scripts
from firstboot.host import Host
from firstboot.reporting import Reports, attach
from firstboot.step_records import StepRecords
from firstboot.steps.steps import STEPS

TOKEN = "tok-SECRET-12345678"


class Posts:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.tokens: set[str] = set()

    def __call__(self, method: str, url: str, *, body: bytes, headers: dict[str, str], **_: Any) -> Response:
        self.events.append(json.loads(body))
        self.tokens.add(headers["Authorization"])
        return Response(204, b"")


def attached(host: Host) -> tuple[Reporter, Reports, Posts, list[Event]]:
    seen: list[Event] = []
    reporter = Reporter("firstboot", [seen.append])
    reports = attach(host, reporter)
    posts = Posts()
    if reports.hook is not None:
        reports.hook._post = posts
    return reporter, reports, posts, seen


def test_events_wait_for_the_network(host: Host, host_answers: dict[str, Any]) -> None:
    host.host_json["reports"] = {"webhook": {"url": "http://s/{mac}", "token": TOKEN, "fingerprint": None}}
    reporter, reports, posts, seen = attached(host)
    reporter.emit("started", host=host.name)
    with reporter.step("identity"):
        pass
    assert posts.events == []
    with reporter.step("address"):
        pass
    reporter.emit("failed", text=f"no log-in with {TOKEN}")
    assert reports.close() == 0
    assert [e["event"] for e in posts.events] == ["started", "step", "step", "step", "step", "failed"]
    assert {e["source"] for e in posts.events} == {"firstboot"}
    assert {e["host"] for e in posts.events} == {"xen1.example.net"}
    assert "log" in posts.events[-1]
    assert posts.tokens == {f"Bearer {TOKEN}"}
    assert TOKEN not in json.dumps([posts.events, seen])


def test_a_host_without_address_waits_for_nothing(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.host_json["reports"] = {"webhook": {"url": "http://s/", "token": TOKEN}}
    monkeypatch.setattr(Host, "address", lambda self: None)
    reporter, reports, posts, _ = attached(host)
    with reporter.step("address"):
        pass
    assert reports.close() == 2
    assert posts.events == []


def test_a_host_without_webhook_and_one_without_answers(host: Host, tmp_path: Path) -> None:
    reporter, reports, _, seen = attached(host)
    reporter.emit("started", hash=host.host_json["root"]["password_hash"])
    assert reports.close() == 0
    assert seen[0]["hash"] == "********"
    assert attach(Host(tmp_path / "none"), Reporter("firstboot")).hook is None


class Scripts:
    """User scripts that end with the given exit codes, one after the other, and then with 0."""

    def __init__(self, *codes: int) -> None:
        self.codes, self.ran = list(codes), list[str]()
        self.runner = FakeRunner({"timeout": self.run})

    def run(self, call: Call) -> Ended:
        self.ran.append(Path(call.argv[-2]).read_text().splitlines()[-1] + " " + call.env["DOM0KIT_HOST"])
        Path(call.argv[-1]).write_text(f"said {TOKEN}\n")
        return Ended(self.codes.pop(0) if self.codes else 0, seconds=0.1)


def test_scripts_run_once_each_and_a_failure_is_tried_again(host: Host) -> None:
    host.host_json["reports"] = {"webhook": {"token": TOKEN}}
    host.host_json["scripts"] = [
        {"stage": "start", "content": "#!/bin/sh\nnever"},
        {"stage": "first-boot", "content": "#!/bin/sh\none", "timeout": 5},
        {"stage": "first-boot", "content": "#!/bin/sh\ntwo"},
    ]
    ended = Scripts(0, 7)
    with pytest.raises(UserError, match=r"script 3 \(first-boot\) ended with exit code 7") as caught:
        user_scripts.scripts(host, ended.runner)
    assert TOKEN not in str(caught.value)
    user_scripts.scripts(host, ended.runner)
    user_scripts.scripts(host, ended.runner)
    assert ended.ran == ["one xen1.example.net", "two xen1.example.net", "two xen1.example.net"]
    log = host.path(user_scripts.LOG)
    assert "said ********" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_script_without_content(host: Host) -> None:
    host.host_json["scripts"] = [{"stage": "first-boot", "url": "http://s/x"}]
    with pytest.raises(UserError, match="no content for script 1"):
        user_scripts.scripts(host, FakeRunner())


def test_the_step_comes_after_services_and_before_the_confirmation(host: Host) -> None:
    names = [step.name for step in STEPS]
    assert names.index("services") < names.index("scripts") < names.index("confirm")
    assert "scripts" in STEPS[-1].needs
    assert StepRecords(host.root).read("scripts") is None
