"""A generated page of the documentation, and what several of them need (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Page:
    """A file in ``docs/reference/`` that is made from the code.

    :ivar name: its name in that folder.
    :ivar render: returns the new text for the present one, which is "" for a file that does not exist.
    """

    name: str
    render: Callable[[str], str]


def cell(text: str) -> str:
    """Escape a text for a cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


def renewed(text: str, begin: str, made: str, end: str, what: str) -> str:
    """Return a page with its generated part replaced; the text around it stays.

    :param begin: the line before the part.
    :param end: the line after it.
    :param what: the part as a noun, for the message.
    :raises UserError: when the page has no place for it.
    """
    before, first, rest = text.partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise UserError(f"the page has no place for the {what}", f"put the lines {begin!r} and {end!r} into it")
    return f"{before}{begin}\n\n{made}\n{end}{after}"
