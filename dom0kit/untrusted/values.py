"""Numbers, addresses and JSON from outside, which Python's own readers take too generously."""

from __future__ import annotations

import ipaddress
import json
import math
from typing import Any

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
DEEPEST = 64
"""Levels of lists and objects in a JSON document from outside."""


def number(value: Any, least: float, most: float, default: float | None = None) -> float:
    """Return a finite number within bounds; one that is out of bounds becomes the nearest bound.

    :param default: for anything that is no finite number; ``least`` when None.
    """
    otherwise = least if default is None else default
    if isinstance(value, bool) or not isinstance(value, int | float):
        return otherwise
    if isinstance(value, float) and not math.isfinite(value):
        return otherwise
    # Compared before it becomes a float: an integer of 400 digits has none.
    return float(least if value < least else most if value > most else value)


def whole_number(text: str, least: int, most: int, default: int) -> int:
    """Return a number that firmware or the kernel wrote in decimal ASCII digits; ``default`` for anything else."""
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        return default
    value = int(text)
    return value if least <= value <= most else default


def ip_address(value: Any) -> Address:
    """Return the IP address that a text is.

    A zone (``fe80::1%eth0``) is refused: it may hold any characters, and means something on the sender's machine alone.

    :raises ValueError: for anything else, such as numbers, which the ipaddress module takes.
    """
    if not isinstance(value, str) or "%" in value:
        raise ValueError("not an IP address without a zone")
    return ipaddress.ip_address(value)


def is_ip_address(value: Any) -> bool:
    """Return whether a value is the text of an IP address without a zone."""
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def read_json(data: str | bytes) -> Any:
    """Parse JSON as RFC 8259 has it.

    Python's own reader also takes NaN and Infinity, reads 1e999 as infinity, and takes a document that is nested until its
    stack ends.

    :raises ValueError: for anything else, with the reason.
    """
    try:
        value = json.loads(data, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if _depth_exceeds(value, DEEPEST):
        raise ValueError("it is nested too deeply")
    return value


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number of JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value


def _depth_exceeds(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
