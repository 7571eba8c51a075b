"""The renderer on a newt that is none: what it builds, and how keys leave a form."""

from __future__ import annotations

import importlib
import signal
import sys
import types
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from installer.tui.toolkit.forms import (
    BACK,
    HELP,
    NEXT,
    Check,
    CheckList,
    Entry,
    Form,
    Gap,
    Gauge,
    Radio,
    Row,
    Scroll,
    Table,
    Text,
    Update,
)


class Widget:
    """Any of newt's components: keeps what it was made with."""

    made: ClassVar[list[Any]] = []

    def __init__(self, *values: Any, **named: Any) -> None:
        self.values, self.named = values, named
        self.callback: Callable[[], None] = lambda: None
        self.text = next((value for value in values if isinstance(value, str)), "")
        Widget.made.append(self)

    def setCallback(self, callback: Callable[[], None]) -> None:  # noqa: N802 - snack's own names, here and below
        self.callback = callback

    def setText(self, text: str) -> None:  # noqa: N802
        self.text = text

    def set(self, amount: int) -> None:
        self.amount = amount


class Listbox(Widget):
    """A list or a tree of boxes."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.rows: list[tuple[str, str, int]] = []
        self.key = ""

    def append(self, text: str, key: str, on: int = 0) -> None:
        self.rows.append((text, key, on))
        self.key = self.key or key

    def setCurrent(self, key: str) -> None:  # noqa: N802
        assert key in [row[1] for row in self.rows]
        self.key = key

    def current(self) -> str:
        return self.key

    def getSelection(self) -> list[str]:  # noqa: N802
        return [key for _, key, on in self.rows if on]


class EntryWidget(Widget):
    """A line to type in."""

    def __init__(self, width: int, text: str = "", **named: Any) -> None:
        super().__init__(width, text, **named)

    def value(self) -> str:
        return self.text


class Box(Widget):
    """A box to tick."""

    def selected(self) -> bool:
        return bool(self.values[1])


class Bar(Widget):
    """A row of buttons; what is pressed is the button's key itself."""

    def __init__(self, screen: Any, buttons: list[tuple[str, str]], compact: int) -> None:
        super().__init__(screen, buttons)
        self.list = [(key, key) for _, key in buttons]

    def buttonPressed(self, result: Any) -> Any:  # noqa: N802
        return result if isinstance(result, str) and result in dict(self.list) else None


class NewtForm(Widget):
    """A form whose runs end as a script says: a word, or a function that gives one."""

    script: ClassVar[list[Any]] = []
    focus: ClassVar[list[Any]] = []

    def add(self, widget: Any) -> None:
        """Accept any component."""

    addHotKey = setTimer = add  # noqa: N815

    def setCurrent(self, widget: Any) -> None:  # noqa: N802
        NewtForm.focus.append(widget)

    def run(self) -> Any:
        turn = NewtForm.script.pop(0)
        return turn() if callable(turn) else turn


class Grid(Widget):
    """Places components."""

    def setField(self, *_: Any, **__: Any) -> None:  # noqa: N802
        """Somewhere."""

    def place(self, *_: Any) -> None:
        """Somewhere."""

    add = addHotKey = runOnce = setField  # noqa: N815


class Screen(Widget):
    """The terminal; counts windows."""

    open = 0

    def openWindow(self, *_: Any) -> None:  # noqa: N802
        Screen.open += 1

    def popWindow(self, refresh: bool) -> None:  # noqa: N802
        Screen.open -= 1

    def pushHelpLine(self, *_: Any) -> None:  # noqa: N802
        """Text at the bottom."""

    drawRootText = setColor = pushHelpLine  # noqa: N815

    def finish(self) -> None:
        Screen.open = 0


@pytest.fixture
def newt(monkeypatch: pytest.MonkeyPatch) -> Any:
    snack = types.ModuleType("snack")
    names = {
        "SnackScreen": Screen,
        "Form": NewtForm,
        "Grid": Grid,
        "GridForm": Grid,
        "ButtonBar": Bar,
        "CompactButton": Widget,
        "Label": Widget,
        "Textbox": Widget,
        "Scale": Widget,
        "Entry": EntryWidget,
        "Checkbox": Box,
        "Listbox": Listbox,
        "CheckboxTree": Listbox,
    }
    for name, value in names.items():
        setattr(snack, name, value)
    monkeypatch.setitem(sys.modules, "snack", snack)
    for name in ("newt", "window"):
        monkeypatch.delitem(sys.modules, f"installer.tui.{name}", raising=False)
    monkeypatch.setattr(signal, "signal", lambda number, action: None)
    Widget.made, NewtForm.script, NewtForm.focus, Screen.open = [], [], [], 0
    yield importlib.import_module("installer.tui.toolkit.newt_terminal")
    for name in ("newt", "window"):
        sys.modules.pop(f"installer.tui.{name}", None)


def wrong(text: str) -> str:
    return "" if text == "good" else "this is not good"


ROWS = (Row("one", ("1", "x"), details="first"), Row("two", ("2", "y"), details="second"))
FORM = Form(
    "A form",
    (
        Gap(),
        Table(
            "t", ("A", "B"), (Row("one", ("1", "x"), details="first"), Row("two", ("2", "y"), details="second")), "two", pane=2
        ),
        Radio("r", (("a", "Ay"), ("b", "Bee")), "b"),
        Check("c", "See", True),
        CheckList("l", (), (Row("m", ("em",)), Row("n", ("en \u2014",))), ("n",)),
        Entry("e", "Ee", "old", wrong),
        Entry("f", "Ef", "", password=True),
        Scroll("long", height=1),
    ),
    buttons=((NEXT, "Next"), (BACK, "Back"), ("more", "More")),
)


def widgets(kind: type) -> list[Any]:
    return [widget for widget in Widget.made if type(widget) is kind]


def test_all_values_come_back_as_they_were(newt: Any) -> None:
    NewtForm.script = [NEXT]
    reply = newt.Terminal("t").show(FORM)
    assert reply.button == NEXT
    assert reply.values == FORM.values()
    assert reply.values == {"t": "two", "r": "b", "c": True, "l": ("n",), "e": "old", "f": ""}


@pytest.mark.parametrize(("key", "button"), [("F1", HELP), ("ESC", BACK), ("F12", NEXT), ("more", "more")])
def test_keys_that_leave_a_form(newt: Any, key: str, button: str) -> None:
    NewtForm.script = [key]
    assert newt.Terminal("t").show(FORM).button == button


def test_esc_does_nothing_where_there_is_no_way_back(newt: Any) -> None:
    NewtForm.script = ["ESC", NEXT]
    assert newt.Terminal("t").show(Form("x", (), buttons=((NEXT, "Next"),))).button == NEXT


def test_enter_in_a_list_goes_on(newt: Any) -> None:
    NewtForm.script = [lambda: widgets(Listbox)[0]]
    assert newt.Terminal("t").show(FORM).button == NEXT


def test_enter_moves_to_the_next_entry_then_presses_next(newt: Any) -> None:
    NewtForm.script = [lambda: widgets(EntryWidget)[0], lambda: widgets(EntryWidget)[1]]
    assert newt.Terminal("t").show(FORM).button == NEXT
    assert NewtForm.focus == [widgets(EntryWidget)[1]]


def test_a_field_is_checked_when_it_is_left_changed(newt: Any) -> None:
    shown: list[str] = []

    def type_something(text: str) -> Callable[[], str]:
        def turn() -> str:
            entry = widgets(EntryWidget)[0]
            entry.text = text
            entry.callback()
            shown.append(problem_box().text.strip())
            return "TIMER"

        return turn

    def problem_box() -> Any:
        return next(box for box in reversed(widgets(Widget)) if box.text.strip() in ("fix this", "this is not good", ""))

    NewtForm.script = [type_something("old"), type_something("bad"), type_something("good"), NEXT]
    newt.Terminal("t").show(FORM, focus="e", problem="fix this")
    # Left as it was, it keeps the problem that is to be read.
    assert shown == ["fix this", "this is not good", ""]
    assert NewtForm.focus == [widgets(EntryWidget)[0]]


def test_details_follow_the_selected_row(newt: Any) -> None:
    def move() -> str:
        box = widgets(Listbox)[0]
        box.key = "one"
        box.callback()
        assert any(other.text.startswith("first") for other in widgets(Widget))
        return NEXT

    NewtForm.script = [move]
    assert newt.Terminal("t").show(FORM).values["t"] == "one"


def test_a_live_form_is_refreshed_until_it_ends(newt: Any) -> None:
    form = Form("live", (Gauge("g"), Text("now", "x", rows=2)), buttons=(("stop", "Stop"),), every=500)
    news = [Update({"x": "one\ntwo", "?": "nobody"}, {"g": 0.5}), None, Update(done="over")]
    NewtForm.script = ["TIMER", "TIMER", "TIMER"]
    reply = newt.Terminal("t").show(form, update=lambda: news.pop(0))
    assert reply.button == "over"
    assert any(getattr(widget, "amount", None) == 500 for widget in Widget.made)
    assert any(widget.text.split() == ["one", "two"] for widget in widgets(Widget))


def test_a_long_text_scrolls_and_lets_enter_through_where_it_may(newt: Any) -> None:
    long = "\n".join(f"line {number}" for number in range(30))
    NewtForm.script = [lambda: widgets(Listbox)[-1]]
    assert newt.Terminal("t").show(Form("x", (Scroll(long, 5),))).button == NEXT
    NewtForm.script = [lambda: widgets(Listbox)[-1], BACK]
    assert newt.Terminal("t").show(Form("x", (Scroll(long, 5, enter=False),))).button == BACK
    assert [box.named["returnExit"] for box in widgets(Listbox)] == [1, 0]


def test_a_resize_redraws_the_form_with_its_input(newt: Any) -> None:
    def grow() -> str:
        widgets(EntryWidget)[0].text = "typed"
        return "RESIZE"

    NewtForm.script = [grow, NEXT]
    assert newt.Terminal("t").show(FORM).values["e"] == "typed"
    assert Screen.open == 1


def test_one_window_at_a_time(newt: Any) -> None:
    NewtForm.script = [NEXT, NEXT, NEXT]
    terminal = newt.Terminal("t")
    for _ in range(3):
        terminal.show(FORM)
    assert Screen.open == 1


def test_only_ascii_reaches_the_terminal(newt: Any) -> None:
    NewtForm.script = [NEXT]
    newt.Terminal("t").show(FORM)
    texts = [text for box in widgets(Listbox) for text, _, _ in box.rows]
    assert "en ?" in [text.strip() for text in texts]


def test_an_incomplete_character_is_ignored(newt: Any) -> None:
    class Broken:
        def value(self) -> str:
            return b"\xc3".decode()

    assert sys.modules["installer.tui.toolkit.newt_window"].entry_text(Broken()) == ""


def test_enter_closes_a_message_of_any_length(newt: Any) -> None:
    terminal = newt.Terminal("t")
    terminal.show_message("Help: A form", "short")
    assert [w.text for w in widgets(Widget) if w.text == "short"] == ["short"]
    assert not widgets(Listbox)
    terminal.show_message("Help: A form", "\n".join(f"line {n}" for n in range(newt.TALL + 1)))
    (box,) = widgets(Listbox)
    assert box.values == (newt.TALL,)
    assert box.named["returnExit"] == 1
    assert len(box.rows) == newt.TALL + 1
