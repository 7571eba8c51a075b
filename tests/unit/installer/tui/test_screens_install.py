"""Progress out of events, the installation in the background, and what follows a failure."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from screen_samples import FACTS, MANIFEST, chosen

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from installer.command_log import Commands
from installer.plan.plan import Options, Plan, make_plan
from installer.session import Session
from installer.tui import install
from installer.tui.operations.operations import Operations
from installer.tui.pages import installation_progress
from installer.tui.pages.installation_progress import Progress
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import BACK, NEXT, Form, Reply, Update
from installer.tui.toolkit.text_terminal import draw

STEPS = ("stage the image", "copy the image", "make it bootable")


def play(*events: dict[str, Any]) -> Progress:
    progress = Progress(STEPS, 100.0)
    for event in events:
        progress = progress.after(event)
    return progress


def started(name: str) -> dict[str, Any]:
    return {"event": "step", "name": name, "state": "started"}


def finished(name: str, seconds: float = 1.5) -> dict[str, Any]:
    return {"event": "step", "name": name, "state": "finished", "seconds": seconds}


def test_progress_follows_the_steps() -> None:
    progress = play(started("stage the image"), finished("stage the image"), started("copy the image"))
    assert progress.current == "copy the image"
    assert progress.total_fraction() == pytest.approx(0.1)
    half = progress.after({"event": "progress", "name": "copy the image", "fraction": 0.5, "text": "dom0.squashfs"})
    assert half.total_fraction() == pytest.approx(0.5)
    update = installation_progress.progress_update(half, 165.0)
    assert update.texts["progress.now"] == "Step 2 of 3: copy the image 50%\ndom0.squashfs"
    assert update.texts["progress.time"] == "Elapsed: 1 min 05 s"
    assert "1.5 s  stage the image" in update.texts["progress.done"]
    assert update.done == ""


def test_progress_ends_with_success_or_failure() -> None:
    well = play({"event": "finished", "text": "done", "warnings": ["no cable"]})
    assert installation_progress.progress_update(well, 101.0).done == NEXT
    assert well.warnings == ("no cable",)
    badly = play(started("copy the image"), {"event": "failed", "text": "it broke", "hint": "fix it"})
    assert installation_progress.progress_update(badly, 101.0).done == "failed"
    assert (badly.failed, badly.hint, badly.current) == ("it broke", "fix it", "copy the image")


def test_final_screens_fit() -> None:
    many = Progress(STEPS, 0.0, warnings=tuple(f"warning {number} " + "words " * 30 for number in range(9)))
    broken = Progress(STEPS, 0.0, failed="it broke " * 60, hint="fix it " * 40, current="copy the image")
    for form in (
        installation_progress.progress("xen1"),
        installation_progress.done(chosen(), many, 75.0),
        installation_progress.failure(broken),
        installation_progress.failure(Progress((), 0)),
    ):
        draw(form, "x" * 200)
    assert "1 min 15 s" in str(installation_progress.done(chosen(), many, 75.0))
    static = chosen({"ip.v4": "static", "static.address": "192.0.2.10/24"})
    assert "ssh root@192.0.2.10" in str(installation_progress.done(static, many, 75.0))


def test_failure_reports_whether_a_disk_was_changed() -> None:
    early = play(started("check the image"), {"event": "failed", "text": "no"})
    assert "No disk was changed" in str(installation_progress.failure(early))
    late = play(started("wipe the disk"), finished("wipe the disk"), started("copy the image"), {"event": "failed", "text": "no"})
    assert "not bootable" in str(installation_progress.failure(late))


def test_a_job_keeps_its_result_or_its_error() -> None:
    job = Job(lambda: 42)
    assert job.wait(5)
    assert job.result() == 42

    def fail() -> int:
        raise UserError("no")

    bad = Job(fail)
    assert bad.wait(5)
    with pytest.raises(UserError, match="no"):
        bad.result()


@dataclass
class Person:
    """A terminal; ``buttons`` are pressed one after the other, a live form is left to itself."""

    buttons: list[str]
    titles: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    shown: str = ""

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        self.titles.append(form.title)
        self.shown += "\n".join(draw(form, problem))
        if update is None:
            return Reply(self.buttons.pop(0), form.values())
        pause = threading.Event()
        for _ in range(1000):
            news = update()
            if news and news.done:
                return Reply(news.done, form.values())
            pause.wait(0.01)
        raise AssertionError("the live form never ended")

    def set_status(self, text: str) -> None:
        """Accept any text."""

    def show_message(self, title: str, text: str) -> None:
        self.messages.append(text)


def sessions(folder: Path) -> Callable[[], Session]:
    def make() -> Session:
        log = (folder / "installer.log").open("a")
        return Session(Reporter("installer", []), Commands(log), io.StringIO(), folder)

    return make


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    def plan_for(answers: Answers, session: Session) -> Plan:
        return make_plan(FACTS, answers, MANIFEST, Options("/image", uuid.UUID(int=1)))

    monkeypatch.setattr(install, "plan_for", plan_for)


def effects(person: Person) -> Operations:
    def never() -> Any:
        raise AssertionError("the machine is not probed here")

    return Operations(person, Commands(io.StringIO()), never)


def test_a_successful_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def carry_out(plan: Any, session: Session) -> None:
        with session.reporter.step(plan.actions[0].title):
            pass
        session.reporter.emit("finished", text="done", warnings=["no cable"])

    monkeypatch.setattr(install, "carry_out", carry_out)
    person = Person(["shell", "reboot"])
    assert install.install(person, effects(person), chosen(), sessions(tmp_path)) == "reboot"
    assert person.titles == ["Installing xen1.example.org", "The host is installed", "The host is installed"]
    log = (tmp_path / "installer.log").read_text()
    assert "== stage the image: finished" in log or "finished" in log
    assert "== finished: done" in log


def test_a_failed_installation_can_be_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def carry_out(plan: Any, session: Session) -> None:
        tries.append(1)
        if len(tries) < 3:
            raise UserError("the disk is gone", "plug it in")
        session.reporter.emit("finished", text="done")

    monkeypatch.setattr(install, "carry_out", carry_out)
    person = Person(["retry", "shell", "retry", "poweroff"])
    assert install.install(person, effects(person), chosen(), sessions(tmp_path)) == "poweroff"
    assert person.titles.count("The installation failed") == 3
    assert len(tries) == 3


@pytest.mark.parametrize("wanted", [BACK, "reboot"])
def test_after_a_failure_the_answers_can_be_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str) -> None:
    def carry_out(plan: Any, session: Session) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(install, "carry_out", carry_out)
    person = Person([wanted])
    assert install.install(person, effects(person), chosen(), sessions(tmp_path)) == wanted


def test_invalid_answers_fail_with_a_message(tmp_path: Path) -> None:
    person = Person([BACK])
    broken = chosen({"disk.key": "/dev/sdb", "guests.group": "old", "guests.kind": "lvm", "card.key": "52:54:00:99:99:99"})
    assert install.install(person, effects(person), broken, sessions(tmp_path)) == BACK
    assert "52:54:00:99:99:99" in person.shown
