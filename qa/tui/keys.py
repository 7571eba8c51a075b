"""Keys by name: the bytes that a serial terminal sends for them, and QEMU's codes for a keyboard's. Pure."""

from __future__ import annotations

from typing import Any

SERIAL = {
    "enter": b"\r",
    "tab": b"\t",
    "backtab": b"\x1b[Z",
    "esc": b"\x1b",
    "space": b" ",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "f1": b"\x1b[11~",
    "pgdn": b"\x1b[6~",
    "ctrl-c": b"\x03",
    "ctrl-g": b"\x07",
    "ctrl-t": b"\x14",
    "ctrl-u": b"\x15",
    "ctrl-z": b"\x1a",
    "ctrl-backslash": b"\x1c",
}
"""The bytes that a VT220 sends (its terminfo entry); control keys as in ASCII."""
QCODES = {
    "enter": "ret",
    "tab": "tab",
    "backtab": "shift-tab",
    "esc": "esc",
    "space": "spc",
    "up": "up",
    "down": "down",
    "left": "left",
    "right": "right",
    "f1": "f1",
    "pgdn": "pgdn",
    **{f"ctrl-{letter}": f"ctrl-{letter}" for letter in "cgtuz"},
    "ctrl-backslash": "ctrl-backslash",
}
"""QEMU's QKeyCode for each, a modifier in front."""
PUNCTUATION = {
    " ": "spc",
    "-": "minus",
    "=": "equal",
    "[": "bracket_left",
    "]": "bracket_right",
    ";": "semicolon",
    "'": "apostrophe",
    "\\": "backslash",
    ",": "comma",
    ".": "dot",
    "/": "slash",
    "`": "grave_accent",
}
SHIFTED = dict(zip('_+{}:"|<>?~!@#$%^&*()', "-=[];'\\,./`1234567890", strict=True))
"""On an American keyboard: the character without shift."""


def serial_key(name: str) -> bytes:
    """Return the bytes of a key.

    :raises KeyError: for an unknown key.
    """
    return SERIAL[name]


def qcode_of(character: str) -> str:
    """Return the key that types a character on an American keyboard, with ``shift-`` before it where needed.

    :raises KeyError: for a character that is not on it.
    """
    if character.isascii() and character.isalnum():
        return character if not character.isupper() else f"shift-{character.lower()}"
    if character in SHIFTED:
        plain = SHIFTED[character]
        return f"shift-{plain if plain.isdigit() else PUNCTUATION[plain]}"
    return PUNCTUATION[character]


def key_events(code: str) -> list[dict[str, Any]]:
    """Return the events for QMP's ``input-send-event``: down in order, up in reverse order."""
    names = code.split("-")
    down = [("down", name) for name in names]
    up = [("up", name) for name in reversed(names)]
    return [
        {"type": "key", "data": {"down": state == "down", "key": {"type": "qcode", "data": name}}} for state, name in down + up
    ]
