"""Unattended installation: what a live system in mode ``install`` runs, controlled by the kernel command line."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from answerfiles.model import HostTask
from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, first_line, json_sink
from dom0kit.http_client import SYSTEM, Trust
from dom0kit.machine_identity import read_identity
from dom0kit.webhook import Target, Webhook
from installer.after_failure import after_failure
from installer.answer_source.source import (
    FORMS,
    Arguments,
    OnUrl,
    boot_nic,
    fetch,
    last_value,
    parse_cmdline,
    parse_trust,
    read_fetched,
    read_trust,
    report_url,
    split_arguments,
)
from installer.hardware.nics import read_boot_nic, read_links
from installer.host_tasks import Prepare, refuse_tasks, run_task
from installer.model.hardware import MEDIUM
from installer.plan.plan import OwnInstallation
from installer.reporting import FLUSH_SECONDS
from installer.session import (
    CMDLINE,
    END,
    Session,
    adopt,
    carry_out,
    finish,
    guarded,
    only_planned,
    open_session,
    plan_for,
)
from installer.start_disk import request_start

EFI = Path("/sys/firmware/efi")

NO_ANSWERS = f"""
No answer file was given; nothing will be installed automatically.

  dom0kit facts                             show the disks and network cards of this machine
  dom0kit answers check FILE                check an answer file
  dom0kit install --answers FILE            show the plan, ask for confirmation, install

For an unattended installation, add a kernel argument: {FORMS}.
"""


def unattended(session: Session, cmdline: str, prepare: Prepare = refuse_tasks) -> int:
    """Install as the kernel command line requests, then act as the answers say.

    :param prepare: prepares tasks for a host that is on the disks.
    :returns: 0, also without answers, when there is nothing to do.
    :raises UserError: when something fails.
    """
    reports = session.reports
    # First of all, so that any failure from here on can be reported.
    reports.aim(report_url(cmdline), early_trust(cmdline))
    arguments = parse_cmdline(cmdline)
    if arguments.answers is None:
        session.say(NO_ANSWERS)
        return 0
    boot_mac = set_identity(session, arguments)
    session.reporter.emit("started", text=f"installing with the answers from {arguments.answers}")
    session.say(f"Installing with the answers from {arguments.answers}.")
    with session.reporter.step("read the answers") as step:
        reports.trust = read_trust(arguments.trust, session.commands, step.progress)
        reports.aim(arguments.report, reports.trust)
        if isinstance(arguments.answers, OnUrl):
            reports.add_server(arguments.answers.url)
        who = replace(reports.webhook.identity, mac=boot_mac)
        fetched = fetch(arguments, session.commands, who, reports.trust, step.progress)
        if fetched.identity is not None:
            reports.add_server(fetched.url)
            reports.webhook.identity = fetched.identity
        answers = read_fetched(fetched, reports.redactor)
    session.order = arguments.order
    if isinstance(answers, HostTask):
        return run_task(answers, session, prepare, plan_only=arguments.plan_only)
    answers = adopt(answers, session)
    try:
        plan = plan_for(answers, session)
    except OwnInstallation as own:
        return keep_installation(own, session, plan_only=arguments.plan_only)
    session.say(f"\n{plan.render()}\n")
    if arguments.plan_only:
        return only_planned(session)
    carry_out(plan, session)
    finish(plan, session)
    return 0


def keep_installation(own: OwnInstallation, session: Session, *, plan_only: bool) -> int:
    """Report that this host is installed already, and start its disk.

    :param plan_only: report, and leave the machine as it is.
    """
    what = f"this machine is installed already: {own.installation.describe()}; nothing was changed"
    session.say(f"\n{what}\n  to install it again: {own.hint[0].lower()}{own.hint[1:]}")
    if plan_only:
        return only_planned(session)
    session.say("Its disk is started now.")
    session.reporter.emit(
        "finished", text=f"{what}, its disk is started", seconds=0.0, warnings=[], installed=True, unchanged=True
    )
    session.reports.flush(session.say)
    if Path(MEDIUM).is_dir():
        if problem := request_start(own.disk.path, "uefi" if EFI.exists() else "bios", session.commands):
            session.say(f"warning: {problem}")
        session.commands(END["reboot"])
    return 0


def early_trust(cmdline: str) -> Trust:
    """Return the fingerprint in ``dom0kit.trust``; CA files and errors are handled later."""
    try:
        found = parse_trust(last_value(split_arguments(cmdline), "dom0kit.trust") or "/")
    except UserError:
        return SYSTEM
    return found if isinstance(found, Trust) else SYSTEM


def set_identity(session: Session, arguments: Arguments) -> str:
    """Set the identity of this machine in all reports.

    :returns: MAC address of the boot network card; "" if unknown.
    """
    links = read_links(session.commands.runner)
    boot_mac = arguments.nic or read_boot_nic(links)
    # Cards with a link first; a report must have some MAC address.
    best = sorted(links, key=lambda link: (link.usb_function, not link.carrier))
    session.reports.webhook.identity = read_identity(mac=boot_mac or (best[0].mac if best else ""))
    return boot_mac


def report_failure(error: UserError, port: Path = VIRTIO_PORT, cmdline: str = "") -> None:
    """Send ``failed`` without a session, so that observers do not wait for this machine."""
    reporter = Reporter("installer")
    with suppress(OSError):
        reporter.sinks += [json_sink(port)] if port.exists() else []
    hook = Webhook(read_identity(mac=boot_nic(cmdline)))
    if url := report_url(cmdline):
        hook.aim(Target(url, early_trust(cmdline)))
    reporter.sinks.append(hook)
    reporter.emit("failed", text=first_line(error), hint=error.hint, details=error.message, log="")
    hook.flush(FLUSH_SECONDS)


def main(prepare: Prepare = refuse_tasks) -> int:
    """Install, or carry out a task for a host that is on the disks.

    :param prepare: prepares such tasks.
    :returns: the exit code: 0 done or nothing to do, 1 failed.
    """
    try:
        session = open_session(sys.stdout)
    except UserError as error:
        print(f"The installation failed: {first_line(error)}", flush=True)
        report_failure(error, cmdline=CMDLINE.read_text())
        return 1
    code = guarded(session, lambda: unattended(session, CMDLINE.read_text(), prepare))
    if code:
        after_failure(session)
    return code
