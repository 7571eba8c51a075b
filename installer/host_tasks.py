"""Tasks for a host that is on the disks: the installer's part, up to the decision and after the work.

What upgrades a host is not the installer's own: the programs hand it in as :data:`Prepare`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from answerfiles.model import Answers, DiskSelector, HostTask, Root, Target
from dom0kit.errors import UserError
from dom0kit.events import Reporter
from installer.model.hardware import MEDIUM, Facts
from installer.reporting import refuse_references, to_text
from installer.session import END, Session, collect_facts, only_planned
from installer.start_disk import request_start

EFI = Path("/sys/firmware/efi")


class Prepared(Protocol):
    """A task that is decided and checked, as far as that is possible without writing."""

    @property
    def host_name(self) -> str:
        """Return the host's name."""
        ...

    @property
    def disk(self) -> str:
        """Return the path of the disk to start afterwards."""
        ...

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the titles of the steps in order."""
        ...

    def render(self) -> str:
        """Return what is done and what is kept, as readable text."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the same as plain values."""
        ...

    def carry_out(self, session: Session) -> Done:
        """Do it.

        :raises UserError: when it fails; the host starts the image then that it started before.
        """
        ...


class Done(Protocol):
    """The result of a task."""

    @property
    def text(self) -> str:
        """Return the result in a sentence."""
        ...

    @property
    def changed(self) -> bool:
        """Return whether the host was changed."""
        ...

    @property
    def warnings(self) -> list[str]:
        """Return what will work badly."""
        ...


class KeptHost(UserError):
    """A host stays as it is, because the task was carried out before or has failed on it; its disk is to be started.

    :ivar host_name: the host's name.
    :ivar disk: path of its first disk.
    """

    def __init__(self, host_name: str, disk: str, error: UserError) -> None:
        super().__init__(error.message, error.hint)
        self.host_name = host_name
        self.disk = disk


Prepare = Callable[[HostTask, Facts, Session], Prepared]
"""Find the host that a task means and check the task; raise UserError when there is none, or it cannot be done."""


@dataclass(frozen=True)
class Offer:
    """A host on the disks that the screens offer to upgrade.

    :param host_name: its name.
    :param label: what is offered, in a line.
    :param text: what would be done and is kept; or why it cannot be done.
    :param possible: whether it can be done.
    """

    host_name: str
    label: str
    text: str
    possible: bool
    task: HostTask


FindOffers = Callable[[Facts, Session], list[Offer]]
"""Find the hosts on the disks; nothing is written."""


@dataclass(frozen=True)
class HostTasks:
    """What carries out tasks: handed to the screens by the program."""

    prepare: Prepare
    find_offers: FindOffers


def refuse_tasks(task: HostTask, facts: Facts, session: Session) -> Prepared:
    """Reject a task, in a program that has nothing to carry it out.

    :raises UserError: always.
    """
    raise UserError(f"this program cannot carry out 'mode: {task.mode}'", "run the installer of an ISO or of a network boot")


def adopt_task(task: HostTask, session: Session) -> None:
    """Apply a task's settings for reports and failures.

    :raises UserError: when a secret is a reference.
    """
    session.reports.adopt(task)
    session.on_failure = task.on_failure
    refuse_references(task)


def storage_answers(task: HostTask) -> Answers:
    """Return answers of an installation with a task's storage networks: by them disks and paths are brought up."""
    rule = task.target.selectors()[0] if task.target is not None else DiskSelector(multipath="required")
    return Answers(version=1, host_name="host", target=Target(disk=rule), root=Root(ask=True), san=task.san)


def prepare_task(task: HostTask, session: Session, prepare: Prepare) -> Prepared:
    """Collect facts, find the host and check the task; nothing is written.

    :raises UserError: when the host is not found, or the task cannot be done.
    """
    facts = collect_facts(storage_answers(task), session)
    session.commands.note(facts.render())
    session.reports.texts["facts.json"] = to_text(facts.to_json())
    with session.reporter.step("find the host"):
        prepared = prepare(task, facts, session)
    session.reports.name_host(prepared.host_name)
    session.commands.note(prepared.render())
    session.reports.texts["plan.json"] = to_text(prepared.to_json())
    session.start_on_failure = prepared.disk
    return prepared


def carry_out_task(prepared: Prepared, session: Session) -> Done:
    """Carry out a task and report the result.

    :raises UserError: when it fails.
    """
    done = prepared.carry_out(session)
    session.say("\n" + session.reporter.time_table())
    for warning in done.warnings:
        session.say(f"warning: {warning}")
    session.say(f"{done.text}.")
    session.reporter.emit(
        "finished",
        text=done.text,
        seconds=total_seconds(session.reporter),
        warnings=done.warnings,
        installed=True,
        unchanged=not done.changed,
    )
    session.reports.flush(session.say)
    return done


def total_seconds(reporter: Reporter) -> float:
    """Return the duration of all steps in seconds."""
    return round(sum(seconds for _, seconds in reporter.times), 1)


def keep_host(task: HostTask, kept: KeptHost, session: Session, *, plan_only: bool) -> int:
    """Report why a host stays as it is, and start its disk: a medium that stays in the machine must not keep the host down."""
    session.say(f"\nNothing was changed: {kept}")
    if plan_only:
        return only_planned(session)
    session.reports.name_host(kept.host_name)
    text = f"nothing was changed: {kept.message}"
    session.reporter.emit("finished", text=text, seconds=0.0, warnings=[kept.hint], installed=True, unchanged=True)
    session.reports.flush(session.say)
    finish_task(task, kept.disk, session)
    return 0


def finish_task(task: HostTask, disk: str, session: Session) -> None:
    """End the live system as the task says; a restart starts the host's disk, whatever the firmware's boot order is.

    :param disk: path of the host's first disk.
    """
    command = END.get(task.finish)
    if command is None or not Path(MEDIUM).is_dir():
        session.say("The host is ready. Remove the medium and restart the machine, for example with 'systemctl reboot'.")
        return
    start_disk(disk, session)
    session.commands(command)


def start_disk(disk: str, session: Session) -> None:
    """Let the next restart boot a host's disk; say why when that is not possible."""
    if problem := request_start(disk, "uefi" if EFI.exists() else "bios", session.commands):
        session.say(f"warning: {problem}")


def run_task(task: HostTask, session: Session, prepare: Prepare, *, plan_only: bool = False) -> int:
    """Carry out a task without questions.

    :returns: exit code.
    :raises UserError: when it cannot be done, or fails.
    """
    adopt_task(task, session)
    try:
        prepared = prepare_task(task, session, prepare)
    except KeptHost as kept:
        return keep_host(task, kept, session, plan_only=plan_only)
    session.say(f"\n{prepared.render()}\n")
    if plan_only:
        return only_planned(session)
    carry_out_task(prepared, session)
    finish_task(task, prepared.disk, session)
    return 0
