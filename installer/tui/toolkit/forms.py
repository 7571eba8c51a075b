"""What a screen shows, as frozen values: a renderer draws it, a test reads it. Nothing here knows of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

REFRESH_MILLISECONDS = 500
"""Interval at which a live screen looks for news.

Kind: pace. Reason: people notice delays from half a second on. Expiry: the next look.
"""
WAIT_REFRESH_MILLISECONDS = 300
"""Interval at which a screen looks whether the job that it shows has ended.

Kind: pace. Reason: the next screen follows at once. Expiry: the next look.
"""

PROBLEM = 2
"""Rows above the buttons for what is wrong."""

Value = str | bool | tuple[str, ...]
Values = Mapping[str, Value]
"""What was typed or chosen, by field name: text, a check box, or the keys of a check list."""

NEXT, BACK, HELP = "next", "back", "help"
WIDTH = 74
"""Columns that the content of a form may take."""
HEIGHT = 18
"""Rows that the content of a form takes, buttons included; a screen of 80 by 23 holds it with frame, title and key line."""


def accept(text: str) -> str:
    """The check of a field that takes any text."""
    return ""


@dataclass(frozen=True)
class Text:
    """Words; wrapped. With a name a live form may change them, within ``rows`` rows."""

    text: str
    name: str = ""
    rows: int = 0


@dataclass(frozen=True)
class Gap:
    """An empty row."""


@dataclass(frozen=True)
class Entry:
    """A line to type in.

    :param check: says what is wrong with what was typed, and how to mend it; empty when nothing is.
    :param password: show stars.
    """

    name: str
    label: str
    value: str = ""
    check: Callable[[str], str] = field(default=accept, compare=False)
    password: bool = False
    width: int = 40


@dataclass(frozen=True)
class Check:
    """A box that is ticked or not."""

    name: str
    label: str
    value: bool = False


@dataclass(frozen=True)
class Radio:
    """One of a few; ``options`` are (key, label)."""

    name: str
    options: tuple[tuple[str, str], ...]
    value: str = ""


@dataclass(frozen=True)
class Row:
    """A row of a table; one with a reason in ``why_not`` is shown but may not be chosen."""

    key: str
    cells: tuple[str, ...]
    why_not: str = ""
    details: str = ""


@dataclass(frozen=True)
class Table:
    """One of many: a list with columns, whose bar is the choice.

    :param widths: the columns' limits.
    :param gap: columns between two columns of the list.
    :param pane: rows below the list that show the details of the row under the bar.
    """

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    value: str = ""
    widths: tuple[int, ...] = ()
    height: int = 8
    gap: int = 2
    pane: int = 0


@dataclass(frozen=True)
class CheckList:
    """Any of many: as a table, each row with a box."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    value: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    height: int = 8
    gap: int = 2


@dataclass(frozen=True)
class Scroll:
    """A long text that scrolls when it has more lines than ``height``; it is not wrapped.

    :param enter: whether Enter in it means the form's first button; not where that one does harm.
    """

    text: str
    height: int = 12
    enter: bool = True


@dataclass(frozen=True)
class Gauge:
    """A bar from 0 to 1."""

    name: str
    fraction: float = 0.0


Item = Text | Gap | Entry | Check | Radio | Table | CheckList | Scroll | Gauge
Buttons = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Form:
    """A whole screen.

    :param buttons: (key, label); the first is what Enter in a list means.
    :param default: the button that has the focus at first; empty: the first field, or the first button without fields.
    :param every: of a live form, the milliseconds between two looks at what has changed; 0 for all others.
    """

    title: str
    items: tuple[Item, ...]
    buttons: Buttons = ((NEXT, "Next"), (BACK, "Back"))
    help: str = ""
    default: str = ""
    every: int = 0

    def fields(self) -> Iterator[Entry | Check | Radio | Table | CheckList]:
        """What can be filled in, in order."""
        for item in self.items:
            if isinstance(item, Entry | Check | Radio | Table | CheckList):
                yield item

    def values(self) -> dict[str, Value]:
        """What the form holds when nobody touches it."""
        return {item.name: initial(item) for item in self.fields()}

    def row(self, name: str, key: str) -> Row | None:
        """A row of a table or check list."""
        for item in self.items:
            if isinstance(item, Table | CheckList) and item.name == name:
                return next((row for row in item.rows if row.key == key), None)
        return None


def initial(item: Entry | Check | Radio | Table | CheckList) -> Value:
    """What a field holds when nobody touches it: a list without a choice stands on its first row that may be chosen."""
    if isinstance(item, Table) and item.value not in {row.key for row in item.rows}:
        free = [row.key for row in item.rows if not row.why_not] or [row.key for row in item.rows]
        return free[0] if free else ""
    if isinstance(item, Radio) and item.value not in dict(item.options):
        return item.options[0][0]
    return item.value


def refilled(form: Form, values: Values) -> Form:
    """A form with other values in its fields."""
    return replace(form, items=tuple(_with(item, values.get(getattr(item, "name", ""))) for item in form.items))


def _with(item: Item, value: Value | None) -> Item:
    if isinstance(item, Check):
        return replace(item, value=value) if isinstance(value, bool) else item
    if isinstance(item, CheckList):
        return replace(item, value=value) if isinstance(value, tuple) else item
    return replace(item, value=value) if isinstance(item, Entry | Radio | Table) and isinstance(value, str) else item


@dataclass(frozen=True)
class Problem:
    """Something that must be mended before it goes on; ``field`` is where, empty for the whole screen."""

    field: str
    text: str


@dataclass(frozen=True)
class Update:
    """What a live form shows now; ``done`` ends it as if that button were pressed."""

    texts: Mapping[str, str] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    done: str = ""


@dataclass(frozen=True)
class Reply:
    """How a person left a form: the button's key, or ``help``; and all values as they stood."""

    button: str
    values: dict[str, Value]
