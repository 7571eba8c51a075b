"""``dom0ctl password``: set root's password at a console of a host whose answers left it out (``root: {ask: true}``).

Every console asks until the password was set on one of them; until then no password matches, and log-in is by SSH key alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import select
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from firstboot import config_files

if TYPE_CHECKING:
    from firstboot.host import Host

SHADOW = "etc/shadow"
WANTED = "var/lib/dom0kit/ask-password"
"""Present while root has no password and the answers want one to be asked for; the consoles' log-in looks at it."""
LOOK_SECONDS = 1.0
"""Pause between two looks at whether the password was set at another console, while this one waits for a line.

Kind: pace. Reason: a user who turns to the other console sees this one go on. Expiry: the next look.
"""
HELLO = """
This host has no password for root yet. Choose one; it is not displayed.
At least 8 characters that are hard to guess, best several words.
"""


class SetElsewhere(Exception):
    """The password was set on another console."""


def root_hash(shadow: str) -> str | None:
    """Return root's password hash in the text of ``/etc/shadow``; None while no password matches."""
    found = re.search(r"^root:(\$[^:]+):", shadow, re.MULTILINE)
    return found[1] if found else None


def is_wanted(host: Host) -> bool:
    """Return whether the password still has to be set; a password that was set by passwd(1) counts."""
    return host.path(WANTED).exists() and root_hash(host.read(SHADOW)) is None


def write(host: Host, password: str) -> None:
    """Set the password, unless another console was faster.

    :raises UserError: when it is weak.
    """
    from answerfiles.password import make_hash  # noqa: PLC0415 - pulls in libcrypt, which nothing else of a boot needs

    made = make_hash(password)
    with host.path(WANTED).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not is_wanted(host):
            raise SetElsewhere
        write_hash(host, made)
        host.path(WANTED).unlink()


def write_hash(host: Host, password_hash: str | None) -> None:
    """Write root's field of ``/etc/shadow``; None: no password matches."""
    day = int(time.time() // 86400)
    host.write(SHADOW, config_files.shadow_text(host.read(SHADOW), password_hash, day), 0o640)
    group = config_files.group_id(host.read("etc/group"), "shadow")
    if group is not None and host.path(SHADOW).stat().st_gid != group:
        os.chown(host.path(SHADOW), -1, group)


@contextmanager
def no_echo(terminal: int) -> Iterator[None]:
    """Read lines without showing them, and without signals from keys: Ctrl-C does not leave."""
    usual = termios.tcgetattr(terminal)
    quiet = termios.tcgetattr(terminal)
    quiet[3] = (quiet[3] | termios.ICANON) & ~(termios.ECHO | termios.ISIG)
    termios.tcsetattr(terminal, termios.TCSAFLUSH, quiet)
    try:
        yield
    finally:
        with suppress(termios.error):  # the terminal may be gone
            termios.tcsetattr(terminal, termios.TCSAFLUSH, usual)


def read_line(terminal: int, wanted: Callable[[], bool]) -> str:
    """Wait for a line.

    :param wanted: whether to go on waiting.
    :raises SetElsewhere: when it is not.
    :raises UserError: when the terminal is gone.
    """
    while True:
        if not wanted():
            raise SetElsewhere
        if not select.select([terminal], [], [], LOOK_SECONDS)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError as error:
            raise UserError("the terminal was closed") from error
        if data.endswith(b"\n"):
            return data.decode(errors="replace").rstrip("\r\n")
        # Ctrl-D alone ends no line; a terminal that is gone is readable for ever.
        if not data and not os.isatty(terminal):
            raise UserError("the terminal was closed")


def ask(host: Host, terminal: int, say: Callable[[str], None]) -> None:
    """Ask until the password is set, here or on another console.

    :param say: print a text without a line break at its end.
    """
    say(HELLO)
    with no_echo(terminal):
        try:
            while not _asked_once(host, terminal, say):
                pass
        except SetElsewhere:
            say("\nThe password was set on another console.\n")


def _asked_once(host: Host, terminal: int, say: Callable[[str], None]) -> bool:
    from answerfiles.password import weakness  # noqa: PLC0415

    def line(prompt: str) -> str:
        say(prompt)
        typed = read_line(terminal, lambda: is_wanted(host))
        say("\n")
        return typed

    first = line("New password for root: ")
    if reason := weakness(first):
        say(f"Not accepted: {reason}.\n")
        return False
    if line("The same again: ") != first:
        say("The two differ. Try again.\n")
        return False
    write(host, first)
    say("The password is set.\n")
    return True


def main(host: Host) -> int:
    """Run ``dom0ctl password``.

    :raises UserError: without a terminal.
    """
    if not is_wanted(host):
        host.path(WANTED).unlink(missing_ok=True)
        print("Root's password was set before, or the answers want none. To change it: passwd")
        return 0
    if not sys.stdin.isatty():
        raise UserError("the password can only be typed on a terminal", "log in at the console, or run: passwd")

    def say(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    ask(host, sys.stdin.fileno(), say)
    return 0
