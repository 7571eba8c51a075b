"""The lines out of a machine, without a machine."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from qa.errors import ScenarioFailed
from qa.vm.channels import Channels, Lines, Transcript
from qa.vm.serial_console import Console


class Guest:
    """The other ends of the lines."""

    def __init__(self, **options: object) -> None:
        pairs = [socket.socketpair() for _ in range(3)]
        for host, _ in pairs:
            host.setblocking(False)
        self.console, self.events, self.qmp = (guest for _, guest in pairs)
        self.console_log, self.event_log = io.StringIO(), io.StringIO()
        self.channels = Channels(
            pairs[0][0],
            pairs[1][0],
            pairs[2][0],
            console_log=self.console_log,
            event_log=self.event_log,
            **options,  # type: ignore[arg-type]
        )

    def close(self) -> None:
        """Hang up everything."""
        self.channels.close()
        for line in (self.console, self.events, self.qmp):
            line.close()

    def send_event(self, **event: object) -> None:
        """Send an event."""
        self.events.sendall(json.dumps(event).encode() + b"\n")


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Iterator[Guest]:
    """Return a guest whose failures are not expected."""
    monkeypatch.setattr("qa.vm.channels.LAST_WORDS", 0.01)
    with closing(Guest()) as value:
        yield value


def test_lines_in_pieces() -> None:
    """A line counts once its end is there."""
    lines = Lines()
    assert lines.feed(b"on") == []
    assert lines.feed(b"e\ntwo\nth") == [b"one", b"two"]


def test_transcript_logs_whole_lines_without_colours() -> None:
    """The log has one line for each line, with the time before it; the last one may lack its end."""
    log = io.StringIO()
    transcript = Transcript(log)
    transcript.feed(b"\x1b[1mone\x1b[0m\r\ntw")
    transcript.feed(b"o")
    transcript.close()
    assert [line.split("| ")[1] for line in log.getvalue().splitlines()] == ["one", "two"]


def test_utf8_cut_in_half() -> None:
    """A character in two pieces is one character."""
    transcript = Transcript(io.StringIO())
    transcript.feed("ä".encode()[:1])
    transcript.feed("ä\n".encode()[1:])
    assert transcript.text == "ä\n"


def test_events_are_read_and_kept(guest: Guest) -> None:
    """Events arrive in order and go to the log."""
    guest.send_event(event="step", source="installer", name="copy", state="finished", seconds=1)
    guest.send_event(event="finished", source="installer")
    guest.channels.pump(1)
    assert [event["event"] for event in guest.channels.events] == ["step", "finished"]
    assert len(guest.event_log.getvalue().splitlines()) == 2


def test_failed_event_fails_at_once(guest: Guest) -> None:
    """A failure ends every wait, whatever it is for."""
    guest.send_event(event="failed", source="firstboot", text="no carrier on 52:54:00:12:34:56")
    with pytest.raises(ScenarioFailed, match="firstboot failed: no carrier"):
        Console(guest.channels).expect("login: ", limit=5)


def test_failed_step_alone_is_not_the_end(guest: Guest) -> None:
    """A step may fail and be tried again."""
    guest.send_event(event="step", source="firstboot", name="network", state="failed")
    guest.channels.pump(1)


def test_unreadable_event_fails(guest: Guest) -> None:
    """A broken line on the port is a bug of the guest's side."""
    guest.events.sendall(b"{half\n")
    with pytest.raises(ScenarioFailed, match="half"):
        guest.channels.pump(1)


def test_expected_failure() -> None:
    """A scenario that provokes a failure goes on."""
    with closing(Guest(expected_failures=("installer",))) as guest:
        guest.send_event(event="failed", source="installer", text="the disk is in use")
        guest.channels.pump(1)
        assert not guest.channels.unexpected(guest.channels.events[0])
        assert guest.channels.unexpected({"event": "failed", "source": "firstboot"})


def test_panic_ends_a_wait(guest: Guest) -> None:
    """A wait for a machine that ended stops at once."""
    guest.console.sendall(b"[    2.0] Kernel panic - not syncing: Attempted to kill init!\r\n")
    with pytest.raises(ScenarioFailed, match="kernel panic, line 1"):
        Console(guest.channels).expect("login: ", limit=5)


def test_maintenance_prompt_without_line_end(guest: Guest) -> None:
    """A prompt is seen though its line has no end."""
    guest.console.sendall(b"Give root password for maintenance\r\n(or press Control-D to continue): ")
    with pytest.raises(ScenarioFailed, match="maintenance"):
        guest.channels.pump(1)


def test_end_of_the_machine_ends_a_wait(guest: Guest) -> None:
    """A machine that ended says nothing more."""
    guest.console.close()
    with pytest.raises(ScenarioFailed, match="the machine ended"):
        Console(guest.channels).expect("login: ", limit=5)


def test_qmp_answers_and_events(guest: Guest) -> None:
    """Answers are found by their number, events are kept."""
    number = guest.channels.send_qmp("cont", {})
    sent = json.loads(guest.qmp.recv(1000))
    assert sent == {"execute": "cont", "arguments": {}, "id": number}
    guest.qmp.sendall(
        b'{"QMP": {}}\n{"event": "RESET", "data": {}}\n' + json.dumps({"return": {}, "id": number}).encode() + b"\n"
    )
    guest.channels.pump(1)
    assert guest.channels.greeted
    assert guest.channels.answers[number]["return"] == {}
    assert guest.channels.qmp_events[0]["event"] == "RESET"


def test_prompts_before_a_reset_are_no_prompts(guest: Guest) -> None:
    """A dialogue begins where the present boot begins."""
    guest.console.sendall(b"old login: \n")
    guest.channels.pump(1)
    guest.qmp.sendall(b'{"event": "RESET", "data": {}}\n')
    guest.channels.pump(1)
    guest.console.sendall(b"new login: ")
    assert Console(guest.channels).expect("old login: ", "new login: ", limit=5) == 1


def test_run_on_the_console(guest: Guest) -> None:
    """Output is distinguished from echo and kernel messages; input comes in small pieces."""
    guest.console.sendall(b"Q1Z0<\r\nQ1Z|xen_version : 4.20.0\r\n[    9.123456] noise\r\nQ1Z|Q1Z=0\r\n")
    assert Console(guest.channels).succeed("xl info") == "xen_version : 4.20.0"
    typed = guest.console.recv(4096).decode()
    assert typed.startswith('echo "Q1Z$((0))<"; { ( xl info\n) 2>&1;')


def test_close_twice(guest: Guest) -> None:
    """A machine may be ended more than once."""
    guest.channels.close()
    guest.channels.close()


class Signs:
    """Counts signs of life."""

    def __init__(self) -> None:
        self.count = 0

    def note(self) -> None:
        """Count one."""
        self.count += 1


def test_only_what_comes_from_the_guest_is_a_sign_of_life(guest: Guest) -> None:
    """QEMU answers to the recorder's requests also while the guest hangs."""
    signs = guest.channels.progress = Signs()  # type: ignore[assignment]
    guest.qmp.sendall(b'{"return": {}, "id": 1}\n')
    guest.channels.pump(1)
    assert 1 in guest.channels.answers
    assert signs.count == 0
    guest.qmp.sendall(b'{"event": "RESET", "data": {}}\n')
    guest.channels.pump(1)
    assert signs.count == 1
    guest.console.sendall(b"hello\n")
    guest.channels.pump(1)
    assert signs.count == 2
    guest.send_event(event="note", source="installer")
    guest.channels.pump(1)
    assert signs.count == 3


class Ticks:
    """A recorder that counts how often it gets its turn."""

    def __init__(self) -> None:
        self.count = 0

    def tick(self, line: object) -> None:
        """Count one."""
        self.count += 1


def test_a_recorder_gets_its_turn_whenever_the_lines_are_drained(guest: Guest) -> None:
    recorder = guest.channels.recorder = Ticks()  # type: ignore[assignment]
    guest.channels.pump(0.01)
    guest.channels.pump(0.01)
    assert recorder.count == 2
