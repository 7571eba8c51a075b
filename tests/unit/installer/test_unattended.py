"""The unattended entry without answers, with bad ones, and the questions of the command."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from installer_samples import answers, facts, manifest_text

from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from installer import session as sessions
from installer import unattended as entry
from installer.answer_source.source import Fetched
from installer.command_log import Commands
from installer.session import Session, guarded
from programs.build_machine import main


def a_session(tmp_path: Path, events: list[Event]) -> Session:
    return Session(Reporter("installer", [events.append]), Commands(io.StringIO()), io.StringIO(), tmp_path, tmp_path)


def test_no_answers(tmp_path: Path) -> None:
    events: list[Event] = []
    session = a_session(tmp_path, events)
    assert entry.unattended(session, "boot=dom0kit dom0kit.mode=install") == 0
    assert isinstance(session.out, io.StringIO)
    assert "dom0kit install --answers FILE" in session.out.getvalue()
    assert events == []


def test_a_bad_source_is_a_failed_event(tmp_path: Path) -> None:
    events: list[Event] = []
    session = a_session(tmp_path, events)
    assert guarded(session, lambda: entry.unattended(session, "dom0kit.answers=ftp://x/y")) == 1
    assert events[-1]["event"] == "failed"
    assert "is not supported" in events[-1]["text"]


def test_plan_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Event] = []
    session = a_session(tmp_path, events)
    (tmp_path / "manifest.json").write_text(manifest_text())
    monkeypatch.setattr(sessions, "collect", lambda loops: facts())
    monkeypatch.setattr(entry, "read_links", lambda runner: [])
    monkeypatch.setattr(entry, "fetch", lambda *arguments: Fetched("", "a.yaml"))
    monkeypatch.setattr(entry, "read_fetched", lambda fetched, redactor: answers())
    monkeypatch.setattr(entry, "carry_out", lambda plan, session: pytest.fail("touched the disk"))
    assert entry.unattended(session, "dom0kit.answers=/a.yaml dom0kit.plan-only") == 0
    assert isinstance(session.out, io.StringIO)
    assert "install dom0kit 0.1.0 as xen1" in session.out.getvalue()
    assert events[-1]["event"] == "finished"
    assert events[-1]["installed"] is False


def test_command_refuses_without_yes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "manifest.json").write_text(manifest_text())
    monkeypatch.setattr(sessions, "collect", lambda loops: facts())
    monkeypatch.setattr("installer.cli.answers_from", lambda text, session: answers())
    words = ["install", "--answers", "a.yaml", "--image", str(tmp_path), "--logs", str(tmp_path / "logs")]
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    assert main(words) == 1
    assert "use --yes" in capsys.readouterr().out
    assert main([*words, "--plan-only", "--json"]) == 0
    assert '"system_uuid"' in capsys.readouterr().out


def test_a_failure_before_the_session_is_an_event_too(tmp_path: Path) -> None:
    port = tmp_path / "port"
    port.touch()
    entry.report_failure(UserError("cannot write logs", "install as root"), port)
    event = json.loads(port.read_text())
    assert (event["event"], event["source"], event["text"]) == ("failed", "installer", "cannot write logs")
    entry.report_failure(UserError("no port"), tmp_path / "none")
    assert not (tmp_path / "none").exists()
