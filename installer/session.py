"""An installation from the first fact to the last event, for the unattended entry and for the command alike."""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, Sink, TerminalSink, first_line, json_sink
from dom0kit.redact import Redactor
from installer import pool_preflight, user_scripts
from installer.apply import executor as work
from installer.command_log import Commands
from installer.hardware.probe import collect
from installer.model.deb_package import Package
from installer.model.hardware import MEDIUM, Facts
from installer.model.image_manifest import read_manifest
from installer.packages import install_live, package_store
from installer.plan.plan import Options, Plan, make_plan
from installer.reporting import Reports, log_tail, make_reports, refuse_references, to_text
from installer.storage_network import bring_up, multipath
from installer.user_scripts import Ready

LOGS = Path("/var/log/dom0kit")
IMAGE = Path("/run/dom0kit/image")
END = {"reboot": ["systemctl", "reboot"], "poweroff": ["systemctl", "poweroff"], "halt": ["systemctl", "halt"]}
FAILURE_NOTE = Path("/run/dom0kit/failed")
CMDLINE = Path("/proc/cmdline")
PROGRESS_SECONDS = 5.0
"""Interval of progress lines on consoles that show no bar.

Kind: pace. Reason: a serial console's log keeps every line. Expiry: the next line.
"""
ON_CONSOLES = "/usr/lib/dom0kit/bin/on-consoles"


@dataclass
class Session:
    """Where a run speaks and what it runs with.

    :param out: the console.
    :param image: the folder of the image to install.
    :param loops: allow loop devices as targets; for tests of the installer itself.
    :param scripts: the user's scripts, fetched and checked.
    :param packages: further packages, fetched and checked.
    :param environment: what scripts are told, beside the stage.
    :param on_failure: what the answers want when it failed.
    :param failure: the sentence about it, once it failed.
    """

    reporter: Reporter
    commands: Commands
    out: TextIO
    logs: Path = LOGS
    image: Path = IMAGE
    loops: bool = False
    reports: Reports = field(default_factory=lambda: make_reports(Redactor(), lambda text: None))
    scripts: tuple[Ready, ...] = ()
    packages: tuple[Package, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    on_failure: str = "wait"
    failure: str = ""

    @property
    def log(self) -> Path:
        """The log's path."""
        return self.logs / "installer.log"

    def say(self, text: str) -> None:
        """Print on the console."""
        print(self.reports.redactor(text), file=self.out, flush=True)

    def run_scripts(self, stage: str) -> None:
        """Run the user's scripts of a stage.

        :raises UserError: when one fails.
        """
        who = self.reports.webhook.identity
        told = {"DOM0KIT_HOST": who.host, "DOM0KIT_MAC": who.mac, "DOM0KIT_UUID": who.uuid, "DOM0KIT_SERIAL": who.serial}
        told |= {"DOM0KIT_LOG": str(self.log), **self.environment}
        user_scripts.run_stage(self.scripts, stage, told, self.commands, self.reporter.step)


def open_session(out: TextIO, logs: Path = LOGS, *, image: Path = IMAGE, loops: bool = False) -> Session:
    """A session with all its sinks: console, file, and the virtual machine's event port when there is one.

    :raises UserError: when the folder for logs cannot be written.
    """
    try:
        logs.mkdir(parents=True, exist_ok=True)
        log = (logs / "installer.log").open("a", encoding="utf-8")
        sinks: list[Sink] = [TerminalSink(out, every=PROGRESS_SECONDS), json_sink(logs / "installer-events.jsonl")]
    except OSError as error:
        raise UserError(
            f"cannot write logs to {logs}: {error.strerror}", "install as root, or name another folder with --logs"
        ) from error
    (logs / "installer.log").chmod(0o600)
    redactor = Redactor()
    reporter = Reporter("installer", sinks, redact=redactor.value)
    commands = Commands(log, redact=redactor)
    reports = make_reports(redactor, commands.note)
    reporter.sinks.append(reports.webhook)
    if VIRTIO_PORT.exists():
        try:
            reporter.sinks.append(json_sink(VIRTIO_PORT))
        except OSError as error:
            print(f"events do not go to {VIRTIO_PORT}: {error.strerror}", file=out)
    return Session(reporter, commands, out, logs, image, loops, reports)


def adopt(answers: Answers, session: Session) -> Answers:
    """Do as the answers say about reports, scripts and failure; touches nothing.

    :returns: the answers with first-boot scripts written out.
    :raises UserError: when a secret is only named, or a script or package cannot be had.
    """
    session.reports.adopt(answers)
    session.on_failure = answers.on_failure
    refuse_references(answers)
    if answers.scripts:
        with session.reporter.step("fetch the scripts"):
            answers, session.scripts = user_scripts.prepare(answers, session.reports.trust_for)
    if answers.packages:
        with session.reporter.step("read the packages") as step:
            store = package_store.Store(session.commands, session.reports.trust_for, step.progress)
            session.packages = store.prepare(answers.packages)
    return answers


def plan_for(answers: Answers, session: Session) -> Plan:
    """Run the scripts of the stage ``start``, install further packages here, collect facts and make the plan.

    Nothing is changed on a disk.

    :raises UserError: when machine, image and answers do not go together.
    """
    session.run_scripts("start")
    if session.packages:
        with session.reporter.step("install the packages here") as step:
            install_live.install_here(session.packages, session.commands, step.progress)
    facts = look(answers, session)
    session.commands.note(facts.render())
    session.reports.texts["facts.json"] = to_text(facts.to_json())
    with session.reporter.step("make the plan"):
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        manifest = read_manifest(session.image)
        options = Options(str(session.image.resolve()), uuid.uuid4(), clock, session.packages, package_store.kernel())
        plan = make_plan(facts, answers, manifest, options)
    session.commands.note(plan.render())
    session.reports.texts["plan.json"] = to_text(plan.to_json())
    session.environment["DOM0KIT_DISK"] = plan.disk.path
    return plan


def look(answers: Answers, session: Session) -> Facts:
    """Facts about this machine; iSCSI targets and disks with several paths come first, so that nobody takes a path for a disk.

    :raises UserError: when they cannot be had.
    """
    with session.reporter.step("find paths to disks") as step:
        raw = bring_up.bring_up(answers, session.commands, step.progress)
    with session.reporter.step("look at this machine") as step:
        facts = collect(loops=session.loops)
        if single := multipath.declared(raw, facts, answers):
            multipath.make_maps(single, session.commands, step.progress)
            facts = collect(loops=session.loops)
    return facts


def carry_out(plan: Plan, session: Session) -> None:
    """Ask the pool, apply a plan, and say how it went.

    :raises UserError: when the pool does not take the host, or a step or a script fails.
    """
    session.run_scripts("planned")
    if plan.question is not None:
        session.reports.redactor.add(pool_preflight.secrets(plan.question.pool))
        with session.reporter.step(pool_preflight.TITLE) as step:
            pool_preflight.ask(plan.question, session.image, session.commands, step)
    done = work.Work(session.commands, logs=[session.log, session.logs / "installer-events.jsonl"])

    def after(stage: str) -> None:
        session.environment["DOM0KIT_TARGET"] = str(done.system)
        session.environment["DOM0KIT_ROOT"] = str(done.system / "state" / plan.manifest.version / "upper")
        session.run_scripts(stage)

    done.after = after
    try:
        warnings = [*plan.warnings, *work.apply(plan, session.reporter, done)]
    finally:
        for name in ("DOM0KIT_TARGET", "DOM0KIT_ROOT"):
            session.environment.pop(name, None)
    session.run_scripts("complete")
    session.say("\n" + session.reporter.time_table())
    for warning in warnings:
        session.say(f"warning: {warning}")
    seconds = round(sum(seconds for _, seconds in session.reporter.times), 1)
    text = f"{plan.host_name} is installed on {plan.disk.path}"
    session.reporter.emit("finished", text=text, seconds=seconds, warnings=warnings, installed=True)
    session.reports.flush(session.say)


def only_planned(session: Session) -> int:
    """The end of a run that only shows the plan."""
    session.reporter.emit("finished", text="the plan is made; nothing was changed", installed=False)
    session.reports.flush(session.say)
    return 0


def guarded(session: Session, job: Callable[[], int]) -> int:
    """Run a job; whatever goes wrong is an event, one sentence with a hint, and a place to look.

    :returns: the job's exit code; 1 when it failed.
    """
    try:
        return job()
    except UserError as error:
        session.say(f"\nThe installation failed: {error}\n  log: {session.log}")
        fail(session, first_line(error), error.hint, error.message)
    except KeyboardInterrupt:
        fail(session, "interrupted")
    except Exception as error:
        session.commands.note(traceback.format_exc())
        text = f"a bug in the installer: {first_line(error)}"
        session.say(f"\nThe installation failed by a bug in dom0kit: {first_line(error)}\n  log: {session.log}")
        fail(session, text)
    return 1


def fail(session: Session, text: str, hint: str = "", details: str = "") -> None:
    """Tell of a failure: the event with the log's last lines, the scripts for it, the bundle. Raises nothing.

    :param details: all of the message, when it has more than a line.
    """
    session.failure = text
    session.commands.note(f"failed: {details or text}")
    tail = session.reports.redactor(log_tail(session.log))
    session.reporter.emit("failed", text=text, hint=hint, details=details or text, log=tail, log_file=str(session.log))
    try:
        session.environment["DOM0KIT_ERROR"] = session.reports.redactor(text)
        session.run_scripts("failed")
    except UserError as error:
        session.commands.note(f"and a script for failures failed too: {error}")
    try:
        cmdline = CMDLINE.read_text()
        session.reports.fail(session.logs, session.commands, cmdline)
        session.reports.flush(session.say)
    except Exception:
        session.commands.note(f"the bundle could not be made: {traceback.format_exc()}")


def finish(plan: Plan, session: Session) -> None:
    """Do what the answers say comes after the installation; only a live system may be ended."""
    command = END.get(plan.finish)
    if command is None or not Path(MEDIUM).is_dir():
        session.say("The installation is complete. Remove the medium and restart the machine, e.g. with 'systemctl reboot'.")
        return
    session.commands(command)


def after_failure(session: Session) -> None:
    """Do what the answers want after a failure. A machine that waits says so on its consoles, now and every ten minutes."""
    if not Path(MEDIUM).is_dir():
        return
    command = END.get(session.on_failure)
    if command is not None:
        session.say(f"The answers want it so after a failure: {session.on_failure}.")
        session.commands(command, check=False)
        return
    text = f"\nThe installation failed: {session.failure}\n  log: {session.log}\n"
    FAILURE_NOTE.write_text(session.reports.redactor(text))
    words = ["systemd-run", "--quiet", "--unit=dom0kit-failed", "--on-active=20s", "--on-unit-active=10min"]
    session.commands([*words, ON_CONSOLES, "cat", FAILURE_NOTE], check=False)


def ask(question: str, out: TextIO) -> bool:
    """Whether the person at the terminal types ``yes``."""
    print(question, end=" ", file=out, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"
