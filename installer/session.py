"""An installation from the first fact to the last event, for the unattended entry and for the command alike."""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, TerminalSink, first_line, json_sink
from installer.apply import Work, apply
from installer.commands import Commands
from installer.facts import collect
from installer.machine import MEDIUM
from installer.manifest import read_manifest
from installer.plan import Options, Plan, make_plan

LOGS = Path("/var/log/dom0kit")
IMAGE = Path("/run/dom0kit/image")
FINISH = {"reboot": ["systemctl", "reboot"], "poweroff": ["systemctl", "poweroff"], "halt": ["systemctl", "halt"]}


@dataclass
class Session:
    """Where a run speaks and what it runs with.

    :param out: the console.
    :param image: the folder of the image to install.
    :param loops: allow loop devices as targets; for tests of the installer itself.
    """

    reporter: Reporter
    commands: Commands
    out: TextIO
    logs: Path = LOGS
    image: Path = IMAGE
    loops: bool = False

    def say(self, text: str) -> None:
        """Print on the console."""
        print(text, file=self.out, flush=True)


def open_session(out: TextIO, logs: Path = LOGS, *, image: Path = IMAGE, loops: bool = False) -> Session:
    """A session with all its sinks: console, file, and the virtual machine's event port when there is one.

    :raises UserError: when the folder for logs cannot be written.
    """
    try:
        logs.mkdir(parents=True, exist_ok=True)
        log = (logs / "installer.log").open("a", encoding="utf-8")
        reporter = Reporter("installer", [TerminalSink(out), json_sink(logs / "installer-events.jsonl")])
    except OSError as error:
        raise UserError(
            f"cannot write logs to {logs}: {error.strerror}", "install as root, or name another folder with --logs"
        ) from error
    (logs / "installer.log").chmod(0o600)
    if VIRTIO_PORT.exists():
        try:
            reporter.sinks.append(json_sink(VIRTIO_PORT))
        except OSError as error:
            print(f"events do not go to {VIRTIO_PORT}: {error.strerror}", file=out)
    return Session(reporter, Commands(log), out, logs, image, loops)


def plan_for(answers: Answers, session: Session) -> Plan:
    """Collect facts and make the plan; changes nothing.

    :raises UserError: when machine, image and answers do not go together.
    """
    with session.reporter.step("look at this machine"):
        facts = collect(loops=session.loops)
    session.commands.note(facts.render())
    with session.reporter.step("make the plan"):
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        manifest = read_manifest(session.image)
        plan = make_plan(facts, answers, manifest, Options(str(session.image.resolve()), uuid.uuid4(), clock))
    session.commands.note(plan.render())
    return plan


def carry_out(plan: Plan, session: Session) -> None:
    """Apply a plan and say how it went.

    :raises UserError: when a step fails.
    """
    work = Work(session.commands, logs=[session.logs / "installer.log", session.logs / "installer-events.jsonl"])
    warnings = [*plan.warnings, *apply(plan, session.reporter, work)]
    session.say("\n" + session.reporter.time_table())
    for warning in warnings:
        session.say(f"warning: {warning}")
    seconds = round(sum(seconds for _, seconds in session.reporter.times), 1)
    session.reporter.emit(
        "finished", text=f"{plan.host_name} is installed on {plan.disk.path}", seconds=seconds, warnings=warnings
    )


def guarded(session: Session, job: Callable[[], int]) -> int:
    """Run a job; whatever goes wrong is an event, one sentence with a hint, and a place to look.

    :returns: the job's exit code; 1 when it failed.
    """
    log = session.logs / "installer.log"
    try:
        return job()
    except UserError as error:
        session.reporter.emit("failed", text=first_line(error), hint=error.hint, log=str(log))
        session.say(f"\nThe installation failed: {error}\n  log: {log}")
    except KeyboardInterrupt:
        session.reporter.emit("failed", text="interrupted", hint="", log=str(log))
    except Exception as error:
        session.commands.note(traceback.format_exc())
        session.reporter.emit("failed", text=f"a bug in the installer: {first_line(error)}", hint="", log=str(log))
        session.say(f"\nThe installation failed by a bug in dom0kit: {first_line(error)}\n  log: {log}")
    return 1


def finish(plan: Plan, session: Session) -> None:
    """Do what the answers say comes after the installation; only a live system may be ended."""
    command = FINISH.get(plan.finish)
    if command is None or not Path(MEDIUM).is_dir():
        session.say("The installation is complete. Remove the medium and restart the machine, e.g. with 'systemctl reboot'.")
        return
    session.commands(command)


def ask(question: str, out: TextIO) -> bool:
    """Whether the person at the terminal types ``yes``."""
    print(question, end=" ", file=out, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"
