"""Subcommands ``dom0kit install`` and ``dom0kit facts``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from answerfiles.checks.device_paths import LOOPS_ALLOWED
from answerfiles.model import Answers
from answerfiles.reader import read_answers
from dom0kit.arguments.paths import output_folder, path
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.machine_identity import read_identity
from installer import answers_check
from installer.answer_source.source import Arguments, fetch, parse_source, read_fetched
from installer.hardware.probe import collect
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


def register(add: Add) -> None:
    """Register the subcommands."""
    answers_check.register(add)
    add(
        "install",
        "install a host with an answer file",
        configure_install,
        run_install,
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


def run_install(arguments: argparse.Namespace) -> int:
    """Run ``dom0kit install``; exit code 1 if it failed or was not confirmed."""
    out = sys.stderr if arguments.json else sys.stdout
    LOOPS_ALLOWED.set(arguments.allow_loop)
    session = open_session(out, arguments.logs, image=arguments.image, loops=arguments.allow_loop)
    return guarded(session, lambda: install(arguments, session))


def answers_from(text: str, session: Session) -> Answers:
    """Return the answers from a file, a labeled volume, or a web server that the system trusts."""
    if not text.startswith(("label:", "http://", "https://")):
        return read_answers(Path(text))
    arguments = Arguments(parse_source(text), plan_only=False, network_seconds=NETWORK_SECONDS)
    return read_fetched(fetch(arguments, session.commands, read_identity()), session.reports.redactor)


def install(arguments: argparse.Namespace, session: Session) -> int:
    """Plan and install.

    :raises UserError: when a step fails, or confirmation is impossible.
    """
    session.reporter.emit("started", text=f"installing with the answers from {arguments.answers}")
    answers = adopt(answers_from(arguments.answers, session), session)
    plan = plan_for(answers, session)
    if arguments.json:
        print(json.dumps(plan.to_json(), indent=2, sort_keys=True))
    else:
        session.say(f"\n{plan.render()}\n")
    if arguments.plan_only:
        return only_planned(session)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise UserError(
                "refusing to erase disks without confirmation: stdin is not a terminal", "use --yes to skip the confirmation"
            )
        if not confirmed(f"All data on {', '.join(plan.paths)} will be lost. Type 'yes' to install:", session.out):
            session.reporter.emit("failed", text="not confirmed; nothing was changed")
            return 1
    carry_out(plan, session)
    if not arguments.stay:
        finish(plan, session)
    return 0
