"""One form as newt components: create them, run them, read their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import snack

from installer.tui.toolkit.forms import (
    BACK,
    HEIGHT,
    HELP,
    PROBLEM,
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
    Update,
    Value,
    initial,
)
from installer.tui.toolkit.layout import (
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


def plain(text: str) -> str:
    """Return text as ASCII: the terminal may support nothing else, and labels of disks come from outside."""
    return text.encode("ascii", "replace").decode()


def entry_text(entry: Any) -> str:
    """Return the text of an entry; "" if a lost byte left an incomplete character."""
    try:
        return str(entry.value())
    except UnicodeDecodeError:
        return ""


class Window:
    """One form on the screen."""

    def __init__(self, screen: Any, form: Form, focus: str, problem: str) -> None:
        self.form = form
        self._getters: dict[str, Callable[[], Value]] = {}
        self._widgets: dict[str, Any] = {}
        self._lists: list[Any] = []
        self._seen: dict[str, str] = {}
        self._entries: list[Any] = []
        self._live: dict[str, tuple[Any, Item]] = {}
        placed, spare = place(form)
        rows = [widget for part in placed for widget in self._widgets_of(part.item)]
        rows += [snack.Label("") for _ in range(spare)]
        self._problem = snack.Textbox(WIDTH, PROBLEM, plain("\n".join(problem_lines(problem))))
        self._bar = snack.ButtonBar(screen, [(label, key) for key, label in form.buttons], compact=1)
        rows += [self._problem, self._bar]
        grid = snack.Grid(1, len(rows))
        for index, widget in enumerate(rows):
            grid.setField(widget, 0, index, anchorLeft=1)
        screen.openWindow(2, 2, WIDTH + 2, HEIGHT, form.title)
        grid.place(1, 0)
        self._newt = snack.Form()
        for row in rows:
            self._newt.add(row)
        for key in ("F1", "F12", "ESC", "RESIZE"):
            self._newt.addHotKey(key)
        if form.every:
            self._newt.setTimer(form.every)
        self._focus_on(focus or form.default)

    def _focus_on(self, name: str) -> None:
        for button, key in self._bar.list:
            if key == name:
                self._newt.setCurrent(button)
                return
        if name in self._widgets:
            self._newt.setCurrent(self._widgets[name])

    def values(self) -> dict[str, Value]:
        """Return the values of all fields."""
        return {name: get() for name, get in self._getters.items()}

    def run(self, update: Callable[[], Update | None] | None) -> str:
        """Run the form; return the key of the button that ended it, ``help`` or ``resize``."""
        keys = {"F1": HELP, "RESIZE": "resize", "F12": self.form.buttons[0][0]}
        if BACK in dict(self.form.buttons):
            keys["ESC"] = BACK
        while True:
            result = self._newt.run()
            if result == "TIMER":
                news = update() if update else None
                if news and (done := self._apply(news)):
                    return done
            elif result in keys:
                return keys[result]
            elif pressed := self._bar.buttonPressed(result):
                return str(pressed)
            elif result in self._lists:
                return self.form.buttons[0][0]
            elif result in self._entries:
                # Enter moves to the next entry; from the last one it presses the first button.
                after = self._entries.index(result) + 1
                if after == len(self._entries):
                    return self.form.buttons[0][0]
                self._newt.setCurrent(self._entries[after])

    def _apply(self, news: Update) -> str:
        for name, text in news.texts.items():
            if name in self._live and isinstance(item := self._live[name][1], Text):
                lines = wrap(text)[: max(item.rows, 1)]
                # Rows are padded so that they overwrite previous text.
                lines += [""] * (max(item.rows, 1) - len(lines))
                self._live[name][0].setText(plain("\n".join(line.ljust(WIDTH) for line in lines)))
        for name, fraction in news.gauges.items():
            if name in self._live:
                self._live[name][0].set(round(min(max(fraction, 0.0), 1.0) * 1000))
        return news.done

    def _widgets_of(self, item: Item) -> list[Any]:
        make: dict[type, Callable[[Any], list[Any]]] = {
            Text: self._text,
            Entry: self._entry,
            Check: self._check,
            Radio: self._radio,
            Table: self._table,
            CheckList: self._check_list,
            Scroll: self._scroll,
            Gauge: self._gauge,
        }
        return make.get(type(item), lambda gap: [snack.Label("")])(item)

    def _check(self, item: Check) -> list[Any]:
        box = snack.Checkbox(item.label, int(item.value))
        self._keep(item.name, box, lambda: bool(box.selected()))
        return [box]

    def _scroll(self, item: Scroll) -> list[Any]:
        lines = plain(item.text).splitlines()
        if len(lines) <= item.height:
            return [snack.Textbox(WIDTH, item.height, "\n".join(lines))]
        # A list, not newt's scrolling text: Enter goes on from there, and it is visible that there is more.
        box = snack.Listbox(item.height, scroll=1, returnExit=int(item.enter), width=WIDTH)
        for number, line in enumerate(lines):
            box.append(line, number)
        if item.enter:
            self._lists.append(box)
        return [box]

    def _gauge(self, item: Gauge) -> list[Any]:
        scale = snack.Scale(WIDTH, 1000)
        scale.set(round(item.fraction * 1000))
        self._live[item.name] = (scale, item)
        return [scale]

    def _keep(self, name: str, widget: Any, get: Callable[[], Value]) -> None:
        self._widgets[name] = widget
        self._getters[name] = get

    def _text(self, item: Text) -> list[Any]:
        lines = wrap(item.text) if item.text else []
        rows = max(item.rows, len(lines))
        box = snack.Textbox(WIDTH, rows, plain("\n".join(lines)))
        if item.name:
            self._live[item.name] = (box, item)
        return [box] if rows else []

    def _entry(self, item: Entry) -> list[Any]:
        width = entry_width(self.form, item)
        entry = snack.Entry(width, str(item.value), password=int(item.password), returnExit=1)
        self._entries.append(entry)
        self._keep(item.name, entry, lambda: entry_text(entry))

        def left() -> None:
            # newt also calls this when a form starts; the problem shown then must stay.
            if entry_text(entry) != self._seen.get(item.name, item.value):
                self._seen[item.name] = entry_text(entry)
                self._problem.setText(plain("\n".join(problem_lines(self._first_wrong()))))

        # newt calls this when the cursor leaves the field.
        entry.setCallback(left)
        pair = snack.Grid(2, 1)
        pair.setField(snack.Label(item.label.ljust(label_width(self.form))), 0, 0, padding=(0, 0, 2, 0), anchorLeft=1)
        pair.setField(entry, 1, 0, anchorLeft=1)
        return [pair]

    def _first_wrong(self) -> str:
        """Return the problem of the first invalid field; empty fields may still be filled."""
        values = self.values()
        checks = (item.check(text) for item in self.form.items if isinstance(item, Entry) and (text := str(values[item.name])))
        return next((wrong for wrong in checks if wrong), "")

    def _radio(self, item: Radio) -> list[Any]:
        # A list, not newt's radio buttons: those take one tab stop each and ignore Enter.
        box = snack.Listbox(len(item.options), returnExit=1, width=WIDTH)
        for key, label in item.options:
            box.append(label, key)
        box.setCurrent(initial(item))
        self._keep(item.name, box, lambda: str(box.current()))
        self._lists.append(box)
        return [box]

    def _table(self, item: Table) -> list[Any]:
        rows = list_rows(item)
        box = snack.Listbox(list_height(item), scroll=int(len(rows) > item.height), returnExit=1, width=WIDTH)
        pane = snack.Textbox(WIDTH, max(item.pane, 1), "")

        def show_details() -> None:
            lines = pane_lines(item, str(box.current()) if rows else "")
            # Rows are padded so that they overwrite previous text.
            pane.setText("\n".join(plain(line).ljust(WIDTH) for line in lines))

        for row, text in rows:
            # No prefix: newt jumps to an entry by its first letter.
            box.append(plain(text), row.key)
        if rows:
            box.setCurrent(initial(item))

        updating = False

        def on_move() -> None:
            nonlocal updating
            if updating:
                return
            updating = True
            show_details()
            # A problem with another row does not concern this one; newt also calls this when a form starts.
            if str(box.current()) != initial(item):
                self._problem.setText("\n".join(problem_lines("")))
            # Setting a text moves the cursor away; set it back to the list, which calls this function again.
            box.setCurrent(box.current())
            updating = False

        if item.pane:
            show_details()
            # newt calls this when the highlighted row changes.
            box.setCallback(on_move)
        self._keep(item.name, box, lambda: str(box.current()) if rows else "")
        self._lists.append(box)
        head = [snack.Label(header_text(item))] if item.header else []
        return [*head, box, *([snack.Label(""), pane] if item.pane else [])]

    def _check_list(self, item: CheckList) -> list[Any]:
        rows = list_rows(item)
        tree = snack.CheckboxTree(list_height(item), scroll=int(len(rows) > item.height))
        for row, text in rows:
            tree.append(plain(text), row.key, int(row.key in item.value))
        self._keep(item.name, tree, lambda: tuple(str(key) for key in tree.getSelection()) if rows else ())
        return [snack.Label(f"    {header_text(item)}"), tree] if item.header else [tree]
