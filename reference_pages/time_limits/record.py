"""A time limit as its source documents it, and the values as people write them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

KINDS = {
    "cap": (
        "a guard against something that hangs: the wait itself ends on a condition",
        "no: at least four times what a machine needs that is four times slower than an idle one",
    ),
    "protocol": ("time of the network, of another machine or of hardware", "no: the other side sets the time"),
    "configured": ("the user sets it; the value is the default", "as the user decides"),
    "pace": ("a pause between two looks or tries", "no: nothing fails when it ends"),
    "screen": ("the time of the user in front of a screen", "no: the user can repeat it"),
}
"""Each kind with what it is, and whether its limits depend on the speed of the machine."""
FIELDS = re.compile(r"^(?P<what>.*?)\.? Kind: (?P<kind>\w+)\. Reason: (?P<reason>.*?)\. Expiry: (?P<expiry>.*?)\.?$")


@dataclass(frozen=True)
class Limit:
    """One limit.

    :param where: the file, relative to the project.
    :param name: of the constant or of the setting.
    :param value: with its unit, as in ``30 min``.
    :param kind: a key of :data:`KINDS`.
    """

    where: str
    name: str
    value: str
    what: str
    kind: str
    reason: str
    expiry: str


def fields(text: str) -> dict[str, str] | None:
    """Return ``what``, ``kind``, ``reason`` and ``expiry`` of a docstring or a comment; None without them."""
    match = FIELDS.match(" ".join(text.split()))
    if match is None or match["kind"] not in KINDS:
        return None
    return match.groupdict()


def number(value: float) -> str:
    """Return a number without a needless fraction."""
    return str(int(value)) if value == int(value) else str(value)


def duration(seconds: float) -> str:
    """Return seconds in the largest unit that makes a whole number from two on, as ``90 s``, ``30 min``, ``2 h``."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size and seconds % size == 0:
            return f"{number(seconds / size)} {unit}"
    return f"{number(seconds)} s"


def value_text(name: str, value: object) -> str:
    """Return a constant's value with its unit, which its name has when it is not the second."""
    if isinstance(value, tuple) and value and isinstance(value[0], str):
        return f"{value[-1]} s"  # a setting of another program, with its value
    if isinstance(value, tuple):
        return ", ".join(value_text(name, item) for item in value)
    if name.endswith("MILLISECONDS"):
        return f"{value} ms"
    assert isinstance(value, int | float)
    return duration(value)
