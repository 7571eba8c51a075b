"""Man pages and shell completion of a program, made from its parser.

Run as ``python3 -m image.manuals FOLDER MODULE:SECTION...``: FOLDER gets the layout of /usr/share, MODULE is one of ``programs``
and has a ``PROGRAM``. The dom0-host element and the Debian package run it. Results depend on the parsers, on the version of
Python, whose argparse writes the usage lines, and on SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import importlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from dom0kit import __version__
from dom0kit.arguments import paths
from dom0kit.cli import EXAMPLES, Program, build_parser

COLUMNS = "100"
"""The width of usage lines, whatever the terminal of the build."""
MACROS = re.compile(r"\.(TH|SH|SS|TP|RS|RE|B|PP|nf|fi|UR|UE)\b")
FOLDERS = ("DIR", "FOLDER", "IMAGE_DIR")
"""Metavars of arguments that name a folder."""


def visible(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Remove the hidden commands of a parser, and return it."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            shown = {pseudo.dest for pseudo in action._choices_actions}
            for name in set(action.choices) - shown:
                del action._name_parser_map[name]
            for child in action.choices.values():
                visible(child)
    return parser


def below(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parsers of all commands and verbs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in action.choices.values():
                yield child
                yield from below(child)


def man_page(program: Program, section: int, epoch: int) -> str:
    """Return the man page of a program: one page for all its commands.

    :param epoch: the page's date, seconds since 1970.
    """
    parser = visible(build_parser(program))
    for command in below(parser):
        # The description is the line of help, which the page has already.
        examples = EXAMPLES.search(command.epilog or "")
        command.description = "\n\n".join(f"Example: {line.strip()}" for line in examples[1].splitlines()) if examples else None
    parser.description, parser.epilog = program.description, None
    page = Manpage(parser, format="single-commands-section")
    page.description = program.summary.rstrip(".")
    page.date = datetime.datetime.fromtimestamp(epoch, datetime.UTC).date().isoformat()
    page.source, page.manual, page.section = f"dom0kit {__version__}", "dom0kit", section
    page.add_section("examples", "=", "\n".join([".nf", *map(_escaped, program.example.splitlines()), ".fi"]))
    page.add_section("exit status", "=", "0 success, 1 user error, 2 usage, 70 internal error, 130 interrupted.")
    return "".join(f"{_text(line)}\n" for line in str(page).splitlines())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


def _text(line: str) -> str:
    # roff takes a line that begins with a dot or an apostrophe for a request, unless something stands before it (groff(7)).
    return line if line[:1] not in (".", "'") or MACROS.match(line) else f"\\&{line}"


def completion(program: Program, shell: str) -> str:
    """Return the completion script of a program.

    :param shell: ``bash`` or ``zsh``.
    """
    parser = visible(build_parser(program))
    for command in (parser, *below(parser)):
        for action in command._actions:
            if action.type in paths.TYPES:
                action.complete = shtab.DIRECTORY if action.metavar in FOLDERS else shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def write(share: Path, program: Program, section: int, epoch: int) -> list[Path]:
    """Write man page and completion below a folder with the layout of /usr/share, and return the files."""
    files = {
        f"man/man{section}/{program.name}.{section}.gz": gzip.compress(man_page(program, section, epoch).encode(), mtime=0),
        f"bash-completion/completions/{program.name}": completion(program, "bash").encode(),
        f"zsh/vendor-completions/_{program.name}": completion(program, "zsh").encode(),
    }
    written = []
    for name, content in files.items():
        path = share / name
        for folder in reversed(path.relative_to(share).parents):
            if not (share / folder).is_dir():
                (share / folder).mkdir(mode=0o755)
        path.write_bytes(content)
        path.chmod(0o644)
        written.append(path)
    return written


def main(argv: list[str]) -> int:
    """Write the files of the programs that are named."""
    os.environ["COLUMNS"] = COLUMNS
    share = Path(argv[0])
    for word in argv[1:]:
        module, _, section = word.partition(":")
        program: Program = importlib.import_module(module).PROGRAM
        for path in write(share, program, int(section), int(os.environ["SOURCE_DATE_EPOCH"])):
            print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
