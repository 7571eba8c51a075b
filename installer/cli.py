"""Subcommands ``dom0kit install`` and ``dom0kit facts``."""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path

from answerfiles.checks.device_paths import LOOPS_ALLOWED
from answerfiles.model import Answers, HostTask
from answerfiles.reader import read_any
from dom0kit.arguments.paths import output_folder, path
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.machine_identity import read_identity
from installer import answers_check
from installer.answer_source.source import Arguments, fetch, parse_source, read_fetched
from installer.hardware.probe import collect
from installer.host_tasks import (
    Prepare,
    Prepared,
    adopt_task,
    carry_out_task,
    finish_task,
    prepare_task,
    refuse_tasks,
)
from installer.plan.plan import Plan
from installer.session import (
    IMAGE,
    LOGS,
    Session,
    adopt,
    carry_out,
    confirmed,
    finish,
    guarded,
    only_planned,
    open_session,
    plan_for,
)

NETWORK_SECONDS = 30
"""Get the answers from the network for `dom0kit install`.

Kind: configured. Reason: the network is up and the user at the terminal can repeat the command. Expiry: an error that lists
each network card with its last failure.
"""


def register(add: Add, prepare: Prepare = refuse_tasks) -> None:
    """Register the subcommands.

    :param prepare: prepares tasks for a host that is on the disks.
    """
    answers_check.register(add)
    add(
        "install",
        "install a host with an answer file, or upgrade the one that is on the disks",
        configure_install,
        partial(run_install, prepare),
        example="dom0kit install --answers host.yaml --plan-only",
    )
    add(
        "facts",
        "show the disks, network cards and firmware of this machine",
        configure_facts,
        run_facts,
        example="dom0kit facts --json >facts.json",
    )


def configure_facts(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit facts``."""
    parser.add_argument("--json", action="store_true", help="print the facts as JSON")


def run_facts(arguments: argparse.Namespace) -> int:
    """Print the facts."""
    facts = collect()
    print(json.dumps(facts.to_json(), indent=2, sort_keys=True) if arguments.json else facts.render())
    return 0


def configure_install(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit install``."""
    parser.add_argument("--answers", required=True, metavar="FILE", help="answer file: a path, label:LABEL/path, or a URL")
    parser.add_argument("--image", type=path, default=IMAGE, metavar="FOLDER", help="folder of the image (default: %(default)s)")
    parser.add_argument(
        "--logs", type=output_folder, default=LOGS, metavar="FOLDER", help="folder for logs (default: %(default)s)"
    )
    parser.add_argument("--plan-only", action="store_true", help="print the plan and change nothing")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--yes", action="store_true", help="erase the disks without asking for confirmation")
    parser.add_argument("--stay", action="store_true", help="do not reboot or power off afterwards")
    parser.add_argument("--allow-loop", action="store_true", help="allow loop devices as targets, to test the installer")


def run_install(prepare: Prepare, arguments: argparse.Namespace) -> int:
    """Run ``dom0kit install``; exit code 1 if it failed or was not confirmed."""
    out = sys.stderr if arguments.json else sys.stdout
    LOOPS_ALLOWED.set(arguments.allow_loop)
    session = open_session(out, arguments.logs, image=arguments.image, loops=arguments.allow_loop)
    return guarded(session, lambda: install(arguments, session, prepare))


def answers_from(text: str, session: Session) -> Answers | HostTask:
    """Return the answers from a file, a labeled volume, or a web server that the system trusts."""
    if not text.startswith(("label:", "http://", "https://")):
        return read_any(Path(text))
    arguments = Arguments(parse_source(text), plan_only=False, network_seconds=NETWORK_SECONDS)
    return read_fetched(fetch(arguments, session.commands, read_identity()), session.reports.redactor)


def install(arguments: argparse.Namespace, session: Session, prepare: Prepare = refuse_tasks) -> int:
    """Plan and install.

    :raises UserError: when a step fails, or confirmation is impossible.
    """
    session.reporter.emit("started", text=f"installing with the answers from {arguments.answers}")
    answers = answers_from(arguments.answers, session)
    if isinstance(answers, HostTask):
        return keep_host(answers, arguments, session, prepare)
    answers = adopt(answers, session)
    plan = plan_for(answers, session)
    show(plan, session, as_json=arguments.json)
    if arguments.plan_only:
        return only_planned(session)
    question = f"All data on {', '.join(plan.paths)} will be lost. Type 'yes' to install:"
    if not arguments.yes and not agreed("erase disks", question, session):
        return 1
    carry_out(plan, session)
    if not arguments.stay:
        finish(plan, session)
    return 0


def keep_host(task: HostTask, arguments: argparse.Namespace, session: Session, prepare: Prepare) -> int:
    """Carry out a task for a host that is on the disks.

    :raises UserError: when it cannot be done, or confirmation is impossible.
    """
    adopt_task(task, session)
    prepared = prepare_task(task, session, prepare)
    show(prepared, session, as_json=arguments.json)
    if arguments.plan_only:
        return only_planned(session)
    if not arguments.yes and not agreed("change a host", "Type 'yes' to do it:", session):
        return 1
    carry_out_task(prepared, session)
    if not arguments.stay:
        finish_task(task, prepared.disk, session)
    return 0


def show(plan: Plan | Prepared, session: Session, *, as_json: bool) -> None:
    """Print a plan, as text or as JSON."""
    if as_json:
        print(json.dumps(plan.to_json(), indent=2, sort_keys=True))
    else:
        session.say(f"\n{plan.render()}\n")


def agreed(what: str, question: str, session: Session) -> bool:
    """Return whether the user at the terminal agrees.

    :raises UserError: when there is no terminal.
    """
    if not sys.stdin.isatty():
        raise UserError(f"refusing to {what} without confirmation: stdin is not a terminal", "use --yes to skip the confirmation")
    if confirmed(question, session.out):
        return True
    session.reporter.emit("failed", text="not confirmed; nothing was changed")
    return False
