"""An installation from the first fact to the last event, for unattended and interactive use."""

from __future__ import annotations

import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TextIO

from answerfiles.model import Answers
from dom0kit import http_client
from dom0kit.errors import OF_HARDWARE, UserError
from dom0kit.events import VIRTIO_PORT, Reporter, Sink, TerminalSink, first_line, json_sink
from dom0kit.redact import Redactor
from installer import pool_preflight, user_scripts
from installer.apply import executor as work
from installer.apply.device_errors import Places, explain
from installer.command_log import Commands
from installer.hardware.probe import collect
from installer.model.deb_package import Package
from installer.model.hardware import MEDIUM, Facts
from installer.model.image_manifest import read_manifest
from installer.network.lease_names import with_dhcp_names
from installer.packages import install_live, package_store
from installer.plan.plan import Options, Plan, make_plan
from installer.reporting import Reports, log_tail, make_reports, refuse_references, to_text
from installer.storage_network import bring_up, multipath
from installer.user_scripts import Ready

LOGS = Path("/var/log/dom0kit")
IMAGE = Path("/run/dom0kit/image")
END = {"reboot": ["systemctl", "reboot"], "poweroff": ["systemctl", "poweroff"], "halt": ["systemctl", "halt"]}
CMDLINE = Path("/proc/cmdline")
PROGRESS_SECONDS = 5.0
"""Interval of progress lines on consoles without a progress bar.

Kind: pace. Reason: a serial console's log keeps every line. Expiry: the next line.
"""


@dataclass
class Session:
    """Output, commands and settings of an installation run.

    :param out: console.
    :param image: folder of the image to install.
    :param loops: allow loop devices as targets; for tests of the installer itself.
    :param scripts: user scripts, fetched and checked.
    :param packages: additional packages, fetched and checked.
    :param environment: environment of scripts, in addition to the stage.
    :param on_failure: action after a failure, from the answers.
    :param order: the network boot's order to install; see :class:`installer.plan.build_actions.Options`.
    :param confirmed: a user at the machine has confirmed that the disks are erased.
    :param failure: error text, once the installation has failed.
    :param start_on_failure: the disk of a host that a task has found: a restart after a failure starts it.
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
    order: str = ""
    confirmed: bool = False
    failure: str = ""
    start_on_failure: str = ""

    @property
    def log(self) -> Path:
        """Return the path of the log."""
        return self.logs / "installer.log"

    def say(self, text: str) -> None:
        """Print on the console."""
        print(self.reports.redactor(text), file=self.out, flush=True)

    def run_scripts(self, stage: str) -> None:
        """Run the user scripts of a stage.

        :raises UserError: when one fails.
        """
        who = self.reports.webhook.identity
        environment = {"DOM0KIT_HOST": who.host, "DOM0KIT_MAC": who.mac, "DOM0KIT_UUID": who.uuid, "DOM0KIT_SERIAL": who.serial}
        environment |= {"DOM0KIT_LOG": str(self.log), **self.environment}
        user_scripts.run_stage(self.scripts, stage, environment, self.commands, self.reporter.step)


def open_session(out: TextIO, logs: Path = LOGS, *, image: Path = IMAGE, loops: bool = False) -> Session:
    """Open a session with all its sinks: console, files, and a virtual machine's event port if present.

    :raises UserError: when the log folder cannot be written.
    """
    try:
        logs.mkdir(parents=True, exist_ok=True)
        log = (logs / "installer.log").open("a", encoding="utf-8")
        sinks: list[Sink] = [TerminalSink(out, every=PROGRESS_SECONDS), json_sink(logs / "installer-events.jsonl")]
    except OSError as error:
        raise UserError(
            f"cannot write logs to {logs}: {error.strerror}", "run as root, or choose another folder with --logs"
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
    """Apply the answers' settings for reports, scripts and failures; change nothing on disks.

    :returns: the answers with the text of first-boot scripts.
    :raises UserError: when a secret is a reference, or a script or package cannot be fetched.
    """
    session.reports.adopt(answers)
    session.on_failure = answers.on_failure
    refuse_references(answers)
    proxy = answers.proxy.settings() if answers.proxy is not None else None
    get = partial(http_client.get, proxy=proxy)
    session.environment |= proxy.environment() if proxy is not None else {}
    if answers.scripts:
        with session.reporter.step("fetch the scripts"):
            answers, session.scripts = user_scripts.prepare(answers, session.reports.trust_for, get=get)
    if answers.packages:
        with session.reporter.step("read the packages") as step:
            store = package_store.Store(session.commands, session.reports.trust_for, step.progress, get)
            session.packages = store.prepare(answers.packages)
    return answers


def plan_for(answers: Answers, session: Session) -> Plan:
    """Run the scripts of the stage ``start``, install additional packages here, collect facts, make the plan.

    Nothing is changed on a disk.

    :raises UserError: when machine, image and answers do not fit.
    """
    session.run_scripts("start")
    if session.packages:
        with session.reporter.step("install the packages here") as step:
            install_live.install_here(session.packages, session.commands, step.progress)
    facts = collect_facts(answers, session)
    session.commands.note(facts.render())
    session.reports.texts["facts.json"] = to_text(facts.to_json())
    with session.reporter.step("make the plan"):
        clock = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        manifest = read_manifest(session.image)
        options = Options(
            str(session.image.resolve()),
            uuid.uuid4(),
            clock,
            session.packages,
            package_store.kernel(),
            session.order,
            session.confirmed,
        )
        plan = make_plan(facts, answers, manifest, options)
    session.reports.name_host(plan.host_name)
    session.commands.note(plan.render())
    session.reports.texts["plan.json"] = to_text(plan.to_json())
    session.environment["DOM0KIT_DISK"] = plan.disk.path
    return plan


def collect_facts(answers: Answers, session: Session) -> Facts:
    """Return facts about this machine, after iSCSI and multipath are set up so that paths are not taken for disks.

    :raises UserError: when they cannot be collected.
    """
    with session.reporter.step("set up storage paths") as step:
        raw = bring_up.bring_up(answers, session.commands, step.progress)
    with session.reporter.step("detect the hardware") as step:
        facts = collect(loops=session.loops)
        if single := multipath.declared(raw, facts, answers):
            multipath.make_maps(single, session.commands, step.progress)
            facts = collect(loops=session.loops)
        return with_dhcp_names(answers, facts, step.progress)


def carry_out(plan: Plan, session: Session) -> None:
    """Check the admission to the pool, carry out the plan, report the result.

    :raises UserError: when the pool rejects the host, or a step or a script fails.
    """
    session.run_scripts("planned")
    if plan.question is not None:
        session.reports.redactor.add(pool_preflight.secrets(plan.question.pool))
        with session.reporter.step(pool_preflight.TITLE) as step:
            pool_preflight.check_admission(plan.question, session.image, session.commands, step)
    done = work.Work(session.commands, logs=[session.log, session.logs / "installer-events.jsonl"])

    def run_after(stage: str) -> None:
        session.environment["DOM0KIT_TARGET"] = str(done.system)
        session.environment["DOM0KIT_ROOT"] = str(done.system / "state" / plan.manifest.name / "upper")
        session.run_scripts(stage)

    done.after = run_after

    def begin() -> None:
        session.reporter.emit("writing", text=f"{plan.host_name} on {', '.join(plan.paths)}")
        if session.order:
            done.warnings += session.reports.wait_for_order_to_end(plan.host_name)

    done.begin = begin
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
    """End a run that only shows the plan."""
    session.reporter.emit("finished", text="plan complete; nothing was changed", installed=False)
    session.reports.flush(session.say)
    return 0


def guarded(session: Session, job: Callable[[], int]) -> int:
    """Run a job; report any failure as an event and as an error with a hint and the log's path.

    :returns: exit code of the job; 1 when it failed.
    """
    try:
        try:
            return job()
        except OSError as error:
            if error.errno not in OF_HARDWARE:
                raise
            places = Places(source=session.image)
            raise explain("the preparation", error.errno, str(error.filename or ""), places, session.commands) from error
    except UserError as error:
        session.say(f"\nThe installation failed: {error}\n  log: {session.log}")
        fail(session, first_line(error), error.hint, error.message)
    except KeyboardInterrupt:
        fail(session, "interrupted")
    except Exception as error:
        session.commands.note(traceback.format_exc())
        text = f"internal error in the installer: {first_line(error)}"
        session.say(f"\nThe installation failed with an internal error: {first_line(error)}\n  log: {session.log}")
        fail(session, text)
    return 1


def fail(session: Session, text: str, hint: str = "", details: str = "") -> None:
    """Report a failure: event with the log's last lines, scripts for failures, support bundle. Raises nothing.

    :param details: the whole message if it has several lines.
    """
    session.failure = text
    session.commands.note(f"failed: {details or text}")
    tail = session.reports.redactor(log_tail(session.log))
    session.reporter.emit("failed", text=text, hint=hint, details=details or text, log=tail, log_file=str(session.log))
    try:
        session.environment["DOM0KIT_ERROR"] = session.reports.redactor(text)
        session.run_scripts("failed")
    except UserError as error:
        session.commands.note(f"a script for the stage failed has failed: {error}")
    try:
        cmdline = CMDLINE.read_text()
        session.reports.fail(session.logs, session.commands, cmdline)
        session.reports.flush(session.say)
    except Exception:
        session.commands.note(f"the support bundle could not be created: {traceback.format_exc()}")


def finish(plan: Plan, session: Session) -> None:
    """Reboot or power off as the answers say; only a live system is ended."""
    command = END.get(plan.finish)
    if command is None or not Path(MEDIUM).is_dir():
        session.say("The installation is complete. Remove the medium and reboot, for example with 'systemctl reboot'.")
        return
    session.commands(command)


def confirmed(question: str, out: TextIO) -> bool:
    """Return whether the user types ``yes``."""
    print(question, end=" ", file=out, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"
