"""Root's password is asked for at any console until it was set at one of them; real terminals, no stand-ins."""

from __future__ import annotations

import json
import os
import pty
import select
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from answerfiles.model import Answers
from dom0kit.errors import UserError
from dom0kit.polling import poll
from firstboot import first_password
from firstboot.host import Host
from firstboot.steps import access

GOOD = "correct horse battery"
SECONDS = 20


class Terminal:
    """A console on which ``dom0ctl password`` runs, and what it has shown."""

    def __init__(self, host: Host) -> None:
        self.keys, self.line = pty.openpty()
        self.shown: list[str] = []
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run, args=(host,), daemon=True)
        self.thread.start()

    def _run(self, host: Host) -> None:
        try:
            first_password.ask(host, self.line, self.shown.append)
        except UserError as error:
            self.error = error

    @property
    def text(self) -> str:
        return "".join(self.shown)

    def type(self, line: str, prompt: str) -> None:
        """Type a line once a prompt is the last thing shown."""
        poll(lambda: self.text.endswith(prompt), SECONDS, 0.01, f"{prompt!r} on the console")
        os.write(self.keys, line.encode())

    def wait(self) -> str:
        self.thread.join(SECONDS)
        assert not self.thread.is_alive(), self.text
        return self.text

    def close(self) -> None:
        os.close(self.keys)
        self.wait()
        os.close(self.line)


@pytest.fixture
def asking(host: Host, host_answers: dict[str, Any]) -> Host:
    host_answers["root"] = {"ask": True, "ssh_keys": host_answers["root"]["ssh_keys"]}
    host.path("etc/dom0kit/host.json").write_text(json.dumps(host_answers))
    made = Host(host.root, host.run)
    access.root(made)
    return made


@pytest.fixture
def terminal(asking: Host) -> Iterator[Terminal]:
    made = Terminal(asking)
    yield made
    made.close()


def hash_of(host: Host) -> str | None:
    return first_password.root_hash(host.read("etc/shadow"))


def test_meanwhile_no_password_matches_and_keys_do(asking: Host) -> None:
    assert asking.read("etc/shadow").startswith("root:*:")
    assert "ssh-ed25519" in asking.read("root/.ssh/authorized_keys")
    assert first_password.is_wanted(asking)


def test_it_is_set_once_it_was_typed_twice(asking: Host, terminal: Terminal) -> None:
    terminal.type("short\n", "root: ")
    terminal.type(GOOD + "\n", "root: ")
    terminal.type(GOOD + "x\n", "again: ")
    terminal.type("\x03" + "\n", "root: ")  # Ctrl-C is no way out
    terminal.type(GOOD + "\n", "root: ")
    terminal.type(GOOD + "\n", "again: ")
    shown = terminal.wait()
    assert "has 5 characters, it needs 8" in shown
    assert "The two differ" in shown
    assert shown.endswith("The password is set.\n")
    assert GOOD not in shown
    found = hash_of(asking)
    assert found is not None
    assert found.startswith(("$y$", "$6$"))
    assert asking.path("etc/shadow").stat().st_mode & 0o777 == 0o640
    assert not first_password.is_wanted(asking)
    # The terminal itself has shown the ends of lines at most.
    assert not select.select([terminal.keys], [], [], 0)[0] or not os.read(terminal.keys, 4096).strip()


def test_the_step_keeps_a_password_that_was_set_here(asking: Host) -> None:
    first_password.write(asking, GOOD)
    before = hash_of(asking)
    access.root(asking)
    assert hash_of(asking) == before
    assert not first_password.is_wanted(asking)


def test_other_consoles_go_on_when_it_is_set_at_one(asking: Host, terminal: Terminal) -> None:
    other = Terminal(asking)
    other.type(GOOD + "\n", "root: ")
    other.type(GOOD + "\n", "again: ")
    assert other.wait().endswith("The password is set.\n")
    other.close()
    assert terminal.wait().endswith("The password was set on another console.\n")


def test_two_consoles_at_the_same_moment(asking: Host) -> None:
    first_password.write(asking, GOOD)
    before = hash_of(asking)
    asking.path(first_password.WANTED).touch()
    with pytest.raises(first_password.SetElsewhere):
        first_password.write(asking, "something else entirely")
    assert hash_of(asking) == before


def test_a_password_of_passwd_counts(asking: Host, terminal: Terminal) -> None:
    terminal.type("", "root: ")
    first_password.write_hash(asking, "$6$saltsalt$" + "x" * 40)
    assert "another console" in terminal.wait()


def test_a_terminal_that_is_gone_ends_it(asking: Host) -> None:
    made = Terminal(asking)
    made.type("", "root: ")
    os.close(made.keys)
    made.wait()
    assert made.error is not None
    assert first_password.is_wanted(asking)
    os.close(made.line)


def test_without_ask_nothing_is_asked(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.write(first_password.WANTED, "", 0o600)
    access.root(host)
    assert not host.path(first_password.WANTED).exists()
    assert first_password.main(host) == 0
    assert "passwd" in capsys.readouterr().out


def test_no_terminal_is_a_users_error(asking: Host, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    with empty.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        with pytest.raises(UserError, match="on a terminal"):
            first_password.main(asking)


@pytest.mark.parametrize(
    ("root", "valid"),
    [
        ({"ask": True}, True),
        ({"ask": True, "lock": True}, False),
        ({"ask": True, "password_hash": "$6$saltsalt$" + "x" * 40}, False),
        ({"ask": False}, False),
    ],
)
def test_what_goes_with_ask(host_answers: dict[str, Any], root: dict[str, Any], valid: bool) -> None:
    if valid:
        assert Answers.model_validate({**host_answers, "root": root}).root.ask
        return
    with pytest.raises(ValueError, match=r"ask: true|logging in is impossible"):
        Answers.model_validate({**host_answers, "root": root})
