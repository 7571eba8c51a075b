"""The user's scripts: all of them are there and right before anything happens, and their exit codes count."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from fake_runner import Call, Ended, FakeRunner
from installer_samples import answers

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from dom0kit.http_client import SYSTEM, WebError
from installer import user_scripts
from installer.command_log import Commands

TEXT = b"#!/bin/sh\necho hi\n"
SHA = hashlib.sha256(TEXT).hexdigest()


def with_scripts(*entries: str) -> Any:
    return answers(more="scripts:\n" + "".join(f"  - {{{entry}}}\n" for entry in entries))


def test_all_stages_are_fetched_and_first_boot_scripts_are_carried() -> None:
    given = with_scripts(
        'stage: start, content: "#!/bin/sh"',
        f"stage: written, url: 'http://s/w', sha256: {SHA}, timeout: 7",
        "stage: first-boot, url: 'https://s/f'",
    )
    asked: list[str] = []

    def get(url: str, **_: Any) -> bytes:
        asked.append(url)
        return TEXT

    host, ready = user_scripts.prepare(given, lambda url: SYSTEM, get=get)
    assert asked == ["http://s/w", "https://s/f"]
    assert [(r.title, r.stage, r.seconds) for r in ready] == [
        ("script 1 (start)", "start", 600),
        ("script 2 (written)", "written", 7),
    ]
    kept = json.loads(host.to_json())["scripts"][2]
    assert (kept["content"], kept["url"]) == (TEXT.decode(), None)
    # What the host keeps is valid as answers again.
    assert type(host).model_validate_json(host.to_json(reveal=True)) == host


def test_another_checksum_and_no_script() -> None:
    given = with_scripts(f"stage: written, url: 'http://s/w', sha256: {SHA}")
    with pytest.raises(UserError, match=f"expected {SHA}, found"):
        user_scripts.prepare(given, lambda url: SYSTEM, get=lambda url, **_: TEXT + b"\n")
    given = with_scripts("stage: written, url: 'https://s/w'")
    with pytest.raises(UserError, match="must name the interpreter"):
        user_scripts.prepare(given, lambda url: SYSTEM, get=lambda url, **_: b"<html>")
    given = with_scripts("stage: first-boot, url: 'https://s/w'")
    with pytest.raises(UserError, match="not text in UTF-8"):
        user_scripts.prepare(given, lambda url: SYSTEM, get=lambda url, **_: b"\x7fELF\xff")


def test_passing_failures_are_tried_again() -> None:
    given = with_scripts("stage: written, url: 'https://s/w'")
    failures = [WebError("connect", "no"), WebError("status", "503", "", 503)]
    slept: list[float] = []

    def get(url: str, **_: Any) -> bytes:
        if failures:
            raise failures.pop()
        return TEXT

    _, ready = user_scripts.prepare(given, lambda url: SYSTEM, get=get, sleep=slept.append)
    assert ready[0].content == TEXT
    assert slept == [1, 2]
    failures[:] = [WebError("status", "404", "look", 404)]
    with pytest.raises(UserError, match=r"script 1 \(written\) cannot be fetched: 404"):
        user_scripts.prepare(given, lambda url: SYSTEM, get=get, sleep=slept.append)


def test_a_stage_runs_its_scripts_until_one_fails() -> None:
    ran: list[tuple[str, str]] = []

    def script(call: Call) -> Ended:
        text = Path(call.argv[-2]).read_text()
        ran.append((text.splitlines()[1], call.env["DOM0KIT_STAGE"] + call.env["X"]))
        return Ended(3 if "bad" in text else 0, seconds=0.1)

    runner = FakeRunner({"timeout": script})

    given = with_scripts(
        *(
            f'stage: {stage}, content: "#!/bin/sh\\n{name}"'
            for stage, name in (("start", "a"), ("complete", "b"), ("start", "bad"), ("start", "never"))
        )
    )
    _, ready = user_scripts.prepare(given, lambda url: SYSTEM)
    events: list[Event] = []
    reporter = Reporter("installer", [events.append])
    with pytest.raises(UserError, match=r"script 3 \(start\) ended with exit code 3"):
        user_scripts.run_stage(ready, "start", {"X": "1"}, Commands(io.StringIO(), runner), reporter.step)
    assert ran == [("a", "start1"), ("bad", "start1")]
    assert [e["state"] for e in events] == ["started", "finished", "started", "failed"]
