"""Layout of forms: rows from top to bottom and columns of lists (pure); used by both renderers."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from installer.tui.toolkit.forms import (
    HEIGHT,
    PROBLEM,
    WIDTH,
    Check,
    CheckList,
    Entry,
    Form,
    Gap,
    Gauge,
    Item,
    Radio,
    Row,
    Scroll,
    Table,
    Text,
)

LIST_MARGIN = 4
"""Columns that a list needs next to its text, for the scroll bar and check boxes."""


class TooLarge(ValueError):
    """Form that does not fit the screen: a bug, found by tests."""


@dataclass(frozen=True)
class Placed:
    """Item with its position: ``top`` (from 0) and ``height`` in rows."""

    item: Item
    top: int
    height: int


def wrap(text: str, width: int = WIDTH) -> list[str]:
    """Return text as lines; keep its line breaks, and its indents and ``*`` bullets."""
    lines: list[str] = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip("* ")))
        lines += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return lines


def clip(text: str, width: int) -> str:
    """Return text cut to ``width``, with a mark where something is missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "~"


def height_of(item: Item) -> int:
    """Return the number of rows of an item."""
    if isinstance(item, Text):
        return max(item.rows, len(wrap(item.text)) if item.text else 0)
    if isinstance(item, Radio):
        return len(item.options)
    if isinstance(item, Table | CheckList):
        return list_height(item) + (1 if item.header else 0) + (item.pane + 1 if isinstance(item, Table) and item.pane else 0)
    if isinstance(item, Scroll):
        return item.height
    assert isinstance(item, Gap | Entry | Check | Gauge)
    return 1


def list_height(item: Table | CheckList) -> int:
    """Return the number of rows of the list itself: at least one."""
    return max(1, min(item.height, len(item.rows)))


def place(form: Form) -> tuple[tuple[Placed, ...], int]:
    """Return the items from top to bottom; problem and buttons take the last rows.

    :returns: the placed items, and the number of empty rows below them.
    :raises TooLarge: when the form has more rows than the screen.
    """
    placed, top = [], 0
    for item in form.items:
        height = height_of(item)
        placed.append(Placed(item, top, height))
        top += height
    spare = HEIGHT - top - PROBLEM - 1
    if spare < 0:
        raise TooLarge(f"the form {form.title!r} has {-spare} rows too many")
    buttons = button_line(form)
    if len(buttons) > WIDTH:
        raise TooLarge(f"the buttons of {form.title!r} are {len(buttons) - WIDTH} columns too wide")
    return tuple(placed), spare


def problem_lines(text: str) -> list[str]:
    """Return the problem rows above the buttons, padded so that they overwrite previous text."""
    lines = wrap(text)[:PROBLEM]
    return [line.ljust(WIDTH) for line in lines + [""] * (PROBLEM - len(lines))]


def button_line(form: Form) -> str:
    """Return the row of buttons as text."""
    return "  ".join(f"<{label}>" for _, label in form.buttons)


def columns(item: Table | CheckList) -> list[int]:
    """Return the column widths, at most their limits; the last column takes the rest."""
    cells = [item.header, *(row.cells for row in item.rows)] if item.header else [row.cells for row in item.rows]
    if not cells:
        return []
    count = max(len(row) for row in cells)
    widths = [max((len(row[i]) for row in cells if i < len(row)), default=0) for i in range(count)]
    for i, limit in enumerate(item.widths[:count]):
        widths[i] = min(widths[i], limit) if limit else widths[i]
    space = WIDTH - LIST_MARGIN - (3 if isinstance(item, CheckList) else 0)
    rest = space - sum(widths[:-1]) - item.gap * (count - 1)
    widths[-1] = max(min(widths[-1], rest), 1)
    return widths


def row_text(cells: tuple[str, ...], widths: list[int], gap: int) -> str:
    """Return one row of a list, aligned in columns."""
    return (" " * gap).join(clip(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=False))


def list_rows(item: Table | CheckList) -> list[tuple[Row, str]]:
    """Return the rows with their aligned text."""
    widths = columns(item)
    return [(row, row_text(row.cells, widths, item.gap)) for row in item.rows]


def header_text(item: Table | CheckList) -> str:
    """Return the header above a list, aligned with its columns."""
    return row_text(item.header, columns(item), item.gap)


def pane_lines(item: Table, key: str) -> list[str]:
    """Return the rows below a list: the details of the row with this key."""
    row = next((row for row in item.rows if row.key == key), None)
    lines = wrap(row.details)[: item.pane] if row else []
    return lines + [""] * (item.pane - len(lines))


def label_width(form: Form) -> int:
    """Return the width of the labels, so that all entries of a form start in one column."""
    return max((len(item.label) for item in form.items if isinstance(item, Entry)), default=0)


def entry_width(form: Form, item: Entry) -> int:
    """Return the width of an entry, limited by the form."""
    return min(item.width, WIDTH - label_width(form) - 2)
