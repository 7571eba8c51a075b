"""Forms as frozen values, independent of any terminal: renderers draw them, tests read them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

REFRESH_MILLISECONDS = 500
"""Interval at which a live screen is refreshed.

Kind: pace. Reason: people notice delays from half a second on. Expiry: the next refresh.
"""
WAIT_REFRESH_MILLISECONDS = 300
"""Interval at which a busy screen checks whether its job has ended.

Kind: pace. Reason: the next screen follows at once. Expiry: the next check.
"""

PROBLEM = 2
"""Rows above the buttons that show a validation problem."""

Value = str | bool | tuple[str, ...]
Values = Mapping[str, Value]
"""Input by field name: text, check box state, or the keys of a check list."""

NEXT, BACK, HELP = "next", "back", "help"
WIDTH = 74
"""Columns available for the content of a form."""
HEIGHT = 18
"""Rows of a form, buttons included; with frame, title and key line it fits 80 x 23."""


def accept_any(text: str) -> str:
    """Return "": the field accepts any text."""
    return ""


@dataclass(frozen=True)
class Text:
    """Wrapped text; if it has a name, a live form can change it within ``rows`` rows."""

    text: str
    name: str = ""
    rows: int = 0


@dataclass(frozen=True)
class Gap:
    """An empty row."""


@dataclass(frozen=True)
class Entry:
    """Single-line input field.

    :param check: returns what is wrong with the input and how to correct it; "" if it is valid.
    :param password: show asterisks.
    """

    name: str
    label: str
    value: str = ""
    check: Callable[[str], str] = field(default=accept_any, compare=False)
    password: bool = False
    width: int = 40


@dataclass(frozen=True)
class Check:
    """Check box."""

    name: str
    label: str
    value: bool = False


@dataclass(frozen=True)
class Radio:
    """Choice of one among a few; ``options`` are (key, label)."""

    name: str
    options: tuple[tuple[str, str], ...]
    value: str = ""


@dataclass(frozen=True)
class Row:
    """Row of a table; one with a ``why_not`` is shown but cannot be chosen."""

    key: str
    cells: tuple[str, ...]
    why_not: str = ""
    details: str = ""


@dataclass(frozen=True)
class Table:
    """Choice of one among many: a list with columns; the highlighted row is the choice.

    :param widths: maximum widths of the columns.
    :param gap: blanks between columns.
    :param pane: rows below the list for the details of the highlighted row.
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
    """Choice of any among many: a table whose rows have check boxes."""

    name: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]
    value: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    height: int = 8
    gap: int = 2


@dataclass(frozen=True)
class Scroll:
    """Long text, not wrapped; it scrolls if it has more lines than ``height``.

    :param enter: whether Enter presses the first button; False where that button is destructive.
    """

    text: str
    height: int = 12
    enter: bool = True


@dataclass(frozen=True)
class Gauge:
    """Progress bar from 0 to 1."""

    name: str
    fraction: float = 0.0


Item = Text | Gap | Entry | Check | Radio | Table | CheckList | Scroll | Gauge
Buttons = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Form:
    """One complete screen.

    :param buttons: (key, label); Enter in a list presses the first.
    :param default: button with the initial focus; "" for the first field, or without fields the first button.
    :param every: refresh interval of a live form in milliseconds; 0 for others.
    """

    title: str
    items: tuple[Item, ...]
    buttons: Buttons = ((NEXT, "Next"), (BACK, "Back"))
    help: str = ""
    default: str = ""
    every: int = 0

    def fields(self) -> Iterator[Entry | Check | Radio | Table | CheckList]:
        """Yield the input fields in order."""
        for item in self.items:
            if isinstance(item, Entry | Check | Radio | Table | CheckList):
                yield item

    def values(self) -> dict[str, Value]:
        """Return the initial values of all fields."""
        return {item.name: initial(item) for item in self.fields()}

    def row(self, name: str, key: str) -> Row | None:
        """Return a row of a table or check list."""
        for item in self.items:
            if isinstance(item, Table | CheckList) and item.name == name:
                return next((row for row in item.rows if row.key == key), None)
        return None


def initial(item: Entry | Check | Radio | Table | CheckList) -> Value:
    """Return the initial value of a field; a table without a choice starts at its first enabled row."""
    if isinstance(item, Table) and item.value not in {row.key for row in item.rows}:
        free = [row.key for row in item.rows if not row.why_not] or [row.key for row in item.rows]
        return free[0] if free else ""
    if isinstance(item, Radio) and item.value not in dict(item.options):
        return item.options[0][0]
    return item.value


def refilled(form: Form, values: Values) -> Form:
    """Return the form with these values in its fields."""
    return replace(form, items=tuple(_with(item, values.get(getattr(item, "name", ""))) for item in form.items))


def _with(item: Item, value: Value | None) -> Item:
    if isinstance(item, Check):
        return replace(item, value=value) if isinstance(value, bool) else item
    if isinstance(item, CheckList):
        return replace(item, value=value) if isinstance(value, tuple) else item
    return replace(item, value=value) if isinstance(item, Entry | Radio | Table) and isinstance(value, str) else item


@dataclass(frozen=True)
class Problem:
    """Input that the user must correct; ``field`` is "" if it concerns the whole screen."""

    field: str
    text: str


@dataclass(frozen=True)
class Update:
    """Changes of a live form; ``done`` ends it as if that button were pressed."""

    texts: Mapping[str, str] = field(default_factory=dict)
    gauges: Mapping[str, float] = field(default_factory=dict)
    done: str = ""


@dataclass(frozen=True)
class Reply:
    """How the user left a form: the key of the button or ``help``, and the values of all fields."""

    button: str
    values: dict[str, Value]
