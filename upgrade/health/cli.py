"""``dom0ctl health``, and a hidden command that a unit runs."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import Choice
from dom0kit.process import QUERY_SECONDS
from firstboot.host import Host
from firstboot.image_status import failure_sentence
from firstboot.multipath_monitor.alert_hooks import ERROR, KMSG
from upgrade.choice import esps
from upgrade.health import announce
from upgrade.health.after_try import pending_try, publish, without_try
from upgrade.health.assess import RESULT, Assessment
from upgrade.health.boot_files import running_image
from upgrade.health.report import report_text, verdict

if TYPE_CHECKING:
    from dom0kit.cli import Add

SERVICE = "dom0kit-health.service"


def register(add: Add) -> None:
    """Register the commands."""
    add("health", "check whether this host is healthy", _configure, health, example="dom0ctl health --json")
    add("try-result", "record what became of the last try of an image", _configure_none, try_result, hidden=True)


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--wait", action="store_true", help="wait until the host is healthy, or has no chance to become so")
    parser.add_argument("--record", action="store_true", help=argparse.SUPPRESS)


def _configure_none(parser: argparse.ArgumentParser) -> None:
    """Add no arguments."""


def health(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl health``.

    :returns: exit code 1 when a required check is not fulfilled.
    """
    host = Host()
    _ = host.host_json  # reports a missing file, or missing rights, before anything is checked
    assessment = Assessment.of(host)
    report = assessment.wait() if arguments.wait or arguments.record else assessment.everything()
    if not is_booting(host):
        report = report.final()
    if arguments.record:
        assessment.record(report)
    print(json.dumps(assessment.to_json(report), indent=2, sort_keys=True) if arguments.json else report_text(report))
    if arguments.record:
        announce.after_assessment(assessment, report, say)
        if assessment.trial and not report.healthy:
            to_console(f"this host is {verdict(report)}")
    return 0 if report.healthy else 1


def is_booting(host: Host) -> bool:
    """Return whether the service that waits for health has no result yet in this boot: what waits may come."""
    if not host.path(RESULT).exists():
        return True
    shown = host.run(["systemctl", "show", "--property=SubState", "--value", SERVICE], check=False, timeout=QUERY_SECONDS)
    return shown.output.strip() in ("start", "running")


def try_result(arguments: argparse.Namespace) -> int:
    """Run ``dom0ctl try-result``: record a failed try, and write the state of the images for others to show.

    :returns: exit code 1 when the choice of the boot loader cannot be read, or not be written.
    """
    host = Host()
    try:
        status = publish(host, withdraw(host, esps.read_choice()))
    except UserError as error:
        say(str(error))
        return 1
    if status["failed"] is not None:
        to_console(failure_sentence(status["failed"]))
    return 0


def withdraw(host: Host, choice: Choice) -> Choice:
    """Withdraw a try that did not begin: the state that was made for it does not have what changes from now on.

    :returns: the choice that is valid now.
    :raises UserError: when no ESP can be written to.
    """
    image = pending_try(choice, running_image(host.root))
    if not image:
        return choice
    choice, problems = esps.change_choice(without_try)
    for problem in problems:
        say(problem)
    to_console(f"the boot menu started another image, {image} was not tried; try it again with: dom0ctl image try {image}")
    return choice


def say(text: str) -> None:
    """Print a line to the service's journal."""
    print(text, file=sys.stderr, flush=True)


def to_console(text: str) -> None:
    """Write into the kernel's log, which the consoles and the journal show."""
    try:
        with KMSG.open("wb", buffering=0) as file:
            file.write(f"<{ERROR}>dom0kit: {text}\n".encode())
    except OSError:
        say(text)  # in a container there is no kernel's log
