"""Render a form as plain text lines, for tests and logs."""

from __future__ import annotations

from installer.tui.toolkit.forms import (
    HEIGHT,
    WIDTH,
    Check,
    CheckList,
    Entry,
    Form,
    Gauge,
    Item,
    Radio,
    Scroll,
    Table,
    Text,
    initial,
)
from installer.tui.toolkit.layout import (
    button_line,
    entry_width,
    header_text,
    label_width,
    list_height,
    list_rows,
    pane_lines,
    place,
    problem_lines,
    wrap,
)


def draw(form: Form, problem: str = "") -> list[str]:
    """Return the rows of a form.

    :raises TooLarge: when the form does not fit the screen.
    """
    placed, spare = place(form)
    lines = [line for part in placed for line in item_lines(form, part.item, part.height)]
    lines += [""] * spare + [*(line.rstrip() for line in problem_lines(problem)), button_line(form)]
    assert len(lines) == HEIGHT
    return lines


def item_lines(form: Form, item: Item, height: int) -> list[str]:
    """Return the lines of one item."""
    lines = [""]
    if isinstance(item, Text):
        lines = wrap(item.text)
    elif isinstance(item, Entry):
        shown = "*" * len(item.value) if item.password else item.value
        lines = [f"{item.label.ljust(label_width(form))}  {shown.ljust(entry_width(form, item), '_')}"]
    elif isinstance(item, Check):
        lines = [f"[{'*' if item.value else ' '}] {item.label}"]
    elif isinstance(item, Radio):
        lines = [f"{'>' if key == initial(item) else ' '} {label}" for key, label in item.options]
    elif isinstance(item, Table | CheckList):
        lines = _list_lines(item)
    elif isinstance(item, Scroll):
        lines = item.text.splitlines()[:height]
    elif isinstance(item, Gauge):
        full = round(item.fraction * WIDTH)
        lines = ["#" * full + "." * (WIDTH - full)]
    return (lines + [""] * height)[:height]


def _list_lines(item: Table | CheckList) -> list[str]:
    lines = []
    for row, text in list_rows(item)[: list_height(item)]:
        if isinstance(item, CheckList):
            lines.append(f"[{'*' if row.key in item.value else ' '}] {text}")
        else:
            lines.append(f"{'>' if row.key == initial(item) else ' '} {text}")
    margin = "    " if isinstance(item, CheckList) else "  "
    lines = [margin + header_text(item), *lines] if item.header else lines
    return [*lines, "", *pane_lines(item, str(initial(item)))] if isinstance(item, Table) and item.pane else lines
