"""Screens for a host that is on the disks: what is offered, what is said, how it is carried out."""

from __future__ import annotations

import dataclasses
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from screen_samples import FACTS, state

from answerfiles.model import HostTask
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from installer import host_tasks
from installer.command_log import Commands
from installer.host_tasks import HostTasks, Offer
from installer.model.hardware import Facts
from installer.session import Session
from installer.tui import flow, install
from installer.tui.main import offers_on
from installer.tui.operations.operations import Operations
from installer.tui.pages import kept_host, welcome
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, Form, Problem, Radio, Reply, Update
from installer.tui.toolkit.text_terminal import draw

TASK = HostTask(version=1, mode="upgrade")
OFFER = Offer("xen1", "Upgrade the host xen1 (0.1.0-abababab) on /dev/sda", "upgrade xen1\nkeeps: its settings", True, TASK)
REFUSED = dataclasses.replace(
    OFFER, host_name="xen2", label="Upgrade the host xen2 " + "x" * 90, text="it is full", possible=False
)


def with_offers(what: str = "host-0") -> State:
    return state(offers=(OFFER, REFUSED)).with_values({"action.what": what})


def test_hosts_on_the_disks_are_offered() -> None:
    offered = next(item for item in welcome.what(with_offers()).items if isinstance(item, Radio))
    assert [key for key, _ in offered.options] == ["install", "host-0", "host-1", "rescue"]
    assert offered.options[1][1] == OFFER.label
    assert len(offered.options[2][1]) <= welcome.CHOICE
    many = state(offers=(OFFER,) * 20)
    assert len(next(item for item in welcome.what(many).items if isinstance(item, Radio)).options) == welcome.MOST_OFFERS + 2
    draw(welcome.what(many), "")


def test_a_host_that_is_kept_has_no_more_questions() -> None:
    where = with_offers()
    assert flow.next_screen(where, "what") == "host"
    assert flow.next_screen(where, "host") is None
    assert flow.previous_screen(where, "host") == "what"
    install_one = with_offers("install")
    assert flow.next_screen(install_one, "what") != "host"


def test_what_would_be_done_is_said_first() -> None:
    form = kept_host.host(with_offers())
    text = "\n".join(draw(form, ""))
    assert "keeps: its settings" in text
    assert form.default == BACK
    assert kept_host.submit(with_offers(), {}) == with_offers()


def test_why_a_host_cannot_be_upgraded() -> None:
    form = kept_host.host(with_offers("host-1"))
    assert "it is full" in "\n".join(draw(form, ""))
    problems = kept_host.submit(with_offers("host-1"), {})
    assert isinstance(problems, list)
    assert isinstance(problems[0], Problem)


@dataclass
class Person:
    """A terminal; ``buttons`` are pressed one after the other, a live form is left to itself."""

    buttons: list[str]
    titles: list[str] = field(default_factory=list)
    shown: str = ""
    looking: threading.Event = field(default_factory=threading.Event)

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        self.titles.append(form.title)
        self.looking.set()
        self.shown += "\n".join(draw(form, problem))
        while update is not None:
            news = update()
            if news and news.done:
                return Reply(news.done, form.values())
        return Reply(self.buttons.pop(0), form.values())

    def set_status(self, text: str) -> None:
        """Accept any text."""

    def show_message(self, title: str, text: str) -> None:
        """Accept any message."""


@dataclass
class Prepared:
    error: UserError | None = None
    host_name: str = "xen1"
    disk: str = "/dev/sda"
    steps: tuple[str, ...] = ("copy",)

    def render(self) -> str:
        return "upgrade xen1"

    def to_json(self) -> dict[str, Any]:
        return {}

    def carry_out(self, session: Session) -> Any:
        if self.error is not None:
            raise self.error
        with session.reporter.step("copy"):
            pass

        @dataclass
        class Done:
            text: str = "xen1 tries 0.2.0 at its next start"
            changed: bool = True
            warnings: tuple[str, ...] = ("repaired: the boot menu",)

        return Done()


def run(person: Person, folder: Path, monkeypatch: pytest.MonkeyPatch, error: UserError | None = None) -> tuple[str, list[str]]:
    started: list[str] = []
    monkeypatch.setattr(host_tasks, "collect_facts", lambda answers, session: FACTS)
    monkeypatch.setattr(install, "start_disk", lambda disk, session: started.append(disk))

    def session() -> Session:
        return Session(Reporter("installer", []), Commands((folder / "installer.log").open("a")), io.StringIO(), folder)

    def prepare(task: HostTask, facts: Facts, session: Session) -> Prepared:
        assert task == TASK
        assert session.confirmed
        # Work that ends before the screen is drawn shows no progress.
        assert person.looking.wait(60)
        return Prepared(error)

    operations = Operations(person, Commands(io.StringIO()), lambda: FACTS)
    return install.keep_host(person, operations, with_offers(), prepare, session), started


def test_a_host_is_upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(["shell", "reboot"])
    assert run(person, tmp_path, monkeypatch) == ("reboot", ["/dev/sda"])
    assert person.titles == ["Working on xen1", "The host is ready", "The host is ready"]
    assert "xen1 tries 0.2.0 at its next start" in person.shown
    assert "repaired: the boot menu" in person.shown


def test_a_failure_says_what_the_host_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(["retry", BACK])
    assert run(person, tmp_path, monkeypatch, UserError("the disk is full"))[0] == BACK
    assert person.titles.count("The work on the host failed") == 2
    assert "The host starts the image that it started before" in " ".join(person.shown.split())


def test_disks_that_cannot_be_read_offer_nothing(tmp_path: Path) -> None:
    def find(facts: Facts, session: Session) -> list[Offer]:
        raise UserError("no manifest")

    session = Session(Reporter("installer", []), Commands(io.StringIO()), io.StringIO(), tmp_path)
    assert offers_on(FACTS, HostTasks(host_tasks.refuse_tasks, find), session) == ()
    assert offers_on(FACTS, None, session) == ()
    assert NEXT in [key for key, _ in kept_host.host(state()).buttons]
