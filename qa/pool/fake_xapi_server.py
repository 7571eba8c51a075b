"""Servers for the protocol double of xapi: TLS on a loopback address, and a Unix socket."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from dom0kit.process import run
from qa.pool.fake_xapi import Double, HangsUp


@dataclass(frozen=True)
class Certificate:
    """A certificate with its key in one file.

    :param fingerprint: its SHA-256 as 64 hexadecimal digits.
    """

    path: Path
    fingerprint: str


def certificate(folder: Path, name: str) -> Certificate:
    """Make a self-signed certificate, as each xapi makes its own."""
    path = folder / f"{name}.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    run([*words, "-subj", f"/CN={name}", "-keyout", path, "-out", path.with_suffix(".crt")])
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    output = run(["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"]).output
    return Certificate(path, output.partition("=")[2].strip().replace(":", "").lower())


class _Tcp(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False


class _Unix(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False


def _handler(double: Double, context: ssl.SSLContext | None) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 60

        def setup(self) -> None:
            if context is not None:
                self.request = context.wrap_socket(self.request, server_side=True)
            super().setup()

        def handle(self) -> None:
            # Clients that reject the certificate disconnect during the handshake.
            with suppress(OSError):
                super().handle()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            try:
                status, kind, data = double.answer(self.path, body, local=context is None)
            except HangsUp:
                self.close_connection = True
                with suppress(OSError):
                    self.request.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def address_string(self) -> str:
            return "client"

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing: scenarios use the double's own list of calls."""

    return Handler


class _Quiet:
    """Ignore TLS handshakes that a client breaks off; scenarios provoke them."""

    @staticmethod
    def handle_error(request: object, client_address: object) -> None:
        """Report nothing."""


@contextmanager
def served(double: Double, *, tls: tuple[Certificate, int] | None = None, unix: Path | None = None) -> Iterator[None]:
    """Serve a double inside the ``with`` block.

    :param tls: its certificate, and the port on its address.
    :param unix: the path of its Unix socket.
    """
    servers: list[socketserver.BaseServer] = []
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls[0].path)
        servers.append(_Tcp((double.me.address, tls[1]), _handler(double, context)))
    if unix is not None:
        servers.append(_Unix(str(unix), _handler(double, None)))
    threads = []
    for server in servers:
        server.handle_error = _Quiet.handle_error  # type: ignore[method-assign]
        threads.append(threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True))
        threads[-1].start()
    try:
        yield
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()
