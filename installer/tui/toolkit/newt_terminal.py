"""Newt terminal (python3-newt, module ``snack``): draws forms on at least 80 columns by 23 rows.

All forms share one window geometry, so that only differences are sent over a slow serial line.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import snack

from installer.tui.toolkit.forms import WIDTH, Form, Reply, Update, refilled
from installer.tui.toolkit.layout import wrap
from installer.tui.toolkit.newt_window import Window, plain

KEYS = "Arrows: select  Tab: next field  Space: toggle  Enter: next  Esc: back  F1: help"
POPUP = 66
"""Text columns of a message."""
TALL = 14
"""Text rows of a message; longer ones scroll."""


class Terminal:
    """Terminal of this process.

    :param title: text that stays in the upper left corner.
    """

    def __init__(self, title: str) -> None:
        # Signals from keys must not end the installer.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        self.title, self.status = title, ""
        self._start()

    def _start(self) -> None:
        self._screen = snack.SnackScreen()
        self._open = False
        # newt draws check boxes in the colors of the focus.
        self._screen.setColor("CHECKBOX", "black", "lightgray")
        self._screen.pushHelpLine(KEYS)
        self._draw_top()

    def close(self) -> None:
        """Restore the terminal."""
        self._screen.finish()

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        """Draw a form and wait until the user or ``update`` ends it.

        :param focus: field with the initial focus.
        :param problem: text above the buttons.
        :param update: called every ``form.every`` milliseconds on a live form.
        """
        while True:
            # The previous window stays open until now, so that messages appear above it and only differences are drawn.
            if self._open:
                self._screen.popWindow(False)
            window = Window(self._screen, form, focus, problem)
            self._open = True
            button = window.run(update)
            if button != "resize":
                return Reply(button, window.values())
            # Positions belong to the old size: redraw everything, with the current input.
            form = refilled(form, window.values())
            self._screen.finish()
            self._start()

    def set_status(self, text: str) -> None:
        """Show a text permanently at the top, next to the product name."""
        self.status = plain(text)
        self._draw_top()

    def _draw_top(self) -> None:
        self._screen.drawRootText(1, 0, f"{self.title}   {self.status}"[:WIDTH].ljust(WIDTH))

    def show_message(self, title: str, text: str) -> None:
        """Show a message until a key is pressed."""
        lines = wrap(plain(text), POPUP)
        grid = snack.GridForm(self._screen, title, 1, 2)
        if len(lines) > TALL:
            # A list, not newt's scrolling text: Enter closes it from there, and it is visible that there is more.
            box = snack.Listbox(TALL, scroll=1, returnExit=1, width=POPUP + 4)
            for number, line in enumerate(lines):
                box.append(line, number)
        else:
            box = snack.Textbox(POPUP + 2, len(lines), "\n".join(lines))
        grid.add(box, 0, 0, padding=(0, 0, 0, 1))
        grid.add(snack.CompactButton("OK"), 0, 1)
        for key in ("ESC", "F1"):
            grid.addHotKey(key)
        grid.runOnce()
