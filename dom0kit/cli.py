"""Command lines: programs, their subcommands, exit codes.

The package ``programs`` lists the ``register`` functions of each program. A ``register`` function calls :class:`Add` once for
each subcommand. A name of several words, such as ``answers check``, is a verb of a group: packages that may not import each
other can add verbs to the same group.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
import textwrap
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from dom0kit import __version__
from dom0kit.arguments.parser import HINT, Parser, drop_output, prepare_output
from dom0kit.arguments.paths import sentence_about
from dom0kit.errors import OF_HARDWARE, UserError
from dom0kit.untrusted.text import show

EXIT_CODES = "exit codes:\n  0 success, 1 user error, 2 usage, 70 internal error, 130 interrupted"
EXAMPLES = re.compile(r"^examples?:\n((?:  .*(?:\n|$))+)", re.M)
"""The examples in an epilog; the group has their lines, indented."""
LINE = 100
"""Columns that a description is wrapped to."""

Configure = Callable[[argparse.ArgumentParser], None]
Function = Callable[[argparse.Namespace], int]


class Add(Protocol):
    """Add a subcommand.

    :param name: one word, or the words of a group and a verb.
    :param help: one line for the list of commands; also the description.
    :param configure: adds the arguments to the subcommand's parser; it may set an epilog with examples.
    :param function: does the work and returns the exit code.
    :param example: a command line to copy; left out when ``configure`` sets an epilog.
    :param hidden: run by systemd or sshd: it works, but no list of commands shows it.
    """

    def __call__(
        self, name: str, help: str, configure: Configure, function: Function, *, example: str = "", hidden: bool = False
    ) -> None:
        """Add it."""
        ...


Register = Callable[[Add], None]


@dataclass(frozen=True)
class Group:
    """A command that has verbs.

    :ivar help: one line for the list of commands; also the description.
    :ivar example: a command line to copy.
    """

    help: str
    example: str


@dataclass(frozen=True)
class Program:
    """A program and its subcommands.

    :ivar name: what users type.
    :ivar summary: one line.
    :ivar description: what it is for.
    :ivar example: command lines to copy.
    :ivar registers: one function for each package, in the order of ``--help``.
    :ivar groups: by name; ``pool token`` is a group in the group ``pool``.
    :ivar quick: by subcommand, a function that adds it alone: what the other subcommands import is not waited for.
    """

    name: str
    summary: str
    description: str
    example: str
    registers: Sequence[Register]
    groups: Mapping[str, Group] = field(default_factory=dict)
    quick: Mapping[str, Register] = field(default_factory=dict)


def build_parser(program: Program) -> argparse.ArgumentParser:
    """Return the parser of a program with all its subcommands."""
    parser = Parser(
        prog=program.name,
        description=_wrapped(f"{program.summary}\n\n{program.description}"),
        epilog=f"{_examples(program.example)}\n\n{EXIT_CODES}\n\n'{program.name} COMMAND --help' explains a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"dom0kit {__version__}")
    groups: dict[str, Any] = {"": parser.add_subparsers(title="commands", metavar="COMMAND", required=True)}

    def verbs_of(name: str) -> Any:
        if name not in groups:
            above, _, word = name.rpartition(" ")
            group = program.groups[name]
            parent = _add_parser(verbs_of(above), word, group.help, hidden=False)
            parent.epilog = _examples(group.example)
            groups[name] = parent.add_subparsers(title="verbs", metavar="VERB", required=True)
        return groups[name]

    def add(name: str, help: str, configure: Configure, function: Function, *, example: str = "", hidden: bool = False) -> None:
        group, _, verb = name.rpartition(" ")
        command = _add_parser(verbs_of(group), verb, help, hidden=hidden)
        configure(command)
        if example:
            command.epilog = _examples(example)
        command.set_defaults(function=function)

    for register in program.registers:
        register(add)
    return parser


def _add_parser(verbs: Any, name: str, help: str, *, hidden: bool) -> argparse.ArgumentParser:
    # A parser without help is left out of the list of commands.
    shown = {} if hidden else {"help": help}
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, description=_wrapped(help), formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **shown
    )
    return parser


def _wrapped(text: str) -> str:
    return "\n\n".join(textwrap.fill(part, LINE) for part in text.split("\n\n"))


def _examples(lines: str) -> str:
    title = "examples:" if "\n" in lines else "example:"
    return "\n".join([title, *(f"  {line}" for line in lines.splitlines())])


def main(program: Program, argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit code: 0 success, 1 user error, 2 usage, 70 internal error, 130 interrupted.

    A command may have exit codes of its own, which its ``--help`` lists.
    """
    words = sys.argv[1:] if argv is None else argv
    alone = next((register for name, register in program.quick.items() if name.split() == list(words[: len(name.split())])), None)
    parser = build_parser(program if alone is None else replace(program, registers=(alone,)))
    prepare_output()
    given = parser.parse_args(argv)
    # Ended by its caller, a command cleans up as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        code = int(given.function(given))
        # A disk that is full is found here, and not after the end of the program.
        sys.stdout.flush()
        return code
    except UserError as error:
        show(f"{parser.prog}: {error}", sys.stderr)
        return 1
    except BrokenPipeError:
        drop_output()
        return 1
    except KeyboardInterrupt:
        print(f"\n{parser.prog}: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if isinstance(error, OSError) and (sentence := about_system(error, given)):
            drop_output()
            print(f"{parser.prog}: {sentence}", file=sys.stderr)
            return 1
        traceback.print_exc()
        print(f"{parser.prog}: this is a bug in dom0kit; please report it with the lines above", file=sys.stderr)
        return 70


def about_system(error: OSError, given: argparse.Namespace) -> str:
    """Return a sentence and a hint about an error of a path on the command line, or of a disk; "" when it is a bug."""
    if sentence := sentence_about(error, given):
        return sentence
    if error.errno not in OF_HARDWARE:
        return ""
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror}{where}{HINT}a disk fails or is full; see 'dmesg' and 'df'"
