"""Where everything of a form goes: rows from top to bottom, columns of lists. Pure; both renderers use it."""

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
"""Columns that a list needs beside its text: the scroll bar, and the boxes of a check list."""


class TooLarge(ValueError):
    """A form that does not fit on a screen: a mistake of ours, found by tests."""


@dataclass(frozen=True)
class Placed:
    """An item and the rows that it takes: ``top`` counted from 0, ``height`` in rows."""

    item: Item
    top: int
    height: int


def wrap(text: str, width: int = WIDTH) -> list[str]:
    """Text in lines; line breaks of the text stay, and so do blanks and a ``*`` at a line's beginning."""
    lines: list[str] = []
    for line in text.split("\n"):
        indent = " " * (len(line) - len(line.lstrip("* ")))
        lines += textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return lines


def clip(text: str, width: int) -> str:
    """Text that fits, with a mark where something is missing."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "~"


def height_of(item: Item) -> int:
    """Rows that an item takes."""
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
    """Rows of the list itself: no more than it has, at least one."""
    return max(1, min(item.height, len(item.rows)))


def place(form: Form) -> tuple[tuple[Placed, ...], int]:
    """Items from top to bottom; the buttons stand on the last row, above them is what is wrong.

    :returns: the items, and the number of empty rows below them.
    :raises TooLarge: when the form has more rows than a screen.
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
    """What stands above the buttons, each row at full width, so that nothing of the text before stays."""
    lines = wrap(text)[:PROBLEM]
    return [line.ljust(WIDTH) for line in lines + [""] * (PROBLEM - len(lines))]


def button_line(form: Form) -> str:
    """The row of buttons as text."""
    return "  ".join(f"<{label}>" for _, label in form.buttons)


def columns(item: Table | CheckList) -> list[int]:
    """Widths of the columns, no wider than their limits; the last one takes what is left."""
    cells = [item.header, *(row.cells for row in item.rows)] if item.header else [row.cells for row in item.rows]
    if not cells:
        return []
    count = max(len(row) for row in cells)
    widths = [max((len(row[i]) for row in cells if i < len(row)), default=0) for i in range(count)]
    for i, limit in enumerate(item.widths[:count]):
        widths[i] = min(widths[i], limit) if limit else widths[i]
    room = WIDTH - LIST_MARGIN - (3 if isinstance(item, CheckList) else 0)
    rest = room - sum(widths[:-1]) - item.gap * (count - 1)
    widths[-1] = max(min(widths[-1], rest), 1)
    return widths


def row_text(cells: tuple[str, ...], widths: list[int], gap: int) -> str:
    """A row of a list in its columns."""
    return (" " * gap).join(clip(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=False))


def list_rows(item: Table | CheckList) -> list[tuple[Row, str]]:
    """The rows with their text; those that cannot be chosen say so by a bar in front."""
    widths = columns(item)
    return [(row, row_text(row.cells, widths, item.gap)) for row in item.rows]


def header_text(item: Table | CheckList) -> str:
    """The line above a list, in the columns of the list."""
    return row_text(item.header, columns(item), item.gap)


def pane_lines(item: Table, key: str) -> list[str]:
    """The rows below a list: details of one of its rows."""
    row = next((row for row in item.rows if row.key == key), None)
    lines = wrap(row.details)[: item.pane] if row else []
    return lines + [""] * (item.pane - len(lines))


def label_width(form: Form) -> int:
    """Columns of the labels before entries, so that all entries of a form begin in one column."""
    return max((len(item.label) for item in form.items if isinstance(item, Entry)), default=0)


def entry_width(form: Form, item: Entry) -> int:
    """Columns of an entry: as it wants, but inside the form."""
    return min(item.width, WIDTH - label_width(form) - 2)
