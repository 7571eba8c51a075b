"""The dialogue on the serial console: log in, run a command, read its output and exit code."""

from __future__ import annotations

import re
import time
from itertools import count
from typing import TYPE_CHECKING

import pexpect
from pexpect.spawnbase import SpawnBase

from qa import timeouts
from qa.errors import ScenarioFailed
from qa.vm.channels import Channels
from qa.vm.guest import CommandResult, Guest
from qa.vm.polling import poll

BURST = 12
"""Bytes sent at a time: input through Xen's console is lost when it comes faster than 12 bytes in 50 ms."""
PAUSE = 0.05
LOOK = 1.0
"""Seconds between two checks of the limit."""
TAKEN = 120.0
"""Seconds of machine time in which a shell must accept a command; after that the line is typed again."""
LOGIN = r"[\w.-]+ login: "
PASSWORD = r"[Pp]assword: "
LOGIN_TIMED_OUT = r"timed out after \d+ seconds"
"""What login(1) prints when the log-in is not complete within LOGIN_TIMEOUT of login.defs(5)."""
LOGINS = 10
"""Tries to log in on a console whose login(1) times out."""
PROMPT = r"root@[\w.-]+:[^\n]{0,60}# |\n# $"
MARKS = count(1)
"""Numbers of commands, unique in this process: two dialogues on one console must not read each other's output."""
KERNEL_LINE = re.compile(r"^(\[ *\d+\.\d{6}\]|\(XEN\)) ")


if TYPE_CHECKING:
    TextSpawn = SpawnBase[str]
else:
    TextSpawn = SpawnBase  # generic in its type stubs only


class _Spawn(TextSpawn):
    """The transcript from an offset on, as pexpect reads it; reading reads all channels of the machine."""

    def __init__(self, channels: Channels, place: int) -> None:
        super().__init__(timeout=60, encoding="utf-8", codec_errors="replace")
        self._channels = channels
        self._place = place

    def read_nonblocking(self, size: int = 1, timeout: float | None = None) -> str:
        """Return the next text, for pexpect."""
        end = time.monotonic() + (60.0 if timeout is None or timeout < 0 else timeout)
        while True:
            text = self._channels.transcript.text[self._place :]
            if text:
                self._place += len(text)
                return text
            if self._channels.closed:
                raise pexpect.EOF("the machine ended")
            if time.monotonic() > end:
                raise pexpect.TIMEOUT("nothing more on the console")
            self._channels.pump(0.2)


def script(command: str, mark: str) -> str:
    """Return the shell line that runs a command so that its output can be distinguished from other console text.

    The first line of output confirms that the shell has read the whole command. Each following line begins with the mark
    and ``|``; the last one is the mark, ``=`` and the exit code.
    """
    return f'echo "{mark}$((0))<"; {{ ( {command}\n) 2>&1; echo "{mark}=$?"; }} </dev/null | sed \'s/^/{mark}|/\''


def parse(text: str, mark: str) -> tuple[int, str] | None:
    """Return the exit code and output in the console text of :func:`script`, None when the end is missing.

    Lines of the kernel and of Xen in between have no mark and are left out.
    """
    end = re.search(rf"{mark}=(\d+)[ \t]*\n", text)
    if not end:
        return None
    lines = []
    for line in text[: end.start()].splitlines():
        before, found, rest = line.partition(f"{mark}|")
        if found and (not before.strip() or KERNEL_LINE.match(before)):
            lines.append(rest)
    if lines and not lines[-1]:
        lines.pop()  # the text before the exit code
    return int(end.group(1)), "\n".join(lines)


class Console(Guest):
    """The serial console of a running machine, as a guest whose shell runs the commands.

    :param place: offset in the console's text to begin at; None: the last reset, as older prompts are obsolete.
    """

    def __init__(self, channels: Channels, place: int | None = None) -> None:
        self._channels = channels
        self._spawn = _Spawn(channels, channels.reset_place if place is None else place)

    def expect(self, *patterns: str, limit: float = timeouts.COMMAND) -> int:
        """Wait until one of these regular expressions matches new text; return its index, from 0.

        :param limit: seconds of machine time, stretched by the user's patience.
        :raises MachineStarved: when the emulator got too little processor time to tell.
        :raises ScenarioFailed: when the limit is over, the guest hangs, or the machine ends or fails.
        """
        what = f"match on the console for {' or '.join(patterns)}"

        def attempt() -> list[int]:
            try:
                return [int(self._spawn.expect(list(patterns), timeout=LOOK))]
            except pexpect.TIMEOUT:
                return []  # what was read so far stays in pexpect's buffer
            except pexpect.EOF:
                raise ScenarioFailed(f"the machine ended before there was {what}\n{self._tail()}") from None

        def hung() -> None:
            if reason := self._channels.progress.hung() if self._channels.progress else "":
                raise ScenarioFailed(f"no {what}: {reason}\n{self._tail()}")

        def nothing(seconds: float) -> None:
            """Do not pause: the attempt itself waits."""

        evidence = lambda: f"the console's last lines:\n{self._tail()}"  # noqa: E731
        return poll(attempt, what, limit=limit, pause=nothing, still_possible=hung, evidence=evidence)[0]

    def _tail(self) -> str:
        return "\n".join(f"    {line[:160]}" for line in self._channels.transcript.text.splitlines()[-8:])

    def send(self, text: str) -> None:
        """Type text, slowly enough for Xen's console."""
        data = text.encode()
        for start in range(0, len(data), BURST):
            self._channels.send_console(data[start : start + BURST])
            end = time.monotonic() + PAUSE
            while (rest := end - time.monotonic()) > 0:
                self._channels.pump(rest)

    def login(self, user: str, password: str, *, limit: float = timeouts.BOOT) -> None:
        """Log in at the next prompt and prepare the shell for :meth:`execute`; see :meth:`answer_login`."""
        self.answer_login(user, password, limit=limit)
        self._prepare_shell()

    def answer_login(
        self,
        user: str,
        password: str,
        *,
        limit: float = timeouts.BOOT,
        answer_limit: float = timeouts.COMMAND,
        tries: int = LOGINS,
    ) -> None:
        """Log in at the next prompt; the shell stays as it is.

        login(1) ends after a minute of the guest's clock (LOGIN_TIMEOUT in login.defs(5)), which a guest with little processor
        time exceeds between two of its lines. The log-in is then repeated, up to ``tries`` times in all.

        :param limit: seconds for a prompt to appear.
        :param answer_limit: seconds for each answer of login(1).
        """
        self.expect(LOGIN, limit=limit)
        for _ in range(tries):
            self.send(f"{user}\n")
            if self.expect(PASSWORD, LOGIN_TIMED_OUT, limit=answer_limit) == 0:
                self.send(f"{password}\n")
                answer = self.expect(PROMPT, r"Login incorrect", LOGIN_TIMED_OUT, limit=answer_limit)
                if answer == 1:
                    raise ScenarioFailed(f"the console rejects the password of {user}")
                if answer == 0:
                    return
            self.expect(LOGIN, limit=limit)
        raise ScenarioFailed(f"{tries} log-ins of {user} on the console timed out")

    def wait_for_shell(self, *, limit: float = timeouts.BOOT) -> None:
        """Wait for a shell that needs no log-in and prepare it for :meth:`execute`."""
        if self.expect(PROMPT, LOGIN, limit=limit) == 1 and self.expect(PROMPT, PASSWORD) == 1:
            raise ScenarioFailed("the console asks for a password; a shell without a log-in was expected")
        self._prepare_shell()

    def _prepare_shell(self, tries: int = 5) -> None:
        """Switch the shell's line editing, echo and prompt off, and check that it responds."""
        for number in range(tries):
            self.send("\nTERM=dumb exec sh\n")
            self.send("stty -echo cols 250; PS1= PS2=; set +o history 2>/dev/null\n")
            self.send(f"echo tame-$((40+{number}))-\n")
            try:
                self.expect(rf"tame-{40 + number}-", limit=TAKEN)
            except ScenarioFailed:
                if number == tries - 1 or self._channels.closed:
                    raise
            else:
                return

    def _type(self, line: str, taken: str, tries: int = 3) -> None:
        """Type a line until the shell confirms it: input on Xen's console may be lost at any speed."""
        for number in range(1, tries + 1):
            self.send(line + "\n")
            try:
                self.expect(re.escape(taken), limit=TAKEN)
            except ScenarioFailed:
                if number == tries or self._channels.closed or not self._channels.quiet:
                    raise
                self.send("\x03\n")  # discards the rest of the line
            else:
                return

    def execute(self, command: str, *, limit: float = timeouts.COMMAND) -> CommandResult:
        """Run a command in the guest's shell; each runs in a subshell, so that a ``cd`` does not last.

        :raises ScenarioFailed: when the shell does not accept it, or it does not end within the limit.
        """
        mark = f"Q{next(MARKS)}Z"
        self._type(script(command, mark), f"{mark}0<")
        self.expect(rf"{mark}=\d+[ \t]*\n", limit=limit)
        output = f"{self._spawn.before}{self._spawn.after}"
        parsed = parse(output, mark)
        assert parsed, "expect and parse have the same pattern"
        return CommandResult(command, *parsed)
