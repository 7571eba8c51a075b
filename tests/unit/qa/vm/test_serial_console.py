"""Commands on the console: what is typed and how the answer is read."""

from __future__ import annotations

import io
import re
import socket
import threading
from contextlib import closing

import pytest

from qa.errors import ScenarioFailed
from qa.vm.channels import Channels
from qa.vm.guest import CommandResult
from qa.vm.serial_console import LOGIN, LOGIN_TIMED_OUT, LOGINS, PROMPT, Console, parse, script


def test_script_marks_lines_and_exit_code() -> None:
    """The echo of the script itself is no answer."""
    line = script("xl info", "Q1Z")
    assert parse(line + "\n", "Q1Z") is None
    assert "Q1Z=$?" in line


def test_parse_leaves_out_the_kernel() -> None:
    """Lines of the kernel and of Xen in between are not output."""
    text = "Q1Z|one\n[    9.123456] usb 1-1: new device\n(XEN) hello\nQ1Z|\n[   10.000001] Q1Z|two\nQ1Z|Q1Z=3\n"
    assert parse(text, "Q1Z") == (3, "one\n\ntwo")


def test_parse_output_without_line_end() -> None:
    """The exit code may stand behind the last word of output."""
    assert parse("Q2Z|no line endQ2Z=0\n", "Q2Z") == (0, "no line end")


def test_parse_no_output() -> None:
    """A silent command."""
    assert parse("\nQ3Z|Q3Z=0\n", "Q3Z") == (0, "")


def test_parse_waits_for_the_end() -> None:
    """Half an answer is none."""
    assert parse("Q1Z|one\nQ1Z|Q1Z=", "Q1Z") is None


def test_failed_command_shows_itself() -> None:
    """The command, its exit code and its output are in the failure."""
    with pytest.raises(ScenarioFailed, match=r"xl info: exit code 7\nno permission"):
        CommandResult("xl info", 7, "no permission").ok()


@pytest.mark.parametrize("text", ["root@xen1:~# ", "\n# ", "[    9.1] x\nroot@dom0kit:/# "])
def test_prompt(text: str) -> None:
    """Root's prompts of bash and sh."""
    assert re.search(PROMPT, text)


def test_login_prompt() -> None:
    """The prompt of agetty, with a host name."""
    assert re.search(LOGIN, "Debian GNU/Linux 13 xen1 hvc0\n\nxen1 login: ")


def answer_commands(line: socket.socket) -> None:
    """Be a shell that answers to each command with its number, from 1."""
    rest, number = "", 0
    while data := line.recv(4096):
        rest += data.decode()
        while found := re.search(r'echo "(\w+Z)\$[^\0]*?\|/\'\n', rest):
            rest, number = rest[found.end() :], number + 1
            line.sendall(f"{found[1]}0<\n{found[1]}|{number}\n{found[1]}|{found[1]}=0\n".encode())


def test_two_dialogues_on_one_console_get_their_own_answers() -> None:
    """A dialogue that began earlier has the other one's answers before it, and must not take them for its own."""
    pairs = [socket.socketpair() for _ in range(3)]
    threading.Thread(target=answer_commands, args=(pairs[0][1],), daemon=True).start()
    with closing(Channels(*(near for near, _ in pairs), console_log=io.StringIO(), event_log=io.StringIO())) as channels:
        earlier, later = Console(channels), Console(channels)
        assert later.execute("uname").output == "1"
        assert earlier.execute("id").output == "2"
    for _, far in pairs:
        far.close()


class SlowGuest(Console):
    """A console whose first log-ins are given up by login(1)."""

    def __init__(self, timeouts: int) -> None:
        """Give up the first ``timeouts`` log-ins, in turn before and after the password."""
        self.timeouts = timeouts
        self.sent: list[str] = []
        self.prepared = False

    def send(self, text: str) -> None:
        """Note what is typed."""
        self.sent.append(text)

    def expect(self, *patterns: str, limit: float = 0) -> int:
        """Return the pattern that matches what such a guest prints next."""
        tries = self.sent.count("root\n")
        if patterns[0] == LOGIN:
            return 0
        before_password = patterns[0] != PROMPT
        if tries <= self.timeouts and before_password == bool(tries % 2):
            return patterns.index(LOGIN_TIMED_OUT)
        return 0

    def _prepare_shell(self, tries: int = 5) -> None:
        self.prepared = True


def test_a_log_in_that_the_guest_gives_up_for_time_is_repeated() -> None:
    """A host that was well failed a scenario because its login(1) had waited a minute for a busy build machine."""
    guest = SlowGuest(2)
    guest.login("root", "secret")
    assert guest.prepared
    assert guest.sent == ["root\n", "root\n", "secret\n", "root\n", "secret\n"]
    with pytest.raises(ScenarioFailed, match="timed out"):
        SlowGuest(LOGINS).login("root", "secret")
