"""Parse the values of command-line options."""

from __future__ import annotations

import re

from dom0kit.errors import UserError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


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
