"""Serve one file over HTTP while a screen is open."""

from __future__ import annotations

import secrets
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from dom0kit.errors import UserError

PORTS = (8080, 8081, 8082, 0)
"""Ports to try, in order; 0 is any free port."""
SECONDS = 30
"""Wait for the request of a connected browser.

Kind: protocol. Reason: browsers open connections that they do not use. Expiry: the connection is closed; the browser opens
another one.
"""
SHUTDOWN_POLL_SECONDS = 0.2
"""Interval at which the web server for the log checks whether it should end.

Kind: pace. Reason: select(2) waits meanwhile. Expiry: the next check.
"""
LETTERS = ("bdfgklmnprstvz", "aeiou")


def random_name(choose: secrets.SystemRandom | None = None) -> str:
    """Return eight letters that are easy to read out and type: about 25 bits, enough for some minutes."""
    random = choose or secrets.SystemRandom()
    return "".join(random.choice(LETTERS[place % 2]) for place in range(8))


class _Server(ThreadingHTTPServer):
    """Server for IPv6 and IPv4."""

    address_family = socket.AF_INET6
    daemon_threads = True
    allow_reuse_address = True

    def server_bind(self) -> None:
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        # Unlike http.server, do not resolve the address: there may be no name server.
        socket.socket.bind(self.socket, self.server_address[:2])
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "", self.server_address[1]


class _Server4(_Server):
    """Server for kernels without IPv6."""

    address_family = socket.AF_INET

    def server_bind(self) -> None:
        socket.socket.bind(self.socket, self.server_address[:2])
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "", self.server_address[1]


class FileServer:
    """Serve one file under an unguessable name, as a context manager.

    :param data: content of the file.
    :param name: last part of the URL.
    """

    def __init__(self, data: bytes, name: str, ports: tuple[int, ...] | None = None) -> None:
        self.data, self.name = data, name
        self.fetched: list[str] = []
        self._server = self._listen(ports or PORTS)

    @property
    def port(self) -> int:
        """Return the TCP port."""
        return self._server.server_port

    def urls(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        """Return the URLs of the file for the addresses of this machine."""
        hosts = (f"[{address}]" if ":" in address else address for address in addresses)
        return tuple(f"http://{host}:{self.port}/{self.name}" for host in hosts)

    def _listen(self, ports: tuple[int, ...]) -> _Server:
        handler = self._handler()
        error: OSError = OSError("no port")
        for kind, address in ((_Server, "::"), (_Server4, "0.0.0.0")):  # noqa: S104 - it is for the network
            for port in ports:
                try:
                    return kind((address, port), handler)
                except OSError as failed:
                    error = failed
        raise UserError(f"cannot listen on any TCP port: {error.strerror or error}", "save the log to a USB stick")

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        offer = self

        class Handler(BaseHTTPRequestHandler):
            timeout = SECONDS

            def do_GET(self) -> None:
                """Send the file, or 404."""
                self._answer(body=True)

            def do_HEAD(self) -> None:
                """Send the headers only."""
                self._answer(body=False)

            def _answer(self, *, body: bool) -> None:
                if self.path != f"/{offer.name}":
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/gzip")
                self.send_header("Content-Length", str(len(offer.data)))
                self.send_header("Content-Disposition", f'attachment; filename="{offer.name}"')
                self.end_headers()
                if body:
                    self.wfile.write(offer.data)
                    offer.fetched.append(str(self.client_address[0]).removeprefix("::ffff:"))

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing: the screen shows who downloaded the file."""

        return Handler

    def __enter__(self) -> FileServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": SHUTDOWN_POLL_SECONDS}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
