"""Managed block (begin/end markers) in a shared text file."""

from __future__ import annotations


def outside(text: str, begin: str, end: str) -> list[str]:
    """Return the lines that are not between the markers.

    A begin marker without an end marker hides nothing: the lines after it belong to others.
    """
    around: list[str] = []
    held: list[str] | None = None
    for line in text.splitlines():
        if line == begin and held is None:
            held = []
        elif line == end and held is not None:
            held = None
        elif held is not None:
            held.append(line)
        else:
            around.append(line)
    return [*around, *(held or [])]
