"""The unattended entry: what a live system in mode ``install`` runs, told by the kernel's command line."""

from __future__ import annotations

import sys
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, first_line, json_sink
from installer.session import Session, carry_out, finish, guarded, open_session, plan_for
from installer.source import FORMS, fetch, parse_cmdline

CMDLINE = Path("/proc/cmdline")
NO_ANSWERS = f"""
This system was started to install, but no answers were given, so nothing happens by itself.

  dom0kit facts                             shows the disks and network cards of this machine
  dom0kit answers check FILE                says whether a file of answers is valid
  dom0kit install --answers FILE            shows the plan, asks, and installs

For an unattended installation, {FORMS} as a kernel argument.
"""


def unattended(session: Session, cmdline: str) -> int:
    """Install as the kernel's command line asks, then do what the answers say.

    :returns: 0; also when there are no answers and there is nothing to do.
    :raises UserError: when something fails.
    """
    arguments = parse_cmdline(cmdline)
    if arguments.answers is None:
        session.say(NO_ANSWERS)
        return 0
    session.reporter.emit("started", text=f"installing by the answers in {arguments.answers}")
    session.say(f"Installing by the answers in {arguments.answers}.")
    with session.reporter.step("read the answers") as step:
        answers = fetch(arguments.answers, session.commands, step.progress)
    plan = plan_for(answers, session)
    session.say(f"\n{plan.render()}\n")
    if arguments.plan_only:
        session.reporter.emit("finished", text="the plan is made; nothing was changed")
        return 0
    carry_out(plan, session)
    finish(plan, session)
    return 0


def announce(error: UserError, port: Path = VIRTIO_PORT) -> None:
    """Send ``failed`` although there is no session: whoever watches must not wait for a machine that has given up."""
    try:
        sinks = [json_sink(port)] if port.exists() else []
    except OSError:
        return
    Reporter("installer", sinks).emit("failed", text=first_line(error), hint=error.hint, log="")


def main() -> int:
    """Exit codes: 0 installed or nothing to do, 1 failed."""
    try:
        session = open_session(sys.stdout)
    except UserError as error:
        print(f"The installation failed: {first_line(error)}", flush=True)
        announce(error)
        return 1
    return guarded(session, lambda: unattended(session, CMDLINE.read_text()))
