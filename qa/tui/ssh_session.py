"""An operator over SSH: a terminal of 80 columns and 24 rows, and the client in it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pyte

from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Credentials
from qa.lab.netns_commands import inside
from qa.tui.operator import ANSWER
from qa.tui.terminal_emulator import COLUMNS, ROWS, TITLE
from qa.vm.machine import Machine
from qa.vm.polling import poll

OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=60")


def client(where: str, netns: str, *options: str, key: Path | None = None) -> list[str]:
    """Return the client's command line; the client remembers no host keys."""
    words = [word for option in (*OPTIONS, *options) for word in ("-o", option)]
    identity = ["-i", str(key)] if key else []
    return inside(netns, ["ssh", "-F", "none", "-tt", *identity, *words, f"root@{where}"])


def by_key(where: str, netns: str, credentials: Credentials) -> list[str]:
    """Return the client that uses only the run's key."""
    return client(where, netns, "BatchMode=yes", "IdentitiesOnly=yes", key=credentials.private)


def by_password(where: str, netns: str) -> list[str]:
    """Return the client that asks for a password."""
    return client(where, netns, "PubkeyAuthentication=no", "PreferredAuthentications=password")


class SshSession:
    """One log-in, from its beginning to ``close``."""

    def __init__(self, machine: Machine, argv: Sequence[str]) -> None:
        self.machine = machine
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.Stream(self._screen)
        words = ["-i", f"PATH={os.environ['PATH']}", "TERM=xterm", "LC_ALL=C.UTF-8", *argv]
        self._child = pexpect.spawn("env", words, dimensions=(ROWS, COLUMNS), encoding="utf-8", codec_errors="replace")

    @property
    def text(self) -> str:
        """Return what the terminal shows."""
        return "\n".join(row.rstrip() for row in self._screen.display)

    @property
    def titles(self) -> tuple[str, ...]:
        """Return the titles of the visible windows."""
        return tuple(TITLE.findall(self.text))

    @property
    def flat(self) -> str:
        """Return its words without frames, separated by single blanks."""
        return " ".join(re.sub(r"[│┤├┌┐└┘─▒█]", " ", self.text).split())

    def wait_for_text(self, text: str, *, limit: float = ANSWER) -> None:
        """Wait for a text; read the machine's channels meanwhile.

        :param limit: seconds of machine time.
        :raises ScenarioFailed: when the text does not appear within the limit, or the log-in ends.
        """

        def shows_it() -> bool:
            if text in self.flat:
                return True
            try:
                self._stream.feed(self._child.read_nonblocking(4096, timeout=0.2))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                raise ScenarioFailed(f"the log-in ended before it showed {text!r}:\n{self.text}") from None
            return text in self.flat

        poll(
            shows_it,
            f"text {text!r} over SSH",
            limit=limit,
            interval=0.05,
            pause=self.machine.sleep,
            evidence=lambda: f"the screen:\n{self.text}",
        )

    def send(self, text: str) -> None:
        """Type text."""
        self._child.send(text)

    def close(self) -> None:
        """Disconnect."""
        self._child.close(force=True)
