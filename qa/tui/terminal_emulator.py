"""The screen of a serial terminal: an emulated VT220 of 80 columns and 24 rows. Pure."""

from __future__ import annotations

import re

import pyte

COLUMNS, ROWS = 80, 24
TITLE = re.compile(r"┤ (.+?) ├")
"""The title in the frame of a window."""


class _Stream(pyte.ByteStream):
    """Take each byte as one character: a VT220 draws lines by its second character set, which pyte disables in UTF-8."""

    def __init__(self, screen: pyte.Screen) -> None:
        super().__init__(screen)
        super().select_other_charset("@")

    def select_other_charset(self, code: str) -> None:
        """Ignore ESC % G, which systemd sends to every terminal and which means nothing to a VT220."""


class Screen:
    """The screen after all bytes so far."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = _Stream(self._screen)

    def feed(self, data: bytes) -> None:
        """Add bytes that came over the line."""
        for piece in re.split(rb"(?=\x1b)", data):
            try:
                self._stream.feed(piece)
            except (TypeError, UnboundLocalError, ValueError):
                # pyte 0.8.2 raises for terminal queries that it does not know, such as ESC [ ? 6 n, and takes a superscript
                # digit, which firmware draws as a line, for a number.
                self._stream = _Stream(self._screen)

    @property
    def rows(self) -> list[str]:
        """Return the rows from top to bottom, 80 characters each."""
        return list(self._screen.display)

    @property
    def text(self) -> str:
        """Return all rows without blanks at their ends."""
        return "\n".join(row.rstrip() for row in self.rows)

    @property
    def titles(self) -> tuple[str, ...]:
        """Return the titles of the visible windows, from top to bottom."""
        return tuple(TITLE.findall(self.text))

    @property
    def cursor(self) -> tuple[int, int]:
        """Return row and column of the cursor, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    @property
    def line(self) -> str:
        """Return the row of the cursor: the focused field, or the line under a list's bar."""
        return self.rows[self.cursor[0]]

    @property
    def flat(self) -> str:
        """Return the words of the window without its frame, separated by single blanks, so that wrapped sentences are whole."""
        return " ".join(re.sub(r"[│┤├┌┐└┘─▒█]", " ", self.text).split())

    def span(self, text: str) -> tuple[int, int, int] | None:
        """Return row, first column and the column after the lowest occurrence of a text, None when it is not there."""
        for number in reversed(range(ROWS)):
            start = self.rows[number].find(text)
            if start >= 0:
                return number, start, start + len(text)
        return None

    def on(self, label: str) -> bool:
        """Return whether the cursor is on the button with this label."""
        place = self.span(f"<{label}>")
        row, column = self.cursor
        return bool(place and place[0] == row and place[1] <= column < place[2])
