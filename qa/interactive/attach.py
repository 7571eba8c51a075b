"""Connect this terminal to a UNIX socket, such as a machine's serial console, until Ctrl-]."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError

ESCAPE = b"\x1d"
"""Ctrl-], as in telnet(1)."""


@contextmanager
def raw_terminal(descriptor: int) -> Iterator[None]:
    """Put a terminal into raw mode for the block; leave anything else as it is."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def until_escape(data: bytes) -> tuple[bytes, bool]:
    """Return what was typed before Ctrl-], and whether that was typed."""
    before, escape, _ = data.partition(ESCAPE)
    return before, bool(escape)


def relay(source: int, sink: Callable[[bytes], object], other: socket.socket) -> None:
    """Copy bytes between a terminal and a socket until Ctrl-], the end of the input, or the end of the connection.

    :param source: descriptor of the terminal's input.
    :param sink: writes to the terminal.
    """
    while True:
        ready, _, _ = select.select([source, other.fileno()], [], [])
        if other.fileno() in ready:
            data = other.recv(65536)
            if not data:
                return
            sink(data)
        if source in ready:
            typed, escape = until_escape(os.read(source, 1024))
            if typed:
                other.sendall(typed)
            if escape or not typed:
                return


def attach(path: Path) -> int:
    """Connect this terminal to a socket; return the exit code.

    :raises UserError: when nothing listens there.
    """
    with socket.socket(socket.AF_UNIX) as line:
        try:
            line.connect(str(path))
        except OSError as error:
            hint = "check that the machine runs and that no other program is connected"
            raise UserError(f"cannot connect to {path}: {error.strerror}", hint) from error
        print(f"connected to {path.name}; Ctrl-] ends", file=sys.stderr, flush=True)
        with raw_terminal(sys.stdin.fileno()):
            relay(sys.stdin.fileno(), lambda data: os.write(1, data), line)
    print("", file=sys.stderr)
    return 0
