"""Options that several verbs of ``dom0ctl pool`` have, and the values of options."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from dom0kit.arguments.paths import path
from dom0kit.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def add_root(parser: argparse.ArgumentParser) -> None:
    """Add the hidden option that names another root folder, for test networks."""
    parser.add_argument("--root", type=path, default=Path("/"), metavar="FOLDER", help=argparse.SUPPRESS)


def add_list_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of a verb that prints a list."""
    add_root(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def whole(text: str, least: int, most: int, option: str) -> int:
    """Parse a whole number.

    :raises UserError: when the text is not a number or is out of bounds.
    """
    if not re.fullmatch(r"[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise UserError(f"{option} {text!r} is not a number from {least} to {most}")
    return int(text)


def duration(text: str) -> int:
    """Parse a duration such as ``90s``, ``30m``, ``1h`` or ``7d``.

    :returns: seconds.
    :raises UserError: when the text is not a duration or is longer than a year.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,7})([smhd])", text)
    if not found or int(found[1]) * UNITS[found[2]] > 366 * 86400:
        raise UserError(f"--ttl {text!r} is not a duration of at most a year", "use a number and a unit: 90s, 30m, 1h, 7d")
    return int(found[1]) * UNITS[found[2]]
