"""``dom0kit install`` and ``dom0kit facts``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from answerfiles.model import Answers
from answerfiles.reader import read_answers
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.machine_identity import read_identity
from installer import answers_check
from installer.answer_source.source import Arguments, fetch, parse_source, understand
from installer.hardware.probe import collect
from installer.session import IMAGE, LOGS, Session, adopt, ask, carry_out, finish, guarded, only_planned, open_session, plan_for

NETWORK_SECONDS = 30
"""Get the answers from the network for `dom0kit install`.

Kind: configured. Reason: the network is up and the user at the terminal can repeat the command. Expiry: an error that names
each card and its last failure.
"""


def register(add: Add) -> None:
    """Add the room's subcommands."""
    answers_check.register(add)
    add(
        "install",
        "install a host by a file of answers",
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
    """The arguments of ``dom0kit facts``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_facts(arguments: argparse.Namespace) -> int:
    """Print the facts."""
    facts = collect()
    print(json.dumps(facts.to_json(), indent=2, sort_keys=True) if arguments.json else facts.render())
    return 0


def configure_install(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``dom0kit install``."""
    parser.add_argument("--answers", required=True, metavar="FILE", help="file of answers, label:LABEL/path, or a URL")
    parser.add_argument("--image", type=Path, default=IMAGE, metavar="FOLDER", help="folder of the image (default: %(default)s)")
    parser.add_argument("--logs", type=Path, default=LOGS, metavar="FOLDER", help="folder for logs (default: %(default)s)")
    parser.add_argument("--plan-only", action="store_true", help="print the plan and change nothing")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--yes", action="store_true", help="do not ask before the disk is erased")
    parser.add_argument("--stay", action="store_true", help="leave out what the answers say comes after the installation")
    parser.add_argument("--allow-loop", action="store_true", help="allow a loop device as target, to test the installer")


def run_install(arguments: argparse.Namespace) -> int:
    """Show the plan, ask, install. Exit code 1 when it failed or the answer was not yes."""
    out = sys.stderr if arguments.json else sys.stdout
    session = open_session(out, arguments.logs, image=arguments.image, loops=arguments.allow_loop)
    return guarded(session, lambda: install(arguments, session))


def answers_from(text: str, session: Session) -> Answers:
    """The answers from a file, from a volume with a label, or from a web server whose certificate the system trusts."""
    if not text.startswith(("label:", "http://", "https://")):
        return read_answers(Path(text))
    arguments = Arguments(parse_source(text), plan_only=False, network_seconds=NETWORK_SECONDS)
    return understand(fetch(arguments, session.commands, read_identity()), session.reports.redactor)


def install(arguments: argparse.Namespace, session: Session) -> int:
    """The work of ``dom0kit install``.

    :raises UserError: when something fails, or nobody can be asked.
    """
    session.reporter.emit("started", text=f"installing by the answers in {arguments.answers}")
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
            raise UserError("nobody can be asked whether to erase the disk, this is no terminal", "give --yes")
        if not ask(f"All data on {', '.join(plan.paths)} will be lost. Type 'yes' to install:", session.out):
            session.reporter.emit("failed", text="not confirmed; nothing was changed")
            return 1
    carry_out(plan, session)
    if not arguments.stay:
        finish(plan, session)
    return 0
