"""A small web server for scenarios without ``dom0kit answers serve``: it offers files and accepts reports.

It runs as a process of its own, in another network namespace::

    python -m qa.lab.report_server FILES FOLDER --address 10.77.0.1 --port 8077 [--certificate FILE]

It writes a line for each request to ``FOLDER/access.log`` in nginx's combined format, each POST to ``FOLDER/reports.jsonl``,
and each bundle to ``FOLDER/bundle-N.tar.gz``. Of an Authorization header it keeps only the SHA-256: no artifact holds a token.
"""

from __future__ import annotations

import argparse
import hashlib
import ipaddress
import json
import socket
import ssl
import sys
import threading
import time
from dataclasses import dataclass
from functools import cached_property
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from dom0kit.process import run
from dom0kit.units import MIB
from qa.lab import access_log
from qa.lab.server_process import Server

READY = r"(?m)^serving "
LARGEST = 64 * MIB
"""Bytes of the largest report that is accepted."""


def url(address: str, port: int, *, tls: bool = False) -> str:
    """Return the server's URL without a slash at its end."""
    host = f"[{address}]" if ":" in address else address
    return f"{'https' if tls else 'http'}://{host}:{port}"


def argv(python: str, files: Path, folder: Path, *, address: str, port: int, certificate: Path | None) -> list[str]:
    """Return the command that starts the server."""
    words = [
        python,
        "-m",
        "qa.lab.report_server",
        str(files.resolve()),
        str(folder.resolve()),
        "--address",
        address,
        "--port",
        str(port),
    ]
    return [*words, "--certificate", str(certificate.resolve())] if certificate else words


def certificate_argv(path: Path, address: str) -> list[str]:
    """Return the command that makes a self-signed certificate for an address, its key in the same file; openssl-req(1)."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    names = ["-subj", "/CN=dom0kit-qa", "-addext", f"subjectAltName=IP:{ipaddress.ip_address(address)}"]
    return [*words, *names, "-keyout", str(path), "-out", f"{path}.crt"]


def certificate(path: Path, address: str) -> Path:
    """Make a certificate and its key in one PEM file."""
    run(certificate_argv(path, address), hint="install openssl")
    with path.open("a") as file:
        file.write(path.with_name(f"{path.name}.crt").read_text())
    return path


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the certificate in a PEM file, as 64 hex digits in lower case."""
    text = path.read_text()
    begin = text.index("-----BEGIN CERTIFICATE-----")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(text[begin:])).hexdigest()


def mark(header: str) -> str:
    """Return what is kept of an Authorization header: its SHA-256, "" for an empty one."""
    return hashlib.sha256(header.encode()).hexdigest() if header else ""


@dataclass(frozen=True)
class Web:
    """The running server as scenarios use it.

    :param folder: with the files that it writes.
    :param url: without a slash at the end.
    :param fingerprint: SHA-256 of its certificate, empty without TLS.
    """

    server: Server
    folder: Path
    url: str
    fingerprint: str

    @property
    def reports(self) -> list[dict[str, Any]]:
        """Return the POSTs so far: ``path``, ``type``, ``authorization`` (see :func:`mark`), and ``event`` or ``bundle``."""
        path = self.folder / "reports.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def events(self) -> list[dict[str, Any]]:
        """Return the reported events so far."""
        return [report["event"] for report in self.reports if "event" in report]

    @property
    def bundles(self) -> list[Path]:
        """Return the bundles so far."""
        return [self.folder / report["bundle"] for report in self.reports if "bundle" in report]

    @property
    def requests(self) -> list[access_log.Request]:
        """Return all requests so far."""
        return access_log.read(self.folder / "access.log")


class Recorder:
    """Write requests and reports to files, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._bundles = 0

    def request(self, line: str) -> None:
        """Write a line to the access log."""
        self._append("access.log", line)

    def report(self, path: str, kind: str, authorization: str, body: bytes) -> bool:
        """Keep a POST; return whether it could be parsed."""
        record: dict[str, Any] = {"path": path, "type": kind, "authorization": mark(authorization), "bytes": len(body)}
        if kind.startswith("application/gzip"):
            with self._lock:
                self._bundles += 1
                record["bundle"] = f"bundle-{self._bundles}.tar.gz"
            (self.folder / record["bundle"]).write_bytes(body)
        else:
            try:
                record["event"] = json.loads(body)
            except ValueError:
                record["unreadable"] = body[:500].decode(errors="replace")
        self._append("reports.jsonl", json.dumps(record, sort_keys=True))
        return "unreadable" not in record

    def _append(self, name: str, line: str) -> None:
        with self._lock, (self.folder / name).open("a") as file:
            file.write(line + "\n")


class Handler(SimpleHTTPRequestHandler):
    """Serve files by GET and HEAD, accept reports by POST."""

    protocol_version = "HTTP/1.1"
    recorder: Recorder
    _length: str | int = 0

    def send_header(self, keyword: str, value: str) -> None:
        """Remember the answer's length for the access log."""
        if keyword.lower() == "content-length":
            self._length = value
        super().send_header(keyword, value)

    def do_POST(self) -> None:
        """Accept a report."""
        length = int(self.headers.get("Content-Length", "-1"))
        if not 0 <= length <= LARGEST:
            self.send_error(413 if length > 0 else 411)
            return
        body = self.rfile.read(length)
        header = self.headers.get
        good = self.recorder.report(self.path, header("Content-Type", ""), header("Authorization", ""), body)
        self.send_response(204 if good else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Remember the status; the line is written when the length is known."""
        self._code = int(code)

    def end_headers(self) -> None:
        """End the headers and write the line of the access log."""
        super().end_headers()
        stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        size = 0 if self.command == "HEAD" else self._length
        agent = self.headers.get("User-Agent", "-") if hasattr(self, "headers") else "-"
        client = self.client_address[0]
        self.recorder.request(f'{client} - - [{stamp}] "{self.requestline}" {self._code} {size} "-" "{agent}"')
        self._length = 0

    def log_message(self, format: str, *args: Any) -> None:
        """Write errors to the process's output."""
        print(format % args, flush=True)


class WebServer(ThreadingHTTPServer):
    """An HTTP server on IPv4 or IPv6, by the address; TLS handshakes are done in the connection's own thread."""

    daemon_threads = True

    def __init__(self, address: str, port: int, files: Path, folder: Path, tls: ssl.SSLContext | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._files = files
        self._tls = tls
        self._handler: type[Handler] = type("Bound", (Handler,), {"recorder": Recorder(folder)})
        super().__init__((address, port), self._handler)

    @cached_property
    def scheme(self) -> str:
        """Return the scheme of the server's URL."""
        return "https" if self._tls else "http"

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Handle one connection, in its own thread."""
        request.settimeout(60)
        if self._tls:
            try:
                request = self._tls.wrap_socket(request, server_side=True)
            except (ssl.SSLError, OSError) as error:
                print(f"{client_address[0]}: TLS: {error}", flush=True)
                return
        try:
            self._handler(request, client_address, self, directory=str(self._files))
        finally:
            if self._tls:
                request.close()


def main(arguments: list[str]) -> None:
    """Serve until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m qa.lab.report_server")
    parser.add_argument("files", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--address", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", type=Path)
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    tls = None
    if given.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(given.certificate)
    server = WebServer(given.address, given.port, given.files, given.folder, tls)
    print(f"serving {given.files} at {url(given.address, given.port, tls=bool(tls))}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
