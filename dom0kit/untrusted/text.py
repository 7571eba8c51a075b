"""Text from outside on its way to a terminal or a log: nothing in it may control the terminal or begin a line."""

from __future__ import annotations

from typing import Any, TextIO

LONGEST = 300
"""Characters of a text from outside that are printed."""


def printable(value: Any, longest: int = LONGEST) -> str:
    """Return a text on one line, shortened, with a blank for each character that is not printed as itself.

    Control characters, line and paragraph separators, and those that change the direction of writing or have no width are
    no printable characters (str.isprintable(), Unicode's categories "Other" and "Separator").
    """
    return "".join(c if c.isprintable() else " " for c in str(value)[:longest])


def escaped(text: str) -> str:
    """Return a text on one line, with Python's escape for each character that is not printed as itself: for names to look for."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def lines(text: str) -> str:
    """Return a text of several lines, with ``?`` for each other character that is not printed as itself.

    For errors, which may quote what another machine or a file said; tabs become blanks.
    """
    return "".join(c if c.isprintable() or c == "\n" else " " if c == "\t" else "?" for c in text)


def show(text: str, stream: TextIO) -> None:
    """Print a message of several lines that may quote strangers; characters that the stream cannot write are replaced."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(lines(text).encode(encoding, "replace").decode(encoding), file=stream, flush=True)
