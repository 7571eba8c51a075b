"""Tasks for a host on the disks, up to the decision and after the work: reports, ends, failures."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from fake_runner import FakeRunner
from installer_samples import facts

from answerfiles.model import HostTask
from answerfiles.model.san import San
from dom0kit.errors import UserError
from dom0kit.events import Event, Reporter
from installer import after_failure, host_tasks
from installer import session as sessions
from installer.cli import answers_from
from installer.command_log import Commands
from installer.host_tasks import Done, KeptHost, refuse_tasks, run_task, storage_answers
from installer.model.hardware import Facts
from installer.session import Session, guarded

TASK = HostTask(version=1, mode="upgrade", host_name="xen1", on_failure="reboot")


@dataclass
class FakeDone:
    text: str = "xen1 tries 0.2.0"
    changed: bool = True
    warnings: list[str] = field(default_factory=lambda: ["a warning"])


@dataclass
class FakePrepared:
    host_name: str = "xen1.example"
    disk: str = "/dev/sda"
    error: UserError | None = None

    def render(self) -> str:
        return "upgrade xen1"

    def to_json(self) -> dict[str, Any]:
        return {"mode": "upgrade"}

    def carry_out(self, session: Session) -> Done:
        if self.error is not None:
            raise self.error
        return FakeDone()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[Event]) -> Session:
    monkeypatch.setattr(sessions, "collect", lambda loops: facts())
    monkeypatch.setattr(sessions, "CMDLINE", tmp_path / "cmdline")
    for module in (host_tasks, after_failure, sessions):
        monkeypatch.setattr(module, "MEDIUM", str(tmp_path))
    monkeypatch.setattr("installer.storage_network.bring_up.bring_up", lambda *arguments: ())
    runner = FakeRunner({"": ""})
    return Session(Reporter("installer", [events.append]), Commands(io.StringIO(), runner), io.StringIO(), tmp_path, tmp_path)


def calls(session: Session) -> list[str]:
    runner = session.commands.runner
    assert isinstance(runner, FakeRunner)
    return runner.calls


def prepare(task: HostTask, found: Facts, session: Session) -> FakePrepared:
    assert task == TASK
    assert found.disks
    return FakePrepared()


def test_a_task_starts_the_hosts_disk_afterwards(session: Session, events: list[Event]) -> None:
    assert run_task(TASK, session, prepare) == 0
    assert events[-1]["event"] == "finished"
    assert (events[-1]["text"], events[-1]["unchanged"], events[-1]["warnings"]) == ("xen1 tries 0.2.0", False, ["a warning"])
    assert session.reports.webhook.identity.host == "xen1.example"
    assert any("start.env" in call for call in calls(session))
    assert calls(session)[-1] == "systemctl reboot"


def test_only_the_plan(session: Session, events: list[Event]) -> None:
    assert run_task(TASK, session, prepare, plan_only=True) == 0
    assert events[-1]["installed"] is False
    assert not any("systemctl" in call for call in calls(session))


def test_a_host_that_stays_as_it_is_is_started(session: Session, events: list[Event]) -> None:
    """A medium that stays in the machine must not keep a host down that has refused its image."""

    def kept(task: HostTask, found: Facts, session: Session) -> FakePrepared:
        raise KeptHost("xen1", "/dev/sda", UserError("0.2.0 has failed", "set force"))

    assert run_task(TASK, session, kept) == 0
    assert (events[-1]["event"], events[-1]["unchanged"]) == ("finished", True)
    assert "0.2.0 has failed" in events[-1]["text"]
    assert calls(session)[-1] == "systemctl reboot"


def test_a_failure_after_the_host_was_found_starts_its_disk(session: Session, events: list[Event]) -> None:
    failing = FakePrepared(error=UserError("the disk is full"))
    assert guarded(session, lambda: run_task(TASK, session, lambda *arguments: failing)) == 1
    assert events[-1]["text"] == "the disk is full"
    assert session.start_on_failure == "/dev/sda"
    after_failure.after_failure(session)
    assert any("start.env" in call for call in calls(session))
    assert calls(session)[-1] == "systemctl reboot"


def test_the_installer_alone_refuses_tasks(session: Session) -> None:
    with pytest.raises(UserError, match="cannot carry out 'mode: upgrade'"):
        refuse_tasks(TASK, facts(), session)


def test_storage_networks_are_brought_up_as_for_an_installation(session: Session, tmp_path: Path) -> None:
    answers = storage_answers(TASK.model_copy(update={"san": San(multipath="required")}))
    assert answers.san.multipath == "required"
    path = tmp_path / "task.yaml"
    path.write_text("version: 1\nmode: upgrade\n")
    assert answers_from(str(path), session) == HostTask(version=1, mode="upgrade")
