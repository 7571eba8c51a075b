"""The page ``docs/reference/cli.md``, generated from the parsers: ``python -m pipeline.command_reference``."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from dom0kit.cli import build_parser
from dom0kit.fs import write_atomic

PROJECT = Path(__file__).resolve().parents[1]
PAGE = "docs/reference/cli.md"
HEAD = """# Commands

<!-- made by 'make docs' from the parsers of the commands -->

`dom0kit` builds, renders and tests on a build machine, and installs in the live system. `dom0ctl` is the command of an
installed host. `--help` after any command prints what this page has.

| exit code | meaning |
|---|---|
| 0 | success |
| 1 | user error, or the command found what it looks for (`status`, `paths`, `verify`) |
| 2 | wrong arguments |
| 70 | internal error; the traceback belongs into a bug report |
| 130 | interrupted |

`dom0kit qa` has [exit codes of its own](qa.md#run-many).
"""
ON_HOSTS = ("firstboot", "pool")


def leaves(parser: argparse.ArgumentParser, summary: str = "") -> Iterator[tuple[argparse.ArgumentParser, str]]:
    """Yield each command that has no verbs of its own, with its one-line help, in the order of registration."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield parser, summary
    for group in groups:
        helps = {choice.dest: choice.help for choice in group._choices_actions}
        for name, command in group.choices.items():
            if helps.get(name, argparse.SUPPRESS) != argparse.SUPPRESS:
                yield from leaves(command, helps[name] or "")


def values(action: argparse.Action) -> str:
    """Return how the values of an argument are written: ``FILE``, ``FILE...``, ``[STEP]``, or nothing for a switch."""
    if action.nargs == 0:
        return ""
    name = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    word = " ".join(name) if isinstance(name, tuple) else str(name)
    many = {"+": f"{word}...", "*": f"[{word}...]", "?": f"[{word}]", argparse.REMAINDER: f"[{word}...]"}
    if isinstance(action.nargs, int) and not isinstance(name, tuple):
        return " ".join([word] * action.nargs)
    return many.get(str(action.nargs), word)


def spelling(action: argparse.Action) -> str:
    """Return an argument with its names and values, such as ``-o, --output FILE``."""
    if not action.option_strings:
        return values(action)
    return f"{', '.join(action.option_strings)} {values(action)}".rstrip()


def meaning(action: argparse.Action, program: str) -> str:
    """Return an argument's help with its default, without paths of the machine that runs this."""
    text = (action.help or "") % {**vars(action), "prog": program}
    return text.replace(f"{PROJECT}/", "").replace(str(Path.home()), "~").replace("|", "\\|").replace("\n", " ")


def usage(parser: argparse.ArgumentParser, arguments: list[argparse.Action]) -> str:
    """Return the command line with what is required; options that may be left out are in the table."""
    options = [action for action in arguments if action.option_strings]
    required = [f"{action.option_strings[-1]} {values(action)}".rstrip() for action in options if action.required]
    places = [values(action) for action in arguments if not action.option_strings]
    more = ["[OPTIONS]"] if any(not action.required for action in options) else []
    return " ".join([parser.prog, *required, *more, *places])


def section(parser: argparse.ArgumentParser, summary: str) -> str:
    """Return the section of one command."""
    hidden = (argparse.SUPPRESS,)
    arguments = [action for action in parser._actions if action.dest != "help" and action.help not in hidden]
    said = re.sub(r"\s+", " ", summary.replace("|", "\\|")).strip()
    lines = [f"### {parser.prog}", "", f"{said[:1].upper()}{said[1:]}.".replace("..", "."), "", "```", usage(parser, arguments), "```", ""]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| `{spelling(action)}` | {meaning(action, parser.prog)} |" for action in arguments]
        lines += [""]
    return "\n".join(lines)


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    for program, rooms in (("dom0kit", None), ("dom0ctl", ON_HOSTS)):
        parser = build_parser(program) if rooms is None else build_parser(program, rooms)
        parts.append(f"## {program}\n")
        commands = [
            (command, summary) for command, summary in leaves(parser) if rooms or command.prog.split()[1] not in host_words()
        ]
        parts += [section(command, summary) for command, summary in commands]
    return "\n".join(parts)


def host_words() -> set[str]:
    """Return the first words of the commands of installed hosts, which ``dom0kit`` may offer as well."""
    return {command.prog.split()[1] for command, _ in leaves(build_parser("dom0ctl", ON_HOSTS))}


def main() -> int:
    """Write the page."""
    write_atomic(PROJECT / PAGE, page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
