"""The command ``dom0kit answers convert``: files and folders of XenServer's XML to YAML."""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from pydantic_core import PydanticCustomError

from answerfiles.conversion.conversion import Conversion, convert_text
from answerfiles.conversion.script_pinning import pin
from answerfiles.host_naming import is_rule, name_or_rule
from answerfiles.reader import is_xml, read_text, to_stderr
from answerfiles.validation import AnswersError
from dom0kit.arguments.paths import path
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic
from dom0kit.units import MIB

INCOMPLETE = 3
"""Exit code when everything that could be converted was written, and something is left to do."""
LARGEST = 20 * MIB
ANSWER_FILE = re.compile("<(?:installation|upgrade|restore)[\\s/>]")
EPILOG = f"""\
examples:
  dom0kit answers convert answerfile.xml -o host.yaml
  dom0kit answers convert --fetch --host-name 'xen-{{serial}}' answerfiles/ -o converted/

What cannot be converted is a TODO comment in the YAML and an error on standard error. Exit code
{INCOMPLETE} says that there is one. In folders, files that hold an answer file are converted, whatever
their name; others are left alone."""


def register(add: Add) -> None:
    """Register the command."""
    add(
        "answers convert",
        "make answers of XenServer or XCP-ng answer files (XML)",
        configure,
        run,
    )


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit answers convert``."""
    parser.add_argument("files", nargs="+", type=path, metavar="FILE", help="an answer file in XML, or a folder with such files")
    parser.add_argument(
        "-o",
        "--output",
        type=path,
        metavar="PATH",
        help="the YAML file to write (default: print it); a folder for several files, which is made",
    )
    parser.add_argument(
        "--host-name",
        default="",
        metavar="NAME",
        help="host name in place of the file's: a name, 'dhcp', or a template of {serial}, {uuid}, {mac} and {asset}",
    )
    parser.add_argument(
        "--fetch",
        action="store_true",
        help="fetch scripts once and pin their SHA-256; scripts of the type file are read from this machine into the YAML",
    )
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter


@dataclass(frozen=True)
class _Source:
    """A file to convert.

    :param name: its name below the folder that was given; its own name when it was given itself.
    """

    path: Path
    name: Path
    text: str


def run(arguments: argparse.Namespace) -> int:
    """Convert everything; nothing is written when an argument is wrong."""
    several = len(arguments.files) > 1 or arguments.files[0].is_dir()
    if several and arguments.output is None:
        raise UserError("several files need a folder to be written to", "give -o FOLDER")
    if arguments.host_name:
        _check_host_name(arguments.host_name, several)
    sources = [source for path in arguments.files for source in _sources(path)]
    into_folder = several or (arguments.output is not None and arguments.output.is_dir())
    targets = _targets(arguments.output, sources) if into_folder else [arguments.output]
    for source, target in zip(sources, targets, strict=True):
        if target is not None and target.exists() and target.samefile(source.path):
            raise UserError(f"{target} would be written over itself", "name another file or folder with -o")
    left = 0
    written = 0
    for source, target in zip(sources, targets, strict=True):
        made = _convert(source, arguments.host_name, arguments.fetch)
        left += made is None or bool(made.todos)
        if made is not None:
            written += 1
            _write(made, target)
    if several:
        print(f"{arguments.output}: {written} of {len(sources)} files written, {left or 'none'} with something to do")
    return INCOMPLETE if written and left else 1 if left else 0


def _check_host_name(name: str, several: bool) -> None:
    """Check the option.

    :raises UserError: when it is no name, or one name for several hosts.
    """
    try:
        name_or_rule(name)
    except PydanticCustomError as error:
        raise UserError(f"--host-name {name!r} is not valid", f"allowed: {error.message()}") from None
    if several and not is_rule(name):
        raise UserError("several hosts cannot have one name", "give --host-name a template, as 'xen-{serial}', or dhcp")


def _sources(path: Path) -> list[_Source]:
    """Return the file, or the answer files of a folder, whatever they are called.

    :raises UserError: when there is nothing to convert.
    """
    if not path.is_dir():
        text = read_text(path)
        if not is_xml(text):
            raise UserError(f"{path} is not XML", "'dom0kit answers check' reads YAML")
        return [_Source(path, Path(path.name), text)]
    found = []
    for inside in sorted(path.rglob("*")):
        if not inside.is_file() or inside.stat().st_size > LARGEST:
            continue
        try:
            text = read_text(inside)
        except UserError:
            continue
        if is_xml(text) and (inside.suffix.lower() == ".xml" or ANSWER_FILE.search(text)):
            found.append(_Source(inside, inside.relative_to(path), text))
    if not found:
        raise UserError(f"{path} has no answer file", "name a folder with XenServer's or XCP-ng's XML")
    return found


def _targets(folder: Path, sources: list[_Source]) -> list[Path | None]:
    """Return where each file is written to: a.xml to a.yaml, or to a.xml.yaml where that would be two files."""
    plain = [source.name.with_suffix(".yaml") for source in sources]
    count = Counter(plain)
    names = [
        short if count[short] == 1 else source.name.with_name(f"{source.name.name}.yaml")
        for short, source in zip(plain, sources, strict=True)
    ]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise UserError(f"several files would be written to {folder / twice[0]}", "convert them one after the other")
    return [folder / name for name in names]


def _convert(source: _Source, host_name: str, fetch: bool) -> Conversion | None:
    """Convert a file and print its warnings and errors; None when nothing of it can be read."""
    file = str(source.path)
    try:
        made = convert_text(source.text, file, source.path.name, host_name=host_name, pin=pin if fetch else None)
    except AnswersError as error:
        print(f"error: {error}", file=sys.stderr)
        return None
    for warning in made.warnings:
        to_stderr(warning.render(file))
    for todo in made.todos:
        print(f"error: {todo.render(file)}", file=sys.stderr)
    return made


def _write(made: Conversion, target: Path | None) -> None:
    """Write a file that only its owner can read, because the password's hash is in it; without a target print it."""
    if target is None:
        print(made.text, end="")
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, made.text, 0o600)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror}") from error
    warnings = f"{len(made.warnings) or 'no'} warning{'s' if len(made.warnings) != 1 else ''}"
    done = f"{len(made.todos)} thing{'s' if len(made.todos) != 1 else ''} to do, search for TODO" if made.todos else "converted"
    print(f"{target}: {done}, {warnings}")
