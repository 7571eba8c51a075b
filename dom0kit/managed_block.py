"""A block of lines of our own, between two marks, in a text file that others write as well."""

from __future__ import annotations


def outside(text: str, begin: str, end: str) -> list[str]:
    """Return the lines that are not between the markers.

    A begin mark without its end, as a power cut may leave it, hides nothing: what follows it are somebody's lines.
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
