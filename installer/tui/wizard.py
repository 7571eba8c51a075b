"""Lead the user through the screens: show a form, store its values, go forward or back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from installer.tui import flow
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, HELP, NEXT, PROBLEM, Entry, Form, Problem, Reply, Update, Value, Values, refilled
from installer.tui.toolkit.layout import wrap


class Terminal(Protocol):
    """Interface of terminals; see :class:`installer.tui.toolkit.newt_terminal.Terminal`."""

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        """Show a form until the user or ``update`` ends it."""

    def show_message(self, title: str, text: str) -> None:
        """Show a message until a key is pressed."""

    def set_status(self, text: str) -> None:
        """Show a text permanently at the top, next to the product name."""


Action = Callable[[State, Values], State]
"""Handler of an additional button; the screen is shown again afterwards."""


def show_form(
    terminal: Terminal,
    build: Callable[[], Form],
    *,
    values: Values | None = None,
    focus: str = "",
    problem: str = "",
    update: Callable[[], Update | None] | None = None,
) -> Reply:
    """Show a form until a button is pressed; F1 shows its help and keeps the input."""
    typed: Values = values or {}
    while True:
        form = refilled(build(), typed)
        reply = terminal.show(form, focus=focus, problem=problem, update=update)
        if reply.button != HELP:
            return reply
        typed = reply.values
        terminal.show_message(f"Help: {form.title}", form.help or "No help is available for this screen.")


def show_problems(terminal: Terminal, problems: list[Problem]) -> tuple[str, str]:
    """Show the problems that the user must correct.

    :returns: the field to focus, and the text above the buttons. A longer text, or more than one
        problem, is shown in a message first.
    """
    first = problems[0]
    text = "\n\n".join(problem.text for problem in problems)
    if len(problems) == 1 and len(wrap(text)) <= PROBLEM:
        return first.field, text
    terminal.show_message("Please correct the following", text)
    return first.field, first.text if len(wrap(first.text)) <= PROBLEM else ""


def values_to_keep(form: Form, values: Values) -> dict[str, Value]:
    """Return the values to keep when a screen is left: all but passwords."""
    secret = {item.name for item in form.items if isinstance(item, Entry) and item.password}
    return {name: value for name, value in values.items() if name not in secret}


class Wizard:
    """Navigation through the screens of :mod:`installer.tui.flow`.

    :param actions: handlers of additional buttons, by (screen, button).
    :param updates: for live screens: called on entry, returns the function that refreshes the screen.
    :param entered: called on entry; returns the state to show.
    :param left: called when a screen is left, with whether it was left forwards; may return the name
        of another screen to go to.
    """

    def __init__(
        self,
        terminal: Terminal,
        state: State,
        *,
        actions: Mapping[tuple[str, str], Action] | None = None,
        updates: Mapping[str, Callable[[State], Callable[[], Update | None]]] | None = None,
        entered: Mapping[str, Callable[[State], State]] | None = None,
        left: Mapping[str, Callable[[State, bool], str]] | None = None,
    ) -> None:
        self.terminal, self.state = terminal, state
        self._actions, self._updates, self._entered, self._left = actions or {}, updates or {}, entered or {}, left or {}

    def run(self, start: str = "") -> State:
        """Run from ``start``, or the first screen, to the end; return the state with the answers."""
        name: str | None = start or flow.next_screen(self.state, "")
        while name is not None:
            name = self._screen(name)
        return self.state

    def _screen(self, name: str) -> str | None:
        """Show a screen until it is left; return the name of the next one."""
        step = flow.step(name)
        if name in self._entered:
            self.state = self._entered[name](self.state)
        update = self._updates[name](self.state) if name in self._updates else None
        values: Values = {}
        focus = problem = ""
        while True:
            reply = show_form(
                self.terminal, lambda: step.form(self.state), values=values, focus=focus, problem=problem, update=update
            )
            focus = problem = ""
            values = reply.values
            if reply.button == NEXT:
                result = step.submit(self.state, values)
                if isinstance(result, list):
                    focus, problem = show_problems(self.terminal, result)
                    continue
                self.state = result
                return self._leave(name, forwards=True) or flow.next_screen(self.state, name)
            self.state = self.state.with_values(values_to_keep(step.form(self.state), values))
            if reply.button == BACK:
                if (before := flow.previous_screen(self.state, name)) is None:
                    continue
                return self._leave(name, forwards=False) or before
            self._act(name, reply)
            # Show what the handler changed; keep the other input.
            values = {**values, **{key: self.state.values[key] for key in values if key in self.state.values}}
            if name in self._updates and reply.button == "again":
                update = self._updates[name](self.state)

    def _leave(self, name: str, *, forwards: bool) -> str:
        return self._left[name](self.state, forwards) if name in self._left else ""

    def _act(self, name: str, reply: Reply) -> None:
        if action := self._actions.get((name, reply.button)):
            self.state = action(self.state, reply.values)
