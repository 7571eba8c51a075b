"""The unattended entry: what a live system in mode ``install`` runs, told by the kernel's command line."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.events import VIRTIO_PORT, Reporter, first_line, json_sink
from dom0kit.http_client import SYSTEM, Trust
from dom0kit.machine_identity import read_identity
from dom0kit.webhook import Target, Webhook
from installer.answer_source.source import (
    FORMS,
    Arguments,
    OnUrl,
    boot_nic,
    fetch,
    last,
    parse_cmdline,
    parse_trust,
    read_trust,
    report_url,
    understand,
    words_of,
)
from installer.hardware.nics import read_boot_nic, read_links
from installer.reporting import FLUSH_SECONDS
from installer.session import (
    CMDLINE,
    Session,
    adopt,
    after_failure,
    carry_out,
    finish,
    guarded,
    only_planned,
    open_session,
    plan_for,
)

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
    reports = session.reports
    # First of all, so that whatever fails from here on can be told.
    reports.aim(report_url(cmdline), early_trust(cmdline))
    arguments = parse_cmdline(cmdline)
    if arguments.answers is None:
        session.say(NO_ANSWERS)
        return 0
    started_from = introduce(session, arguments)
    session.reporter.emit("started", text=f"installing by the answers in {arguments.answers}")
    session.say(f"Installing by the answers in {arguments.answers}.")
    with session.reporter.step("read the answers") as step:
        reports.trust = read_trust(arguments.trust, session.commands, step.progress)
        reports.aim(arguments.report, reports.trust)
        if isinstance(arguments.answers, OnUrl):
            reports.know(arguments.answers.url)
        who = replace(reports.webhook.identity, mac=started_from)
        fetched = fetch(arguments, session.commands, who, reports.trust, step.progress)
        if fetched.identity is not None:
            reports.know(fetched.url)
            reports.webhook.identity = fetched.identity
        answers = understand(fetched, reports.redactor)
    answers = adopt(answers, session)
    plan = plan_for(answers, session)
    session.say(f"\n{plan.render()}\n")
    if arguments.plan_only:
        return only_planned(session)
    carry_out(plan, session)
    finish(plan, session)
    return 0


def early_trust(cmdline: str) -> Trust:
    """The fingerprint of ``dom0kit.trust``; a CA's file is read later, and what cannot be understood is an error then."""
    try:
        found = parse_trust(last(words_of(cmdline), "dom0kit.trust") or "/")
    except UserError:
        return SYSTEM
    return found if isinstance(found, Trust) else SYSTEM


def introduce(session: Session, arguments: Arguments) -> str:
    """Say who this machine is in all reports.

    :returns: the MAC address of the card that it was started from; empty when nobody knows.
    """
    links = read_links(session.commands.runner)
    started_from = arguments.nic or read_boot_nic(links)
    # Cards with a cable first; a report from a machine of many cards must name one all the same.
    best = sorted(links, key=lambda link: not link.carrier)
    session.reports.webhook.identity = read_identity(mac=started_from or (best[0].mac if best else ""))
    return started_from


def announce(error: UserError, port: Path = VIRTIO_PORT, cmdline: str = "") -> None:
    """Send ``failed`` although there is no session: whoever watches must not wait for a machine that has given up."""
    reporter = Reporter("installer")
    with suppress(OSError):
        reporter.sinks += [json_sink(port)] if port.exists() else []
    hook = Webhook(read_identity(mac=boot_nic(cmdline)))
    if url := report_url(cmdline):
        hook.aim(Target(url, early_trust(cmdline)))
    reporter.sinks.append(hook)
    reporter.emit("failed", text=first_line(error), hint=error.hint, details=error.message, log="")
    hook.flush(FLUSH_SECONDS)


def main() -> int:
    """Exit codes: 0 installed or nothing to do, 1 failed."""
    try:
        session = open_session(sys.stdout)
    except UserError as error:
        print(f"The installation failed: {first_line(error)}", flush=True)
        announce(error, cmdline=CMDLINE.read_text())
        return 1
    code = guarded(session, lambda: unattended(session, CMDLINE.read_text()))
    if code:
        after_failure(session)
    return code
