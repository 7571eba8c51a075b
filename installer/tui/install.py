"""Carries out what the screens have decided, with a progress bar; then says how it went."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from dom0kit.errors import UserError
from dom0kit.events import Event
from installer.session import CMDLINE, Session, adopt, carry_out, guarded, plan_for
from installer.tui.operations.operations import LOG, Effects
from installer.tui.pages import installation_progress
from installer.tui.pages.installation_progress import Progress
from installer.tui.state import State, to_answers
from installer.tui.toolkit.background_job import Job
from installer.tui.toolkit.forms import Update
from installer.tui.toolkit.wizard import Terminal, ask

OpenSession = Callable[[], Session]


@dataclass
class Follower:
    """A sink for events: keeps the progress, and puts the steps into the log beside the commands."""

    progress: Progress
    note: Callable[[str], None]

    def __call__(self, event: Event) -> None:
        self.progress = self.progress.after(event)
        if event["event"] == "step":
            self.note(f"== {event['name']}: {event['state']}")
        elif event["event"] in ("finished", "failed"):
            self.note(f"== {event['event']}: {event.get('text', '')}")


def attempt(
    terminal: Terminal, effects: Effects, state: State, session: Session, now: Callable[[], float] = time.time
) -> Progress:
    """Install once. The work is done in the background; this shows it and returns when it is over."""
    follower = Follower(Progress((), now()), session.commands.note)
    session.reporter.sinks.append(follower)

    def work() -> int:
        def install() -> int:
            if effects.demo:
                raise UserError("this is a demonstration: nothing is installed", "start without --demo")
            # The machine is looked at once more: what has changed since the summary must not be written over.
            plan = plan_for(adopt(to_answers(state), session), session)
            follower.progress = Progress(plan.steps, follower.progress.started)
            session.reporter.emit("started", text=f"installing {plan.host_name} by the screens")
            carry_out(plan, session)
            return 0

        return guarded(session, install)

    job = Job(work)

    def update() -> Update:
        shown = follower.progress
        # The job's own end counts: after its last event it may still have something to do.
        return installation_progress.progress_update(shown, now()) if job.over or not shown.over else Update()

    while not job.over:
        reply = ask(terminal, lambda: installation_progress.progress(state.text("name.host")), update=update)
        if reply.button == "log":
            effects.window(LOG)
    try:
        code = job.result()
    except UserError as error:
        return Progress((), follower.progress.started, failed=error.message, hint=error.hint, over=True)
    progress = follower.progress
    if code and not progress.failed:
        return Progress((), progress.started, failed="The installation ended without saying why.", over=True)
    return progress


def install(terminal: Terminal, effects: Effects, state: State, open_session: OpenSession) -> str:
    """Install, until it is well or the person wants something else.

    :returns: ``reboot`` or ``poweroff``; ``back`` to change the answers.
    """
    while True:
        session = open_session()
        progress = attempt(terminal, effects, state, session)
        if not progress.failed:
            return _done(terminal, effects, state, progress)
        wanted = _failed(terminal, effects, state, progress, session)
        if wanted != "retry":
            return wanted


def _failed(terminal: Terminal, effects: Effects, state: State, progress: Progress, session: Session) -> str:
    def bundle() -> bytes:
        return session.reports.pack(session.logs, session.commands, CMDLINE.read_text())

    while True:
        reply = ask(terminal, lambda: installation_progress.failure(progress))
        if reply.button == "save":
            effects.save_log(state, session.log, bundle)
        elif reply.button == "shell":
            effects.shell()
        else:
            return reply.button


def _done(terminal: Terminal, effects: Effects, state: State, progress: Progress) -> str:
    seconds = sum(seconds for _, seconds in progress.done)
    while True:
        reply = ask(terminal, lambda: installation_progress.done(state, progress, seconds))
        if reply.button != "shell":
            return reply.button
        effects.shell()
