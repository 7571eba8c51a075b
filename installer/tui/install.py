"""Run the installation that the screens have prepared, with a progress bar, and report the result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from dom0kit.errors import UserError
from dom0kit.events import Event
from installer.host_tasks import Prepare, adopt_task, carry_out_task, prepare_task, start_disk
from installer.session import CMDLINE, Session, adopt, carry_out, guarded, plan_for
from installer.tui.operations.operations import LOG, Operations
from installer.tui.pages import installation_progress, kept_host
from installer.tui.pages.installation_progress import Progress
from installer.tui.state import State, to_answers
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import Form, Update
from installer.tui.wizard import Terminal, show_form

OpenSession = Callable[[], Session]


@dataclass
class ProgressSink:
    """Event sink that keeps the progress and logs the steps among the commands."""

    progress: Progress
    note: Callable[[str], None]

    def __call__(self, event: Event) -> None:
        """Update the progress, and log steps and the end."""
        self.progress = self.progress.after(event)
        if event["event"] == "step":
            self.note(f"== {event['name']}: {event['state']}")
        elif event["event"] in ("finished", "failed"):
            self.note(f"== {event['event']}: {event.get('text', '')}")


Work = Callable[[Session, ProgressSink], None]
"""What is done in the background; it sets the steps of the progress once they are known."""


def install_once(
    terminal: Terminal, operations: Operations, state: State, session: Session, now: Callable[[], float] = time.time
) -> Progress:
    """Run the installation once in the background while the screen shows its progress.

    :returns: the final progress; ``failed`` is set if the installation failed.
    """

    def work(session: Session, sink: ProgressSink) -> None:
        # Facts are collected again: what has changed since the summary must not be overwritten.
        session.confirmed = True
        plan = plan_for(adopt(to_answers(state), session), session)
        sink.progress = Progress(plan.steps, sink.progress.started)
        session.reporter.emit("started", text=f"installing {plan.host_name} interactively")
        carry_out(plan, session)

    return run_once(terminal, operations, f"Installing {state.text('name.host')}", session, work, now=now)


def run_once(
    terminal: Terminal,
    operations: Operations,
    title: str,
    session: Session,
    work: Work,
    *,
    now: Callable[[], float] = time.time,
) -> Progress:
    """Work in the background while the screen shows the progress.

    :returns: the final progress; ``failed`` is set if the work failed.
    """
    sink = ProgressSink(Progress((), now()), session.commands.note)
    session.reporter.sinks.append(sink)

    def run() -> int:
        if operations.demo:
            raise UserError("the demonstration mode installs nothing", "start the installer without --demo")
        work(session, sink)
        return 0

    job = Job(lambda: guarded(session, run))

    def update() -> Update:
        shown = sink.progress
        # Wait for the job itself: it may still have work to do after its last event.
        return installation_progress.progress_update(shown, now()) if job.over or not shown.over else Update()

    while not job.over:
        reply = show_form(terminal, lambda: installation_progress.progress(title), update=update)
        if reply.button == "log":
            operations.select_window(LOG)
    try:
        code = job.result()
    except UserError as error:
        return Progress((), sink.progress.started, failed=error.message, hint=error.hint, over=True)
    progress = sink.progress
    if code and not progress.failed:
        return Progress((), progress.started, failed="The installation ended without an error message.", over=True)
    return progress


def keep_host(terminal: Terminal, operations: Operations, state: State, prepare: Prepare, open_session: OpenSession) -> str:
    """Upgrade the host on the disks that was chosen, until it succeeds or the user leaves.

    :returns: ``reboot`` or ``poweroff``; ``back`` to do something else.
    """
    offer = state.offer
    assert offer is not None

    def work(session: Session, sink: ProgressSink) -> None:
        session.confirmed = True
        adopt_task(offer.task, session)
        prepared = prepare_task(offer.task, session, prepare)
        sink.progress = Progress(prepared.steps, sink.progress.started)
        session.reporter.emit("started", text=f"working on {prepared.host_name} interactively")
        carry_out_task(prepared, session)
        start_disk(prepared.disk, session)

    while True:
        session = open_session()
        progress = run_once(terminal, operations, f"Working on {offer.host_name}", session, work)
        if not progress.failed:
            return _done(terminal, operations, partial(kept_host.done, offer.host_name), progress)
        choice = _failed(terminal, operations, state, progress, session, kept=True)
        if choice != "retry":
            return choice


def install(terminal: Terminal, operations: Operations, state: State, open_session: OpenSession) -> str:
    """Install until it succeeds or the user leaves.

    :returns: ``reboot`` or ``poweroff``; ``back`` to change the answers.
    """
    while True:
        session = open_session()
        progress = install_once(terminal, operations, state, session)
        if not progress.failed:
            return _done(terminal, operations, partial(installation_progress.done, state), progress)
        choice = _failed(terminal, operations, state, progress, session)
        if choice != "retry":
            return choice


def _failed(
    terminal: Terminal, operations: Operations, state: State, progress: Progress, session: Session, *, kept: bool = False
) -> str:
    def bundle() -> bytes:
        return session.reports.pack(session.logs, session.commands, CMDLINE.read_text())

    while True:
        reply = show_form(terminal, lambda: installation_progress.failure(progress, kept=kept))
        if reply.button == "save":
            operations.save_log(state, session.log, bundle)
        elif reply.button == "shell":
            operations.shell()
        else:
            return reply.button


def _done(terminal: Terminal, operations: Operations, form: Callable[[Progress, float], Form], progress: Progress) -> str:
    seconds = sum(seconds for _, seconds in progress.done)
    while True:
        reply = show_form(terminal, lambda: form(progress, seconds))
        if reply.button != "shell":
            return reply.button
        operations.shell()
