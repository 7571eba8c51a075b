"""``dom0kit answers``: check files of answers without a machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from answerfiles.reader import read_answers
from dom0kit.cli import Add
from dom0kit.errors import UserError


def register(add: Add) -> None:
    """Add the room's verbs of ``dom0kit answers``."""
    add("answers check", "say whether files are valid, with every error and its place", configure, run)


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``dom0kit answers check``."""
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")


def run(arguments: argparse.Namespace) -> int:
    """Check each file. Exit code 0 when all are valid, else 1."""
    wrong = 0
    for path in arguments.files:
        try:
            answers = read_answers(path)
        except UserError as error:
            wrong += 1
            print(error, file=sys.stderr)
        else:
            print(f"{path}: valid, installs {answers.host_name} on the disk with {answers.target}")
    return 1 if wrong else 0
