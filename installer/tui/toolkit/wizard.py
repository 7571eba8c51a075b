"""Leads a person through the screens: shows a form, takes what was typed, goes on or back. Effects are in ``effects``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from installer.tui import flow
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, HELP, NEXT, PROBLEM, Entry, Form, Problem, Reply, Update, Value, Values, refilled
from installer.tui.toolkit.layout import wrap


class Terminal(Protocol):
    """Draws forms; see :class:`installer.tui.toolkit.newt_terminal.Terminal`."""

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        """Show a form until a person or ``update`` ends it."""

    def tell(self, title: str, text: str) -> None:
        """Show a message until a key is pressed."""

    def name(self, text: str) -> None:
        """Show a text at the top all the time, beside the product's name."""


Action = Callable[[State, Values], State]
"""What a further button of a screen does; the screen is shown again afterwards."""


def ask(
    terminal: Terminal,
    make: Callable[[], Form],
    *,
    values: Values | None = None,
    focus: str = "",
    problem: str = "",
    update: Callable[[], Update | None] | None = None,
) -> Reply:
    """Show a form until one of its buttons is pressed; F1 shows its help and loses nothing that was typed."""
    typed: Values = values or {}
    while True:
        form = refilled(make(), typed)
        reply = terminal.show(form, focus=focus, problem=problem, update=update)
        if reply.button != HELP:
            return reply
        typed = reply.values
        terminal.tell(f"Help: {form.title}", form.help or "There is no help for this screen.")


def explain(terminal: Terminal, problems: list[Problem]) -> tuple[str, str]:
    """Tell what must be mended.

    :returns: the field to go to, and what to show beside it; a text too long for that line, or more than one, comes first.
    """
    first = problems[0]
    text = "\n\n".join(problem.text for problem in problems)
    if len(problems) == 1 and len(wrap(text)) <= PROBLEM:
        return first.field, text
    terminal.tell("Please mend this", text)
    return first.field, first.text if len(wrap(first.text)) <= PROBLEM else ""


def worth_keeping(form: Form, values: Values) -> dict[str, Value]:
    """What is kept of a screen that was left: all but passwords."""
    secret = {item.name for item in form.items if isinstance(item, Entry) and item.password}
    return {name: value for name, value in values.items() if name not in secret}


class Driver:
    """The way through the screens.

    :param actions: further buttons, by (screen, button).
    :param updates: of live screens, called on entering, gives what is asked while the screen is shown.
    :param entered: called when a screen is come to; gives the state to show.
    :param left: called when a screen was left, with whether it was left forwards; may name another screen to go to.
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
        """From a screen, or the first, to the end of the flow; the answers are in the state then."""
        name: str | None = start or flow.following(self.state, "")
        while name is not None:
            name = self._screen(name)
        return self.state

    def _screen(self, name: str) -> str | None:
        """Show a screen until it is left; the name of the one to go to."""
        step = flow.step(name)
        if name in self._entered:
            self.state = self._entered[name](self.state)
        update = self._updates[name](self.state) if name in self._updates else None
        values: Values = {}
        focus = problem = ""
        while True:
            reply = ask(self.terminal, lambda: step.form(self.state), values=values, focus=focus, problem=problem, update=update)
            focus = problem = ""
            values = reply.values
            if reply.button == NEXT:
                taken = step.take(self.state, values)
                if isinstance(taken, list):
                    focus, problem = explain(self.terminal, taken)
                    continue
                self.state = taken
                return self._leave(name, forwards=True) or flow.following(self.state, name)
            self.state = self.state.having(worth_keeping(step.form(self.state), values))
            if reply.button == BACK:
                if (before := flow.preceding(self.state, name)) is None:
                    continue
                return self._leave(name, forwards=False) or before
            self._act(name, reply)
            # What a button has changed is shown; what was typed beside it stays.
            values = {**values, **{key: self.state.values[key] for key in values if key in self.state.values}}
            if name in self._updates and reply.button == "again":
                update = self._updates[name](self.state)

    def _leave(self, name: str, *, forwards: bool) -> str:
        return self._left[name](self.state, forwards) if name in self._left else ""

    def _act(self, name: str, reply: Reply) -> None:
        if action := self._actions.get((name, reply.button)):
            self.state = action(self.state, reply.values)
