"""Draws forms with newt (python3-newt, whose module is called snack) on a terminal of 80 columns and 23 rows or more.

Every form has the same window, so that from one to the next only what differs goes over a slow serial line.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import snack

from installer.tui.toolkit.forms import WIDTH, Form, Reply, Update, refilled
from installer.tui.toolkit.layout import wrap
from installer.tui.toolkit.newt_window import Window, plain

KEYS = "Arrows choose  Tab next field  Space ticks  Enter goes on  Esc back  F1 help"
POPUP = 66
"""Columns of a message's text."""
TALL = 14
"""Rows of a message's text; a longer one scrolls."""


class Terminal:
    """The terminal that this process runs on.

    :param title: what stands in the upper left corner all the time.
    """

    def __init__(self, title: str) -> None:
        # A key of the keyboard is a key and no signal; what the terminal says by signals alone must not end the installer.
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
            signal.signal(number, signal.SIG_IGN)
        self.title, self.beside = title, ""
        self._start()

    def _start(self) -> None:
        self._screen = snack.SnackScreen()
        self._open = False
        # newt shows boxes as if they had the focus.
        self._screen.setColor("CHECKBOX", "black", "lightgray")
        self._screen.pushHelpLine(KEYS)
        self._draw_top()

    def close(self) -> None:
        """Give the terminal back."""
        self._screen.finish()

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        """Draw a form and wait until a person, or ``update``, ends it.

        :param focus: the field to begin at.
        :param problem: what stands above the buttons.
        :param update: of a live form, asked every ``form.every`` milliseconds.
        """
        while True:
            # The window before stays until now, so that a message appears above it and only differences are drawn.
            if self._open:
                self._screen.popWindow(False)
            window = Window(self._screen, form, focus, problem)
            self._open = True
            button = window.run(update)
            if button != "resize":
                return Reply(button, window.values())
            # Positions are those of the old size: draw all of it anew, with what was typed.
            form = refilled(form, window.values())
            self._screen.finish()
            self._start()

    def name(self, text: str) -> None:
        """Show a text at the top all the time, beside the product's name."""
        self.beside = plain(text)
        self._draw_top()

    def _draw_top(self) -> None:
        self._screen.drawRootText(1, 0, f"{self.title}   {self.beside}"[:WIDTH].ljust(WIDTH))

    def tell(self, title: str, text: str) -> None:
        """Show a message until a key is pressed."""
        lines = wrap(plain(text), POPUP)
        grid = snack.GridForm(self._screen, title, 1, 2)
        if len(lines) > TALL:
            # A list, not newt's text with a scroll bar: Enter closes it from there, and one sees that there is more.
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
