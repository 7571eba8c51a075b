"""The page ``cli.md``, generated from the parsers of the commands."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from dom0kit.cli import Program, build_parser
from programs import build_machine, dom0_image, dom0ctl
from reference_pages.page import PROJECT, cell

HEAD = """# Commands

<!-- made by 'make docs' from the parsers of the commands -->

Each command prints the same by `--help`. Commands that only systemd or sshd runs are left out.

| exit code | meaning |
|---|---|
| 0 | success |
| 1 | user error, or a check found something |
| 2 | wrong arguments |
| 70 | internal error: report it with the lines that it printed |
| 130 | interrupted |

`dom0kit qa` has [additional exit codes](qa.md#run-many).
"""
PROGRAMS = (
    ("dom0kit on a build machine", build_machine.PROGRAM),
    ("dom0kit in the image", dom0_image.PROGRAM),
    ("dom0ctl", dom0ctl.PROGRAM),
)


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
    return f"{', '.join(action.option_strings)} {values(action)}".rstrip().replace("|", "\\|")


def meaning(action: argparse.Action, program: str) -> str:
    """Return an argument's help with its default, without paths of the machine that runs this."""
    text = (action.help or "") % {**vars(action), "prog": program}
    return cell(clean(text))


def clean(text: str) -> str:
    """Return `text` without paths of the machine that runs this."""
    return text.replace(f"{PROJECT}/", "").replace(str(Path.home()), "~")


def usage(parser: argparse.ArgumentParser, arguments: list[argparse.Action]) -> str:
    """Return the command line with what is required; options that may be left out are in the table."""
    options = [action for action in arguments if action.option_strings]
    required = [f"{action.option_strings[-1]} {values(action)}".rstrip() for action in options if action.required]
    places = [values(action) for action in arguments if not action.option_strings]
    more = ["[OPTIONS]"] if any(not action.required for action in options) else []
    return " ".join([parser.prog, *required, *more, *places])


def section(parser: argparse.ArgumentParser, summary: str) -> str:
    """Return the section of one command."""
    arguments = [action for action in parser._actions if action.dest != "help" and action.help != argparse.SUPPRESS]
    said = " ".join(summary.replace("|", "\\|").split())
    sentence = said[:1].upper() + said[1:] + ("" if said.endswith(("?", ".")) else ".")
    lines = [f"### {parser.prog}", "", sentence, "", "```", usage(parser, arguments), "```", ""]
    if arguments:
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| `{spelling(action)}` | {meaning(action, parser.prog)} |" for action in arguments]
        lines += [""]
    if parser.epilog:
        lines += ["```", clean(parser.epilog.strip()), "```", ""]
    return "\n".join(lines)


def program_text(title: str, program: Program, seen: set[str]) -> str:
    """Return the part of one program; commands that an earlier program has as well are only named.

    :param seen: the commands so far; those of this program are added.
    """
    commands = list(leaves(build_parser(program)))
    again = [f"`{command.prog}`" for command, _ in commands if command.prog in seen]
    parts = [f"## {title}\n", f"{program.summary} {program.description}\n"]
    if again:
        parts.append(f"Has {', '.join(again)}, as above.\n")
    parts += [section(command, summary) for command, summary in commands if command.prog not in seen]
    seen |= {command.prog for command, _ in commands}
    return "\n".join(parts)


def page() -> str:
    """Return the page."""
    seen: set[str] = set()
    return "\n".join([HEAD, *(program_text(title, program, seen) for title, program in PROGRAMS)])
