"""The log of a failure gets out: to a browser, to a web server, over SSH."""

from __future__ import annotations

import http.client
import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_runner import Call, Ended, FakeRunner, Output

from dom0kit.errors import UserError
from dom0kit.http_client import Response, WebError
from installer.command_log import Commands
from installer.tui.operations import http_export, send_log
from installer.tui.operations.http_export import FileServer, random_name
from installer.tui.operations.send_log import LogExport
from installer.tui.pages import log_export
from installer.tui.pages.log_export import parse_target
from installer.tui.toolkit.forms import BACK, NEXT, Form, Reply, Update, Value
from installer.tui.toolkit.text_terminal import draw

DATA = b"\x1f\x8bthe log"
DENIED = "me@192.0.2.7: Permission denied (publickey,password).\r\nscp: Connection closed\n"
Turn = tuple[str, str, dict[str, Value]]


def get(port: int, path: str, method: str = "GET") -> tuple[int, bytes]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    line.request(method, path)
    answer = line.getresponse()
    return answer.status, answer.read()


def test_a_file_is_served_while_the_screen_is_open() -> None:
    with FileServer(DATA, "log-bamako.tar.gz", (0,)) as open_offer:
        port = open_offer.port
        assert get(port, "/log-bamako.tar.gz") == (200, DATA)
        assert get(port, "/log-bamako.tar.gz", "HEAD") == (200, b"")
        assert get(port, "/")[0] == 404
        assert get(port, "/log-other.tar.gz")[0] == 404
        assert get(port, "/log-bamako.tar.gz", "DELETE")[0] == 501
        assert open_offer.fetched == ["127.0.0.1"]
        assert open_offer.urls(("192.0.2.1", "2001:db8::1")) == (
            f"http://192.0.2.1:{port}/log-bamako.tar.gz",
            f"http://[2001:db8::1]:{port}/log-bamako.tar.gz",
        )
    with pytest.raises(OSError, match="refused"):
        get(port, "/log-bamako.tar.gz")


def test_the_next_port_is_used_if_one_is_busy() -> None:
    with FileServer(DATA, "a", (0,)) as first, FileServer(DATA, "b", (first.port, 0)) as second:
        assert first.port != second.port


def test_random_names_are_readable_and_differ() -> None:
    words = {random_name() for _ in range(50)}
    assert len(words) > 45
    assert all(len(text) == 8 and text.isalpha() and text.islower() for text in words)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("me@192.0.2.7", "me@192.0.2.7:log.tar.gz"),
        ("me@host.example.org:logs/", "me@host.example.org:logs/log.tar.gz"),
        ("me@[2001:db8::7]:/tmp/x.tar.gz", "me@[2001:db8::7]:/tmp/x.tar.gz"),
        ("host", ""),
        ("-o@host", ""),
        ("me@-host", ""),
        ("me@host:a b", ""),
        ("me@host:$(id)", ""),
    ],
)
def test_targets_of_scp(text: str, words: str) -> None:
    target = parse_target(text, "log.tar.gz")
    assert (target.to_scp() if target else "") == words
    assert bool(log_export.target_problem(text)) == (not words)


def test_addresses_of_web_servers() -> None:
    assert log_export.url_problem("http://192.0.2.7/upload") == ""
    assert "http://SERVER/path" in log_export.url_problem("192.0.2.7")


class Terminal:
    """Keeps what it shows, and presses the buttons that it was given."""

    def __init__(self, *turns: Turn) -> None:
        self.turns, self.messages, self.shown = list(turns), list[str](), list[str]()
        self.look: Callable[[str], None] = lambda text: None

    def show(self, form: Form, *, focus: str = "", problem: str = "", update: Callable[[], Update | None] | None = None) -> Reply:
        text = "\n".join(draw(form, problem))
        if form.title == "Please wait":
            while not (news := update() if update else None) or not news.done:
                pass
            return Reply("wait", {})
        self.shown.append(text)
        self.look(text)
        for _ in range(200 if update else 0):
            # The server notes it behind the last byte, in a thread of its own.
            news = update() if update else None
            self.shown.append("\n".join(news.texts.values()) if news else "")
            if "fetched once" in self.shown[-1]:
                break
            threading.Event().wait(0.01)
        title, button, typed = self.turns.pop(0)
        assert (form.title, button in dict(form.buttons)) == (title, True)
        return Reply(button, {**form.values(), **typed})

    def set_status(self, text: str) -> None:
        """Accept any text."""

    def show_message(self, title: str, text: str) -> None:
        self.messages.append(text)


def scp_checked(call: Call) -> Ended:
    """Check the password's program and the file while they exist."""
    askpass = Path(call.env["SSH_ASKPASS"])
    assert askpass.stat().st_mode & 0o777 == 0o700
    assert "open sesame" not in askpass.read_text()
    assert Path(call.argv[-2]).read_bytes() == DATA
    return Ended()


def scp_refused(call: Call) -> Ended:
    scp_checked(call)
    return Ended(1, "", DENIED)


def ssh_programs(scp: Output = scp_checked, key: str = "h ssh-ed25519 AAAA") -> FakeRunner:
    def keyscan(call: Call) -> str:
        return key if "ed25519" in call.argv else ""

    return FakeRunner({"scp": scp, "ssh-keyscan": keyscan, "ssh-keygen": "256 SHA256:abc h (ED25519)"})


def effects(terminal: Terminal, runner: Any = None, *, there: tuple[str, ...] = ("127.0.0.1",), **more: Any) -> LogExport:
    commands = Commands(io.StringIO(), runner=runner or ssh_programs())
    return LogExport(terminal, commands, lambda: there, lambda: DATA, more.pop("to_stick", lambda: None), **more)


def way(name: str) -> Turn:
    return ("Save the log", NEXT, {"log.how": name})


def test_by_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_export, "PORTS", (0,))
    terminal = Terminal(way("offer"), ("Download the log", BACK, {}))

    def look(text: str) -> None:
        if "http://127.0.0.1:" in text:
            port, _, path = text.partition("http://127.0.0.1:")[2].split()[0].partition("/")
            assert get(int(port), f"/{path}") == (200, DATA)

    terminal.look = look
    effects(terminal).save()
    assert "Downloaded once, last by 127.0.0.1" in terminal.shown[-1]
    assert terminal.messages == []


def test_by_a_stick_or_not_at_all() -> None:
    sticks: list[int] = []
    effects(Terminal(way("stick")), to_stick=lambda: sticks.append(1)).save()
    effects(Terminal(("Save the log", BACK, {}))).save()
    assert sticks == [1]
    terminal = Terminal(way("offer"))
    effects(terminal, there=()).save()
    assert "no address" in terminal.messages[0]


def test_upload_after_two_failures() -> None:
    sent: list[Any] = []

    def post(method: str, url: str, **values: Any) -> Response:
        sent.append((method, url, values["body"]))
        if len(sent) == 1:
            raise WebError("connect", "no connection to 192.0.2.7", "is it up?")
        return Response(500 if len(sent) == 2 else 204, b"")

    turn: Turn = ("Upload the log", NEXT, {"log.url": " http://192.0.2.7/up "})
    terminal = Terminal(way("post"), ("Upload the log", NEXT, {"log.url": "nonsense"}), turn, turn, turn)
    effects(terminal, post=post).save()
    assert [text[:13] for text in terminal.messages] == ["no connection", "500 Internal ", "[ok] Uploaded"]
    assert sent[-1] == ("POST", "http://192.0.2.7/up", DATA)


COPY: Turn = ("Copy the log", NEXT, {"log.target": "me@192.0.2.7", "log.password": "open sesame"})


def test_by_ssh() -> None:
    runner, terminal = ssh_programs(), Terminal(way("scp"), COPY, ("Host key", "yes", {}))
    act = effects(terminal, runner)
    act.save()
    assert "[ok] Copied the log to me@192.0.2.7:log-" in terminal.messages[0]
    scp = runner.words[-1]
    assert "StrictHostKeyChecking=yes" in scp
    assert runner.requests[-1].env["DOM0KIT_PASSWORD"] == "open sesame"
    assert "SHA256:abc" in terminal.shown[-1]
    assert isinstance(act.commands.log, io.StringIO)
    assert "open sesame" not in act.commands.log.getvalue()


def test_scp_failures() -> None:
    terminal = Terminal(way("scp"), COPY, ("Host key", "yes", {}), ("Copy the log", BACK, {}))
    effects(terminal, ssh_programs(scp_refused)).save()
    assert "Permission denied" in terminal.messages[0]
    runner, terminal = ssh_programs(), Terminal(way("scp"), COPY, ("Host key", "no", {}))
    effects(terminal, runner).save()
    assert "scp" not in {words[0] for words in runner.words}
    assert terminal.messages == []
    terminal = Terminal(way("scp"), COPY, ("Copy the log", BACK, {}))
    effects(terminal, ssh_programs(key="# h:22 SSH-2.0\n")).save()
    assert "has no SSH host key" in terminal.messages[0]


def test_a_server_that_cannot_start_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise UserError("cannot listen")

    monkeypatch.setattr(send_log, "FileServer", refuse)
    terminal = Terminal(way("offer"))
    effects(terminal).save()
    assert "cannot listen" in terminal.messages[0]


@pytest.mark.parametrize(
    "form",
    [
        log_export.choose_way(),
        log_export.offered(tuple(f"http://[2001:db8::{n}]:8080/log-bamakobi.tar.gz" for n in range(9))),
        log_export.post("http://x"),
        log_export.scp("me@x"),
        log_export.host_key("192.0.2.7", "256 SHA256:" + "x" * 43 + " 192.0.2.7 (ED25519)"),
    ],
    ids=lambda form: form.title,
)
def test_every_screen_fits(form: Form) -> None:
    assert draw(form, "x" * 140)
    assert form.help
