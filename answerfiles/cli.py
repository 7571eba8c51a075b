"""The verbs of ``dom0kit answers`` that need no image and no machine; ``check`` is in the installer, which makes the plan."""

from __future__ import annotations

import argparse
import sys

from answerfiles.conversion import cli as conversion
from answerfiles.inventory.schema import inventory_schema_text
from answerfiles.json_schema import schema_text
from answerfiles.password import ask_password, make_hash
from dom0kit.cli import Add


def register(add: Add) -> None:
    """Register this package's verbs of ``dom0kit answers``."""
    conversion.register(add)
    add(
        "answers schema",
        "print the JSON Schema of answers or inventories, for editors",
        configure_schema,
        run_schema,
        example="dom0kit answers schema >answers.schema.json\ndom0kit answers schema --inventory >inventory.schema.json",
    )
    add(
        "answers hash-password",
        "ask for a password and print its hash",
        lambda parser: None,
        run_hash_password,
        example="dom0kit answers hash-password",
    )


def configure_schema(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``dom0kit answers schema``."""
    parser.add_argument("--inventory", action="store_true", help="the schema of inventories; without it that of answers")


def run_schema(arguments: argparse.Namespace) -> int:
    """Print the schema."""
    sys.stdout.write(inventory_schema_text() if arguments.inventory else schema_text())
    return 0


def run_hash_password(arguments: argparse.Namespace) -> int:
    """Print the hash of a password, alone on standard output."""
    print(make_hash(ask_password()))
    return 0
