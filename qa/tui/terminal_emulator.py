"""What a serial terminal shows: a VT220 of 80 columns and 24 rows, emulated. Pure."""

from __future__ import annotations

import re

import pyte

COLUMNS, ROWS = 80, 24
TITLE = re.compile(r"┤ (.+?) ├")
"""The title in the frame of a window."""


class _Stream(pyte.ByteStream):
    """One byte is one character, whatever is said: a VT220 draws lines by its second character set, which is off in UTF-8."""

    def __init__(self, screen: pyte.Screen) -> None:
        super().__init__(screen)
        super().select_other_charset("@")

    def select_other_charset(self, code: str) -> None:
        """ESC % G, which systemd sends to every terminal, means nothing to a VT220."""


class Screen:
    """The screen after all bytes so far."""

    def __init__(self) -> None:
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = _Stream(self._screen)

    def feed(self, data: bytes) -> None:
        """Take what came over the line."""
        for piece in re.split(rb"(?=\x1b)", data):
            try:
                self._stream.feed(piece)
            except (TypeError, UnboundLocalError, ValueError):
                # pyte 0.8.2 dies of questions to terminals that it does not know, as ESC [ ? 6 n, and takes a raised digit,
                # which firmware draws as a line, for a number.
                self._stream = _Stream(self._screen)

    @property
    def rows(self) -> list[str]:
        """The rows from top to bottom, 80 characters each."""
        return list(self._screen.display)

    @property
    def text(self) -> str:
        """All of it, without blanks at the ends of rows."""
        return "\n".join(row.rstrip() for row in self.rows)

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the windows that can be seen, from top to bottom."""
        return tuple(TITLE.findall(self.text))

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column of the cursor, from 0."""
        return self._screen.cursor.y, self._screen.cursor.x

    @property
    def line(self) -> str:
        """The row of the cursor: the field that has the focus, or a list's line under the bar."""
        return self.rows[self.cursor[0]]

    @property
    def flat(self) -> str:
        """The words of the window without its frame, a blank between any two: sentences that were wrapped are whole again."""
        return " ".join(re.sub(r"[│┤├┌┐└┘─▒█]", " ", self.text).split())

    def span(self, text: str) -> tuple[int, int, int] | None:
        """The lowest place of a text: its row, its first column and the one behind it; None when it is not there."""
        for number in reversed(range(ROWS)):
            start = self.rows[number].find(text)
            if start >= 0:
                return number, start, start + len(text)
        return None

    def on(self, label: str) -> bool:
        """Whether the cursor is on the button of this label."""
        place = self.span(f"<{label}>")
        row, column = self.cursor
        return bool(place and place[0] == row and place[1] <= column < place[2])
