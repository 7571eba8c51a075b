"""The command ``dom0kit``: a table of subcommands, each in the room that does the work.

Rooms are loaded by name and only when they are there: the build side stays on the build host, and the installed
host offers what travelled with it. A room's ``cli`` module has one function ``register(add)`` that calls
``add(name, help, configure, function)`` for each subcommand. A name of several words, as ``answers check``, is a verb of a
group: rooms that may not import each other can offer verbs of the same group.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dom0kit import __version__
from dom0kit.errors import UserError

GROUPS = {
    "answers": "answer files: check, convert, render, serve",
    "pool": "the pool that this host belongs to",
    "pool token": "join tokens: create, list, revoke",
}
ROOMS = ("pipeline", "image", "iso", "answerfiles", "installer", "firstboot", "pool", "qa")
ON_HOSTS = ("firstboot", "pool")

Configure = Callable[[argparse.ArgumentParser], None]
Function = Callable[[argparse.Namespace], int]
Add = Callable[[str, str, Configure, Function], None]


def build_parser(program: str, rooms: Sequence[str] = ROOMS) -> argparse.ArgumentParser:
    """The parser with the subcommands of every room that is installed."""
    parser = argparse.ArgumentParser(
        prog=program, description="Build, install and test Xen hosts from one small ISO.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"dom0kit {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    groups: dict[str, Any] = {"": commands}

    def verbs_of(group: str) -> Any:
        if group not in groups:
            above, _, word = group.rpartition(" ")
            parent = verbs_of(above).add_parser(word, help=GROUPS[group], description=GROUPS[group], allow_abbrev=False)
            groups[group] = parent.add_subparsers(title="verbs", metavar="VERB", required=True)
        return groups[group]

    def add(name: str, help: str, configure: Configure, function: Function) -> None:
        group, _, verb = name.rpartition(" ")
        command = verbs_of(group).add_parser(verb, help=help, description=help, allow_abbrev=False)
        configure(command)
        command.set_defaults(function=function)

    for room in rooms:
        if importlib.util.find_spec(room) is None or importlib.util.find_spec(f"{room}.cli") is None:
            continue
        importlib.import_module(f"{room}.cli").register(add)
    return parser


def main(argv: Sequence[str] | None = None, *, program: str | None = None) -> int:
    """Run a subcommand. Exit codes: 0 well, 1 a user's error, 2 wrong arguments, 70 a bug of ours, 130 interrupted."""
    name = program or Path(sys.argv[0]).name
    parser = build_parser(name if name in ("dom0kit", "dom0ctl") else "dom0kit", ON_HOSTS if name == "dom0ctl" else ROOMS)
    arguments = parser.parse_args(argv)
    # Ended by its caller, a command cleans up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return int(arguments.function(arguments))
    except UserError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt:
        print(f"\n{parser.prog}: interrupted", file=sys.stderr)
        return 130
    except Exception:
        traceback.print_exc()
        print(f"{parser.prog}: this is a bug in dom0kit; please report it with the lines above", file=sys.stderr)
        return 70


if __name__ == "__main__":
    sys.exit(main())
