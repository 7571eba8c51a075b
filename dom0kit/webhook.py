"""Send events by HTTP POST in the background, with retries and limits, without delaying the work.

One thread sends one message after the other, so that they arrive in their order. Each has ``run``, random and the same for all
messages of one run, and ``n`` from 1: a receiver that sees a pair twice received it before, and its response was lost.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from dom0kit import http_client
from dom0kit.events import Event
from dom0kit.http_client import SYSTEM, Response, Trust, WebError
from dom0kit.machine_identity import Identity

QUEUE = 1000
"""Queue limit; when full the oldest non-terminal event is dropped."""
TRY_SECONDS = 8.0
"""Connect to the webhook, and wait between two parts of its answer.

Kind: protocol. Reason: as for any web server; a webhook that is slow must not hold up the next message for long. Expiry:
another try after a pause.
"""
TRY_TOTAL = 15.0
"""Send one message to the webhook.

Kind: protocol. Reason: a message has a few KiB. Expiry: another try after a pause.
"""
BUNDLE_TOTAL = 60.0
"""Send the bundle of logs to the webhook.

Kind: protocol. Reason: 5 MiB at 100 KB/s. Expiry: another try after a pause.
"""
MESSAGE_SECONDS = 180.0
"""Try to deliver one message.

Kind: protocol. Reason: a webhook that was restarted is back by then; messages behind it wait. Expiry: the message counts as
lost, which the log and the console say.
"""
LONGEST_PAUSE = 30.0
"""Pause between two tries to reach the webhook, after 1, 2, 4, ... s.

Kind: pace. Reason: a webhook that serves many hosts must not be flooded. Expiry: the next try.
"""
FLUSH_PAUSE = 4.0
"""Pause between two tries once the sender is about to end.

Kind: pace. Reason: the time left is short. Expiry: the next try.
"""
NEVER_DROPPED = ("started", "writing", "finished", "failed", "image", "bundle")
SENT = ("started", "step", "note", "retrying", "writing", "finished", "failed", "image")
AGAIN = (408, 425, 429)
"""Statuses below 500 after which another try makes sense."""

Post = Callable[..., Response]


@dataclass(frozen=True)
class Target:
    """The receiver of reports.

    :param url: with placeholders that :meth:`dom0kit.machine_identity.Identity.fill` replaces.
    :param token: sent as ``Authorization: Bearer``; in no log and no ``repr``.
    """

    url: str
    trust: Trust = SYSTEM
    token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Message:
    """One POST: an event, or a bundle."""

    kind: str
    number: int
    body: bytes
    content_type: str = "application/json"


def pause(tries: int) -> float:
    """Return the seconds until the next attempt after ``tries`` attempts: 1, 2, 4, ... 30."""
    return float(min(2 ** max(tries - 1, 0), LONGEST_PAUSE))


def is_final(error: WebError) -> bool:
    """Return whether a retry cannot succeed: a wrong certificate or URL, or a server that rejects the message."""
    if error.kind == "status":
        return error.status < 500 and error.status not in AGAIN
    return error.kind in ("tls", "url")


class Webhook:
    """A sink for :class:`dom0kit.events.Reporter`; calling it takes no time and raises nothing.

    Messages are queued until a target is set and :meth:`release` was called.

    :param note: called from the thread with a description of each failure, for the log.
    :param redact: masks secrets in every event before it is queued.
    """

    def __init__(
        self,
        identity: Identity,
        *,
        target: Target | None = None,
        held: bool = False,
        redact: Callable[[Any], Any] = lambda value: value,
        note: Callable[[str], None] = lambda text: None,
        post: Post = http_client.request,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.identity = identity
        self.run = secrets.token_hex(4)
        self.lost = 0
        self._target = target
        self._held = held
        self._redact = redact
        self._note = note
        self._post = post
        self._clock = clock
        self._queue: deque[Message] = deque()
        self._number = 0
        self._sending = False
        self._end: float | None = None
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Queue an event for sending; ignore progress events."""
        kind = event["event"]
        if kind not in SENT:
            return
        # Only an installed host may count as one: its server stops offering the installation.
        if kind == "finished" and event.get("installed") is False:
            event = {**event, "event": "note"}
        with self._change:
            self._number += 1
            value = {**event, **self.identity.to_json(), "run": self.run, "n": self._number}
            body = json.dumps(self._redact(value), sort_keys=True).encode()
            self._add(Message(kind, self._number, body))

    def bundle(self, data: bytes) -> None:
        """Send a ``.tar.gz`` after all events so far; the caller has masked its secrets."""
        with self._change:
            self._number += 1
            self._add(Message("bundle", self._number, data, "application/gzip"))

    @property
    def aimed(self) -> bool:
        """Return whether a target is set."""
        return self._target is not None

    def aim(self, target: Target | None) -> None:
        """Send to this target from now on, including queued messages."""
        with self._change:
            self._target = target
            self._wake()

    def release(self) -> None:
        """Start sending; called when the network is up."""
        with self._change:
            self._held = False
            self._wake()

    def flush(self, seconds: float) -> bool:
        """Wait until everything is sent or given up, at most ``seconds``; drop what is left then.

        With 0 seconds, no queued message is handed to the thread.

        :returns: whether everything was delivered.
        """
        with self._change:
            if self._target is None or not self._queue:
                return not self.lost
            if seconds > 0:
                self._held = False
                self._end = self._clock() + seconds
                self._wake()
                self._change.wait_for(lambda: not self._queue, timeout=seconds)
            left = len(self._queue)
            self.lost += left
            self._queue.clear()
            self._end = None
        if left:
            self._note(f"webhook: {left} reports could not be delivered within {seconds:.0f} s")
        return not self.lost

    def settle(self, seconds: float) -> bool:
        """Wait until everything is sent or given up, at most ``seconds``; what is left stays queued.

        :returns: whether everything was delivered.
        """
        with self._change:
            if self._target is None:
                return not self._queue and not self.lost
            lost = self.lost
            self._held = False
            self._wake()
            return self._change.wait_for(lambda: not self._queue, timeout=seconds) and self.lost == lost

    def _add(self, message: Message) -> None:
        if len(self._queue) >= QUEUE:
            victim = next((m for m in self._queue if m.kind not in NEVER_DROPPED), self._queue[0])
            self._queue.remove(victim)
            self.lost += 1
        self._queue.append(message)
        self._wake()

    def _wake(self) -> None:
        if self._target is not None and not self._held and self._queue and self._thread is None:
            self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
            self._thread.start()
        self._change.notify_all()

    def _work(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: bool(self._queue) and self._target is not None and not self._held)
                message = self._queue[0]
            problem = self._deliver(message)
            with self._change:
                # A flush that ran out of time, or a full queue, may have taken it away.
                if self._queue and self._queue[0] is message:
                    self._queue.popleft()
                    if problem:
                        self.lost += 1
                self._change.notify_all()
            if problem:
                self._note(f"webhook: {message.kind} {message.number} was not sent: {problem}")

    def _deliver(self, message: Message) -> str:
        """Send one message with retries.

        :returns: why it was given up; empty when it was delivered.
        """
        begin, tries = self._clock(), 0
        while True:
            target = self._target
            if target is None:
                return "no target is configured"
            tries += 1
            try:
                self._send(message, target)
                return ""
            except WebError as error:
                failure = error
            except Exception as error:
                # A defect here must not end the thread, and all later reports with it.
                return f"{type(error).__name__}: {error}"
            if is_final(failure) and target == self._target:
                return failure.message
            if tries == 1:
                self._note(f"webhook: {message.kind} {message.number} is tried again: {failure.message}")
            with self._change:
                now = self._clock()
                end = begin + MESSAGE_SECONDS if self._end is None else min(self._end, begin + MESSAGE_SECONDS)
                if now >= end or message not in self._queue:
                    return f"given up after {tries} tries: {failure.message}"
                self._rest(target, min(pause(tries), max(end - now, 0.05)))

    def _rest(self, target: Target, seconds: float) -> None:
        """Pause between two tries; a new target or the beginning of a flush ends it."""
        end = self._end
        if end is not None:
            seconds = min(seconds, FLUSH_PAUSE)
        self._change.wait_for(lambda: self._target != target or self._end != end, timeout=seconds)

    def _send(self, message: Message, target: Target) -> None:
        """Try once to send a message.

        :raises WebError: unless the server answers with 2xx.
        """
        who = self.identity
        headers = {"Content-Type": message.content_type}
        if message.kind == "bundle":
            headers |= {"X-Dom0kit-Run": self.run, "X-Dom0kit-N": str(message.number)}
            headers |= {f"X-Dom0kit-{name.capitalize()}": _header(text) for name, text in who.to_json().items() if text}
            headers["Content-Disposition"] = f'attachment; filename="{bundle_name(who, self.run)}"'
        if target.token:
            headers["Authorization"] = f"Bearer {target.token}"
        url = who.fill(target.url)
        total = BUNDLE_TOTAL if message.kind == "bundle" else TRY_TOTAL
        answer = self._post("POST", url, trust=target.trust, body=message.body, headers=headers, timeout=TRY_SECONDS, total=total)
        if not 200 <= answer.status < 300:
            raise http_client.status_error(answer.status, url)


def bundle_name(identity: Identity, run: str) -> str:
    """Return a file name for a bundle, of plain characters."""
    who = identity.host or identity.mac.replace(":", "-") or "machine"
    return f"dom0kit-{''.join(c if c.isalnum() or c in '.-' else '_' for c in who)}-{run}.tar.gz"


def _header(text: str) -> str:
    """Return a text as an HTTP header may hold it: printable ASCII."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
