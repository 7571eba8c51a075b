"""An operator at the installer: reads the screen, presses a key, waits for its effect."""

from __future__ import annotations

from collections.abc import Callable

from qa.errors import ScenarioFailed
from qa.tui.keys import QCODES, key_events, qcode_of, serial_key
from qa.tui.screenshots import ALIKE, Picture, likeness, read_ppm, write_png
from qa.tui.terminal_emulator import Screen
from qa.vm.machine import Machine
from qa.vm.machine_time import CLOCK
from qa.vm.polling import poll
from qa.vm.serial_console import PAUSE

ANSWER = 240
"""Seconds of machine time in which the screens must react to a key, on an emulated machine."""
QUIET = 0.25
"""Seconds of machine time without a byte on the line after which a screen counts as drawn."""
TYPED = {"serial": 12, "display": 3}
"""Characters typed before their echo is awaited: more would be lost on Xen's console, or in a keyboard's queue of 16 bytes."""
CORNER = 23
"""Rows of the session that display and serial line have in common; below them is the status line."""


class Operator:
    """An operator who reads the screen on the serial line.

    :param at: where keys are pressed: on the ``serial`` line, or on the keyboard of the ``display``. All consoles show the same.
    :ivar screen: the emulated screen of the serial line.
    :ivar keys: number of keys that were pressed so far.
    """

    def __init__(self, machine: Machine, at: str = "serial") -> None:
        self.machine, self.at = machine, at
        self.screen = Screen()
        self.keys = 0
        self._last = CLOCK.now()
        machine.channels.watchers.append(self._take)

    def _take(self, data: bytes) -> None:
        self._last = CLOCK.now()
        self.screen.feed(data)

    # Reading.

    def wait_until(self, look: Callable[[], bool], what: str, *, limit: float = ANSWER) -> None:
        """Wait until ``look`` returns true, which may read the screen.

        :param what: the awaited thing as a noun for the error message.
        :param limit: seconds of machine time, stretched by the user's patience.
        :raises TimedOut: when the limit is over, with the screen.
        """
        channels = self.machine.channels

        def runs() -> None:
            if channels.closed:
                raise ScenarioFailed(f"the machine ended before there was {what}")

        poll(
            look,
            what,
            limit=limit,
            interval=0.1,
            pause=channels.pump,
            still_possible=runs,
            evidence=lambda: f"the screen:\n{self.screen.text}",
        )

    def wait_for_text(self, text: str, *, limit: float = ANSWER) -> None:
        """Wait for a text anywhere on the screen, also across line breaks."""
        self.wait_until(lambda: text in self.screen.flat, f"text {text!r}", limit=limit)

    def wait_until_gone(self, text: str) -> None:
        """Wait until a text is no longer on the screen."""
        self.wait_until(lambda: text not in self.screen.flat, f"end of the text {text!r}")

    def wait_for_screen(self, *titles: str, limit: float = ANSWER) -> str:
        """Wait for a window with one of these titles that is completely drawn; return the title."""

        def there() -> bool:
            return bool(set(titles) & set(self.screen.titles)) and CLOCK.now() - self._last > QUIET

        self.wait_until(there, f"screen {' or '.join(titles)!r}", limit=limit)
        return next(title for title in titles if title in self.screen.titles)

    def screenshot(self, label: str, *, check: bool = True) -> None:
        """Take a screenshot of the display, which must show what the serial line shows.

        :param check: compare it with the serial line.
        :raises TimedOut: when it keeps showing something else.
        """
        machine = self.machine
        target = machine.artifacts / f"screen-{machine.name}-{label}.png"
        raw = target.with_suffix(".ppm")
        alike = [0.0]

        def shot() -> Picture | None:
            machine.qmp("screendump", {"filename": str(raw.resolve())})
            picture = read_ppm(raw.read_bytes())
            alike.append(likeness(picture, self.screen.rows[:CORNER]) if check else 1.0)
            return picture if alike[-1] >= ALIKE else None

        picture = poll(
            shot,
            "display that shows what the serial line shows",
            limit=ANSWER,
            interval=0.5,
            pause=machine.sleep,
            evidence=lambda: f"they agree by {alike[-1]:.0%}; see {target.name}",
        )
        raw.unlink()
        target.write_bytes(write_png(picture))
        machine.screenshots.append(target)

    # Pressing.

    def press(self, *names: str) -> None:
        """Press keys one after the other, by their names in :mod:`qa.tui.keys`."""
        self.keys += len(names)
        for name in names:
            if self.at == "serial":
                self._send(serial_key(name))
            else:
                self._key(QCODES[name])

    def press_codes(self, *codes: str) -> None:
        """Press keys of the display's keyboard by QEMU's codes: the key map decides what they type."""
        for code in codes:
            self._key(code)

    def _send(self, data: bytes) -> None:
        self.machine.channels.send_console(data)
        self.machine.rest(PAUSE)

    def _key(self, code: str) -> None:
        self.machine.qmp("input-send-event", {"events": key_events(code)})
        self.machine.rest(PAUSE)

    def type(self, text: str, *, hidden: bool = False) -> None:
        """Type into the focused field and wait for the echo; with ``hidden`` the echo consists of stars."""
        self.keys += len(text)
        size = TYPED[self.at]
        for start in range(0, len(text), size):
            part = text[start : start + size]
            before, row = self.screen.cursor, self.screen.cursor[0]
            if self.at == "serial":
                self._send(part.encode())
            else:
                for character in part:
                    self._key(qcode_of(character))
            # A long text moves to the left in its field: only its end is certainly visible.
            tail = text[: start + size][-30:]

            def echoed(part: str = part, tail: str = tail, before: tuple[int, int] = before, row: int = row) -> bool:
                if hidden:
                    return self.screen.cursor == (row, before[1] + len(part))
                return self.screen.rows[row][: self.screen.cursor[1]].endswith(tail)

            self.wait_until(echoed, "echo of the password" if hidden else f"echo of {part!r}")

    def send_line(self, text: str) -> None:
        """Type a line for a shell, which may wrap it."""
        data = text.encode()
        for start in range(0, len(data), TYPED["serial"]):
            self._send(data[start : start + TYPED["serial"]])
        self.press("enter")

    # Navigating.

    def go_to(self, label: str) -> None:
        """Press Tab until the cursor is in the field with this label or in the list with this line."""
        self._tab(lambda: label in self.screen.line, label)

    def go_to_button(self, label: str) -> None:
        """Press Tab until the cursor is on this button."""
        self._tab(lambda: self.screen.on(label), f"<{label}>")

    def _tab(self, there: Callable[[], bool], what: str) -> None:
        # While a screen is drawn, the cursor passes lines that do not have the focus.
        self.wait_until_drawn()
        for _ in range(16):
            if there():
                return
            before = self.screen.cursor
            self.press("tab")
            self.wait_until(lambda before=before: self.screen.cursor != before, f"way on to {what}")  # type: ignore[misc]
            self.wait_until_drawn()
        raise ScenarioFailed(f"Tab does not lead to {what}; the screen:\n{self.screen.text}")

    def wait_until_drawn(self) -> None:
        """Wait until no more output arrives."""
        self.wait_until(lambda: CLOCK.now() - self._last > QUIET, "quiet line", limit=60)

    def press_button(self, label: str) -> None:
        """Press a button."""
        self.go_to_button(label)
        self.press("enter")

    def fill(self, label: str, text: str, *, hidden: bool = False) -> None:
        """Replace the text of a field."""
        self.go_to(label)
        self.press("ctrl-u")
        self.wait_until_drawn()
        self.type(text, hidden=hidden)

    def tick(self, label: str, *, on: bool = True) -> None:
        """Set or clear the check box with this label."""
        self.go_to(label)
        if ("[*]" in self.screen.line) != on:
            self.press("space")
        self.wait_until(lambda: ("[*]" in self.screen.line) == on, f"{'tick' if on else 'no tick'} at {label}")

    def choose(self, text: str) -> None:
        """Move the bar of the focused list to the line with this text."""
        for _ in range(80):
            if text in self.screen.line:
                return
            place = self.screen.span(text)
            before = (self.screen.cursor, self.screen.line)
            self.press("up" if place and place[0] < self.screen.cursor[0] else "down")
            self.wait_until(lambda before=before: (self.screen.cursor, self.screen.line) != before, f"way to {text!r}")  # type: ignore[misc]
            self.wait_until_drawn()
        raise ScenarioFailed(f"the list has no line {text!r}; the screen:\n{self.screen.text}")
