"""The verbs of ``dom0kit answers`` that need no image and no machine; ``check`` is in the installer, which makes the plan."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from answerfiles.json_schema import schema_text
from answerfiles.password import ask_password, make_hash
from answerfiles.reader import is_xml, read_text, to_stderr
from answerfiles.xenserver.convert import convert
from answerfiles.xenserver.yaml_dump import to_yaml
from dom0kit.cli import Add
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic


def register(add: Add) -> None:
    """Register this package's verbs of ``dom0kit answers``."""
    add(
        "answers convert",
        "make answers of a XenServer or XCP-ng answer file (XML)",
        configure_convert,
        run_convert,
        example="dom0kit answers convert answerfile.xml -o host.yaml",
    )
    add(
        "answers schema",
        "print the JSON Schema of answers, for editors",
        lambda parser: None,
        run_schema,
        example="dom0kit answers schema >answers.schema.json",
    )
    add(
        "answers hash-password",
        "ask for a password and print its hash",
        lambda parser: None,
        run_hash_password,
        example="dom0kit answers hash-password",
    )


def configure_convert(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit answers convert``."""
    parser.add_argument("file", type=Path, metavar="FILE.xml", help="the answer file to read")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.yaml", help="the file to write (default: print it)")


def run_convert(arguments: argparse.Namespace) -> int:
    """Convert a file. What cannot be carried over is an error, or a warning on standard error."""
    text = read_text(arguments.file)
    if not is_xml(text):
        raise UserError(f"{arguments.file} is not XML", "'dom0kit answers check' reads YAML")
    converted = convert(text, str(arguments.file))
    for warning in converted.warnings:
        to_stderr(warning.render(str(arguments.file)))
    made = to_yaml(converted.value, arguments.file.name, converted.warnings)
    if arguments.output is None:
        print(made, end="")
        return 0
    try:
        # It holds the password's hash.
        write_atomic(arguments.output, made, 0o600)
    except OSError as error:
        raise UserError(f"cannot write {arguments.output}: {error.strerror}") from error
    print(
        f"{arguments.output}: converted, {len(converted.warnings) or 'no'} warning{'s' if len(converted.warnings) != 1 else ''}"
    )
    return 0


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(schema_text())
    return 0


def run_hash_password(arguments: argparse.Namespace) -> int:
    """Print the hash of a password, alone on standard output."""
    print(make_hash(ask_password()))
    return 0
