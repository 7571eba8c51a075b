"""The channels of a machine, read together in one loop: serial console, events, QMP.

One loop and no threads: code that waits for anything reads all three, so a guest never blocks on a full socket, and a
failure that is reported on one channel ends a wait on another.
"""

from __future__ import annotations

import codecs
import json
import selectors
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from qa.errors import ScenarioFailed
from qa.recording.recorder import Recorder
from qa.scans.console_scan import Cleaner, Finding, findings
from qa.vm.guest_progress import Progress
from qa.vm.polling import poll

Message = dict[str, Any]
LAST_WORDS = 2.0
"""Seconds for which the console is read after a fatal line: what the kernel prints next is the evidence."""


def connect(path: Path, alive: Callable[[], bool], limit: float = 120.0) -> socket.socket:
    """Connect to a socket that QEMU is about to make.

    :param limit: seconds of machine time.
    :raises ScenarioFailed: when QEMU has ended.
    :raises TimedOut: when the socket does not accept a connection within the limit.
    """

    def attempt() -> socket.socket | None:
        line = socket.socket(socket.AF_UNIX)
        try:
            line.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError):
            line.close()
            return None
        line.setblocking(False)
        return line

    def runs() -> None:
        if not alive():
            raise ScenarioFailed(f"QEMU ended before it made the socket {path.name}; see its messages in the artifacts")

    return poll(attempt, f"socket {path.name} of QEMU", limit=limit, interval=0.05, pause=time.sleep, still_possible=runs)


class Lines:
    """Split bytes that arrive in pieces into lines."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete now."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return whole


class Transcript:
    """The console's text without escape sequences: for the dialogue, the log and the scan."""

    def __init__(self, log: TextIO) -> None:
        self.text = ""
        self.fatal: Finding | None = None
        self._log = log
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._cleaner = Cleaner()
        self._logged = 0
        self._lines = 0
        self._start = time.monotonic()

    def feed(self, data: bytes) -> None:
        """Add output of the console; write complete lines to the log, each with the seconds since power-on."""
        self.text += self._cleaner.feed(self._decoder.decode(data))
        end = self.text.rfind("\n") + 1
        if end > self._logged:
            self._keep(self.text[self._logged : end])
            self._logged = end
        # A prompt has no line end: scan what follows the last line, too.
        self._scan(self.text[self._logged :])

    def close(self) -> None:
        """Write the last line even if it has no end."""
        if self._logged < len(self.text):
            self._keep(self.text[self._logged :] + "\n")
            self._logged = len(self.text)

    def _keep(self, lines: str) -> None:
        self._scan(lines)
        now = time.monotonic() - self._start
        for line in lines.splitlines():
            self._log.write(f"{now:7.1f} | {line.rstrip()}\n")
        self._lines += lines.count("\n")
        self._log.flush()

    def _scan(self, lines: str) -> None:
        if not self.fatal:
            self.fatal = next((f for f in findings(lines, first=self._lines + 1) if f.fatal), None)


class Channels:
    """The connected channels of one machine.

    :param console_log: receives the console, line by line.
    :param event_log: receives each event as a line of JSON.
    :param expected_failures: sources whose ``failed`` events do not fail the scenario.
    :param stop_at_fatal: raise as soon as the console shows a fatal symptom, such as a panic.
    :ivar reset_place: offset in the console's text at which the current boot begins.
    :ivar watchers: functions that are called with the console's bytes.
    :ivar checking: whether reading raises for unexpected failures and fatal symptoms.
    :ivar progress: is notified of every sign of life of the guest, if set.
    :ivar recorder: records the screen meanwhile, if set.
    """

    def __init__(
        self,
        console: socket.socket,
        events: socket.socket,
        qmp: socket.socket,
        *,
        console_log: TextIO,
        event_log: TextIO,
        expected_failures: tuple[str, ...] = (),
        stop_at_fatal: bool = True,
    ) -> None:
        self.transcript = Transcript(console_log)
        self.events: list[Message] = []
        self.qmp_events: list[Message] = []
        self.answers: dict[int, Message] = {}
        self.greeted = False
        self.reset_place = 0
        self.watchers: list[Callable[[bytes], None]] = []
        self.closed = False
        self.checking = True
        self.progress: Progress | None = None
        self.recorder: Recorder | None = None
        self._start = time.monotonic()
        self._event_log = event_log
        self._expected_failures = expected_failures
        self._stop_at_fatal = stop_at_fatal
        self._console = console
        self._qmp = qmp
        self._sent = 0
        self._selector = selectors.DefaultSelector()
        self._event_lines, self._qmp_lines = Lines(), Lines()
        for line, take in ((console, self._take_console), (events, self._take_events), (qmp, self._take_qmp)):
            self._selector.register(line, selectors.EVENT_READ, take)

    def pump(self, seconds: float) -> bool:
        """Read what arrives within at most ``seconds``; return whether anything arrived.

        :raises ScenarioFailed: for a ``failed`` event that the scenario does not expect, or a fatal line on the console.
        """
        if not self._selector.get_map():
            self.closed = True
            time.sleep(min(seconds, 0.1))
            return False
        came = False
        for key, _ in self._selector.select(seconds):
            assert isinstance(key.fileobj, socket.socket)
            try:
                data = key.fileobj.recv(65536)
            except BlockingIOError:
                continue
            except ConnectionError:
                data = b""
            if data:
                came = True
                # QEMU answers also for a guest that hangs.
                if self.progress and key.fileobj is not self._qmp:
                    self.progress.note()
                key.data(data)
            else:
                self._selector.unregister(key.fileobj)
                key.fileobj.close()
                self.closed = True
        if self.recorder:
            self.recorder.tick(self)
        self._check()
        return came

    def drain(self, seconds: float) -> None:
        """Read whatever arrives for ``seconds``."""
        end = time.monotonic() + seconds
        while (rest := end - time.monotonic()) > 0:
            self.pump(min(rest, 0.5))

    @property
    def console_attached(self) -> bool:
        """Return whether the console is connected."""
        return any(key.fileobj is self._console for key in (self._selector.get_map() or {}).values())

    def detach_console(self) -> None:
        """Disconnect from the console so that another program can connect; harmless when it is not connected."""
        if self.console_attached:
            self._selector.unregister(self._console)
            self._console.close()

    def attach_console(self, line: socket.socket) -> None:
        """Read the console from another connection, after :meth:`detach_console`."""
        self._console = line
        self._selector.register(line, selectors.EVENT_READ, self._take_console)

    def send_console(self, data: bytes) -> None:
        """Send bytes to the console."""
        if not self.closed and self._console.fileno() >= 0:
            self._console.sendall(data)

    def send_qmp(self, command: str, arguments: Message) -> int:
        """Send a QMP command; return its number, under which ``answers`` gets the reply."""
        self._sent += 1
        message = {"execute": command, "arguments": arguments, "id": self._sent}
        self._qmp.sendall(json.dumps(message).encode() + b"\n")
        return self._sent

    def close(self) -> None:
        """Read what is left, then disconnect; harmless a second time."""
        if self._selector.get_map() is None:
            return
        self.checking = False
        end = time.monotonic() + 5
        while self._selector.get_map() and self.pump(0.1) and time.monotonic() < end:
            pass
        self.closed = True
        self.transcript.close()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()

    def _take_console(self, data: bytes) -> None:
        self.transcript.feed(data)
        for watcher in self.watchers:
            watcher(data)

    def _take_events(self, data: bytes) -> None:
        for line in self._event_lines.feed(data):
            if not line.strip():
                continue
            try:
                event = json.loads(line)
            except ValueError:
                event = {"event": "unreadable", "source": "port", "text": line.decode(errors="replace")}
            self.events.append(event)
            logged = {**event, "at": round(time.monotonic() - self._start, 1)} if isinstance(event, dict) else event
            self._event_log.write(json.dumps(logged, sort_keys=True) + "\n")
            self._event_log.flush()

    def _take_qmp(self, data: bytes) -> None:
        for line in self._qmp_lines.feed(data):
            message = json.loads(line)
            if "QMP" in message:
                self.greeted = True
            elif "event" in message:
                self.qmp_events.append(message)
                if self.progress:
                    self.progress.note()
                if message["event"] == "RESET":
                    self.reset_place = len(self.transcript.text)
            elif "id" in message:
                self.answers[message["id"]] = message

    def _check(self) -> None:
        if not self.checking:
            return
        for event in self.events:
            if self.unexpected(event):
                source, text = event.get("source", "?"), event.get("text") or event.get("error") or event
                raise ScenarioFailed(f"{source} failed: {text}")
        if self._stop_at_fatal and self.transcript.fatal:
            # What the kernel prints after the first fatal line is the evidence: read it before the machine is ended.
            self.checking = False
            end = time.monotonic() + LAST_WORDS
            while not self.closed and (rest := end - time.monotonic()) > 0:
                self.pump(rest)
            self.checking = True
            raise ScenarioFailed(f"the console shows {self.transcript.fatal}")

    @property
    def quiet(self) -> bool:
        """Return whether no unexpected failure and no fatal symptom was seen so far."""
        return not any(self.unexpected(event) for event in self.events) and not self.transcript.fatal

    def unexpected(self, event: Message) -> bool:
        """Return whether an event is a failure that this scenario does not expect."""
        if event.get("event") not in ("failed", "unreadable"):
            return False
        return event.get("source") not in self._expected_failures
