"""The generated part of a documentation page, between two lines that mark it (pure)."""

from __future__ import annotations

from dom0kit.errors import UserError


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
