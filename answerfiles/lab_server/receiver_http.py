"""HTTP on a Unix socket between nginx and the receiver: bodies are read within limits, each answer is one line."""

from __future__ import annotations

import socket
import socketserver
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import quote, unquote

from answerfiles.lab_server.report_receiver import Receiver, Refused
from dom0kit.untrusted.values import whole_number

CLIENT_SECONDS = 60
"""Wait between two parts of a report.

Kind: protocol. Reason: nginx in front of it has the whole report before it passes it on. Expiry: the connection is closed; the
host sends the report again.
"""
WAITING_SECONDS = 30.0
"""Wait until other reports have been read.

Kind: protocol. Reason: what holds the places is read within its own limit. Expiry: the report is refused with 503; the host sends
it again.
"""
BODY_SECONDS = 600.0
"""Receive the whole body of a report with the host's token.

Kind: protocol. Reason: a bundle of 64 MiB takes a slow line minutes. Expiry: the report is refused with 408; the host sends it
again.
"""
UNPROVEN_BODY_SECONDS = 30.0
"""Receive the whole body of a report without a token.

Kind: protocol. Reason: it is small, and a sender of single bytes must not hold a place for ever. Expiry: the report is refused
with 408; the machine sends it again.
"""


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


class Answering(BaseHTTPRequestHandler):
    """Answers of one line; nginx logs the requests."""

    timeout = CLIENT_SECONDS

    def answer(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer of one line and close the connection."""
        data = b"" if self.command == "HEAD" else f"{text}\n".encode()
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: nginx logs each request already."""

    def address_string(self) -> str:
        """Return the only client."""
        return "nginx"


def handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    """Return the request handler of a receiver."""

    class Handler(Answering):
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
                    body = read_body(self.rfile, self.connection, length, BODY_SECONDS if proven else UNPROVEN_BODY_SECONDS)
                    receiver.take(host, kind, body, proven=proven)
                finally:
                    receiver.slots[proven].release()
                self.answer(200, "taken")
            except Refused as error:
                self.answer(error.status, str(error))
            except OSError as error:
                self.answer(507, f"cannot be kept: {error.strerror}")

        def do_GET(self) -> None:
            head, _, name = self.path.partition("?")[0].rpartition("/")
            try:
                if head != "/answers":
                    raise Refused(405, "reports are sent by POST")
                file = receiver.answers(unquote(name), self.headers.get("X-Real-IP", ""))
                self.answer(200, "", {"X-Accel-Redirect": f"/granted/{quote(file)}"})
            except Refused as error:
                self.answer(error.status, str(error))

        do_HEAD = do_GET  # noqa: N815 - the name is http.server's

    return Handler
