"""Take what installing hosts report, keep it, and let a host start its disk once its installer begins to write.

``POST /report/HOST`` carries one event as a JSON object, or a bundle (``Content-Type: application/gzip``). The host proves itself
by the token that render put into its answers. A machine that has not read its answers has no token: what it sends and a
small bundle are taken as well, marked as unproven, but nothing that changes what a host boots.
"""

from __future__ import annotations

import hmac
import json
import re
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from answerfiles.inventory.install_markers import disarm
from answerfiles.inventory.render import report_token
from dom0kit.units import MIB
from dom0kit.untrusted.values import read_json, whole_number

LARGEST_EVENT = 256 * 1024
LARGEST_BUNDLE = 64 * MIB
LARGEST_UNPROVEN = 256 * 1024
ALL_UNPROVEN = 256 * MIB
"""Bytes that all senders without a token may send while the server runs."""
SPACE = 512 * MIB
"""Free space in bytes below which only the reports are kept that an installation begins or has finished."""
AT_A_TIME = 16
"""Reports of hosts with their token that are read into memory at the same time; the others wait."""
UNPROVEN_AT_A_TIME = 4
"""Reports without a token that are read at the same time: they have places of their own, so that hosts never wait for them."""
WAITING_SECONDS = 30.0
"""Wait until other reports have been read.

Kind: protocol. Reason: what holds the places is read within its own limit. Expiry: the report is refused with 503; the host sends
it again.
"""
BODY_SECONDS = {True: 600.0, False: 30.0}
"""Receive the whole body of a report, with the host's token and without.

Kind: protocol. Reason: a bundle of 64 MiB takes a slow line minutes, an event or a bundle without a token is small; a sender of
single bytes must not hold a place for ever. Expiry: the report is refused with 408; the host sends it again.
"""
STATES = ("started", "finished", "failed")
LONGEST_TEXT = 65536
"""Characters of a text in an event."""
MOST_FIELDS = 64
LARGEST_LOG = 32 * MIB
"""Bytes of events of one host; what comes after is refused."""
CLIENT_SECONDS = 60
"""Wait between two parts of a report.

Kind: protocol. Reason: nginx in front of it has the whole report before it passes it on. Expiry: the connection is closed; the
host sends the report again.
"""
MOST_BUNDLES = 5
KINDS = ("started", "step", "progress", "note", "retrying", "writing", "finished", "failed")
SOURCES = ("installer", "firstboot", "boot")
DISARMING = {"installer": ("writing", "finished"), "firstboot": ("finished",)}
"""Reports, by source, of a host that must not be installed again without a new order."""

Tell = Callable[[str, dict[str, Any]], None]


class Refused(Exception):
    """A report that is not taken: HTTP status and why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Receiver:
    """Keeps reports below a folder.

    :param tree: the network-boot tree: its ``hosts.json`` says which hosts there are; hosts whose installation begins are
        removed from its ``armed/``.
    :param tell: called with the host's name and each event that was taken.
    """

    def __init__(self, tree: Path, reports: Path, key: bytes, tell: Tell = lambda host, event: None) -> None:
        self.tree = tree
        self.reports = reports
        self.key = key
        self.tell = tell
        self.slots = {True: threading.BoundedSemaphore(AT_A_TIME), False: threading.BoundedSemaphore(UNPROVEN_AT_A_TIME)}
        self._unproven = 0
        self._hosts: tuple[int, frozenset[str]] = (0, frozenset())

    def limit(self, host: str, kind: str, authorization: str) -> tuple[bool, int]:
        """Return whether the sender is authenticated as the host, and how many bytes it may send.

        :raises Refused: for a host that is not in the tree, and for a wrong token.
        """
        if host not in self.known():
            raise Refused(404, "no such host")
        proven = hmac.compare_digest(authorization.encode(), f"Bearer {report_token(self.key, host)}".encode())
        if authorization and not proven:
            raise Refused(403, "wrong token")
        if kind == "application/gzip":
            return proven, LARGEST_BUNDLE if proven else LARGEST_UNPROVEN
        return proven, LARGEST_EVENT

    def known(self) -> frozenset[str]:
        """Return the hosts of the tree, read again after the tree was rendered again."""
        path = self.tree / "hosts.json"
        try:
            stamp = path.stat().st_mtime_ns
            if stamp != self._hosts[0]:
                self._hosts = (stamp, frozenset(json.loads(path.read_text())["hosts"]))
        except (OSError, ValueError, KeyError):
            return frozenset()
        return self._hosts[1]

    def take(self, host: str, kind: str, body: bytes, *, proven: bool) -> None:
        """Keep a report.

        :raises Refused: when it is none, or the host has sent too much.
        """
        if not proven:
            self._unproven += len(body)
            if self._unproven > ALL_UNPROVEN:
                raise Refused(507, "too much was reported without a token")
        if kind == "application/gzip":
            self._check_space()
            self._bundle(host, body, proven)
            return
        event = parse_event(body)
        if event["event"] in DISARMING.get(event["source"], ()):
            if not proven:
                raise Refused(401, "a token is needed")
            # First of all: neither a full disk nor a full log may let the host be installed again.
            disarm(self.tree, host)
        if event["event"] not in ("writing", "finished"):
            self._check_space()
        record = {**event, "received": round(time.time(), 3), "proven": proven}
        path = self.reports / f"{host}.jsonl"
        # Unauthenticated senders must not use up the space reserved for the host itself.
        if path.exists() and path.stat().st_size > (LARGEST_LOG if proven else LARGEST_LOG // 4):
            raise Refused(507, "this host has reported too much")
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record, sort_keys=True) + "\n")
        self.tell(host, record)

    def _check_space(self) -> None:
        """Check that this report leaves space for the important ones.

        :raises Refused: when it does not.
        """
        if shutil.disk_usage(self.reports).free < SPACE:
            raise Refused(507, "the server's disk is full")

    def _bundle(self, host: str, body: bytes, proven: bool) -> None:
        if not body.startswith(b"\x1f\x8b"):
            raise Refused(400, "no gzip file")
        word = "bundle" if proven else "unproven"
        kept = sorted(self.reports.glob(f"{host}.{word}-*.tar.gz"))
        for old in kept[: max(0, len(kept) - MOST_BUNDLES + 1)]:
            old.unlink(missing_ok=True)
        path = self.reports / f"{host}.{word}-{time.time_ns()}.tar.gz"
        path.write_bytes(body)
        path.chmod(0o600)
        self.tell(host, {"event": "bundle", "file": str(path), "proven": proven})


def parse_event(body: bytes) -> dict[str, Any]:
    """Return an event that is what docs/reference/events.md says: a flat object, known kinds, sources and states, finite numbers.

    :raises Refused: for anything else.
    """
    try:
        event = read_json(body)
    except ValueError as error:
        raise Refused(400, "no JSON") from error
    if not isinstance(event, dict) or event.get("event") not in KINDS:
        raise Refused(400, "no event")
    if event.get("source") not in SOURCES:
        raise Refused(400, "no source")
    if "state" in event and event["state"] not in STATES:
        raise Refused(400, "no state")
    if len(event) > MOST_FIELDS or not all(is_field(name, value) for name, value in event.items()):
        raise Refused(400, "a field is none of an event")
    return event


def is_field(name: str, value: Any) -> bool:
    """Return whether an event may have this field: a short name, and a value or a list of values."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        return False
    values = value if isinstance(value, list) else [value]
    return all(
        inner is None or isinstance(inner, bool | int | float) or (isinstance(inner, str) and len(inner) <= LONGEST_TEXT)
        for inner in values
    )


def body_length(text: str | None, most: int) -> int:
    """Return the length of a body, which is more than ``most`` for a text that is none, and -1 without one."""
    return -1 if text is None else whole_number(text, 0, most, most + 1)


def read_body(file: Any, line: socket.socket, length: int, seconds: float) -> bytes:
    """Read a body of known length within a time limit that holds for all of it, however its parts arrive.

    :raises Refused: when it is cut off or late.
    """
    end = time.monotonic() + seconds
    parts = []
    while length:
        left = end - time.monotonic()
        if left <= 0:
            raise Refused(408, f"the body did not arrive within {seconds:.0f} s")
        line.settimeout(min(left, CLIENT_SECONDS))
        try:
            part = file.read1(min(length, 65536))
        except TimeoutError:
            raise Refused(408, "the body did not arrive in time") from None
        if not part:
            raise Refused(400, "the body was cut off")
        parts.append(part)
        length -= len(part)
    line.settimeout(CLIENT_SECONDS)
    return b"".join(parts)


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP on a Unix socket, for nginx alone."""

    daemon_threads = True
    request_queue_size = 4096
    """Connections that wait to be accepted: with 128 of them, nginx answered 502 when a thousand hosts reported at once."""


def handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """Return the request handler of a receiver."""

    class Handler(BaseHTTPRequestHandler):
        timeout = CLIENT_SECONDS

        def do_POST(self) -> None:
            kind = self.headers.get("Content-Type", "").partition(";")[0].strip()
            head, _, host = self.path.partition("?")[0].rpartition("/")
            try:
                if head != "/report":
                    raise Refused(404, "reports go to /report/HOST")
                proven, most = receiver.limit(host, kind, self.headers.get("Authorization", ""))
                length = body_length(self.headers.get("Content-Length"), most)
                if length < 0:
                    raise Refused(411, "a length is needed")
                if length > most:
                    raise Refused(413, f"at most {most} bytes")
                if not receiver.slots[proven].acquire(timeout=WAITING_SECONDS):
                    raise Refused(503, "too many reports at a time")
                try:
                    body = read_body(self.rfile, self.connection, length, BODY_SECONDS[proven])
                    receiver.take(host, kind, body, proven=proven)
                finally:
                    receiver.slots[proven].release()
                self._answer(200, "taken")
            except Refused as error:
                self._answer(error.status, str(error))
            except OSError as error:
                self._answer(507, f"cannot be kept: {error.strerror}")

        def do_GET(self) -> None:
            self._answer(405, "reports are sent by POST")

        def _answer(self, status: int, text: str) -> None:
            data = f"{text}\n".encode()
            self.close_connection = True
            self.send_response(status)
            self.send_header("Content-Type", "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: nginx logs each request already."""

        def address_string(self) -> str:
            return "nginx"

    return Handler
