"""Take what installing hosts report, keep it, and let a host start its disk once its installer begins to write.

``POST /report/HOST`` carries one event as a JSON object, or a bundle (``Content-Type: application/gzip``). The host proves itself
by the token that render put into its answers. A machine that has not read its answers has no token: what it sends and a
small bundle are taken as well, marked as unproven, but nothing that changes what a host boots.
"""

from __future__ import annotations

import hmac
import json
import shutil
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

LARGEST_EVENT = 256 * 1024
LARGEST_BUNDLE = 64 * MIB
LARGEST_UNPROVEN = 256 * 1024
ALL_UNPROVEN = 256 * MIB
"""Bytes that all senders without a token may send while the server runs."""
SPACE = 512 * MIB
"""Free space in bytes below which only the reports are kept that an installation begins or has finished."""
AT_A_TIME = 16
"""Reports that are read into memory at the same time; the others wait."""
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
        self.slots = threading.BoundedSemaphore(AT_A_TIME)
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
        try:
            event = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise Refused(400, "no JSON") from error
        if not isinstance(event, dict) or event.get("event") not in KINDS:
            raise Refused(400, "no event")
        if event.get("source") not in SOURCES:
            raise Refused(400, "no source")
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


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """HTTP on a Unix socket, for nginx alone."""

    daemon_threads = True
    request_queue_size = 128


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
                length = int(self.headers.get("Content-Length", "-1"))
                if length < 0:
                    raise Refused(411, "a length is needed")
                if length > most:
                    raise Refused(413, f"at most {most} bytes")
                with receiver.slots:
                    body = self.rfile.read(length)
                    if len(body) != length:
                        raise Refused(400, "the body was cut off")
                    receiver.take(host, kind, body, proven=proven)
                self._answer(200, "taken")
            except Refused as error:
                self._answer(error.status, str(error))
            except ValueError:
                self._answer(400, "no length")
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
