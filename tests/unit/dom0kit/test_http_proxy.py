"""Fetching over a proxy that really forwards: plain requests, tunnels for TLS, exceptions, and what its failures say."""

from __future__ import annotations

import hashlib
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import pytest
from web_server import CERTIFICATES, Reply, Seen, serve

from dom0kit import http_client
from dom0kit.http_client import Trust, WebError
from dom0kit.http_proxy import HttpProxy


def hello(seen: Seen) -> Reply:
    return Reply(200, b"hello " + seen.path.encode())


@contextmanager
def tunnel(allowed: bool = True) -> Iterator[tuple[str, list[str]]]:
    """Run a proxy for one CONNECT on loopback; yield its URL and the request lines that it got."""
    lines: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        client, _ = listener.accept()
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            lines.append(head.split(b"\r\n")[0].decode())
            if not allowed:
                client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")
                return
            # Names are the proxy's to resolve: the test's server is here, whatever it is called.
            port = int(lines[0].split()[1].rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as server, suppress(ConnectionResetError):
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                while True:
                    for ready in select.select([client, server], [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        (server if ready is client else client).sendall(data)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", lines
    finally:
        listener.close()
        thread.join(10)


def test_a_plain_request_goes_to_the_proxy_with_its_whole_url() -> None:
    seen: list[Seen] = []

    def forward(request: Seen) -> Reply:
        seen.append(request)
        return Reply(200, b"from afar")

    with serve(forward) as proxy:
        got = http_client.get("http://files.example.org/a/b?c=d", proxy=HttpProxy(proxy))
    assert got == b"from afar"
    assert seen[0].path == "http://files.example.org/a/b?c=d"
    assert seen[0].headers["Host"] == "files.example.org"


def test_tls_goes_through_a_tunnel_and_the_pin_is_the_servers() -> None:
    text = (CERTIFICATES / "now.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE") :])
    with serve(hello, "now.pem") as server, tunnel() as (proxy, lines):
        port = urlsplit(server).port
        url = f"https://files.example.org:{port}/a"
        assert http_client.get(url, proxy=HttpProxy(proxy), trust=Trust(hashlib.sha256(der).hexdigest())) == b"hello /a"
    assert lines[0].startswith(f"CONNECT files.example.org:{port} ")
    with serve(hello, "now.pem") as server, tunnel() as (proxy, _):
        url = f"https://files.example.org:{urlsplit(server).port}/a"
        with pytest.raises(WebError, match="does not match"):
            http_client.get(url, proxy=HttpProxy(proxy), trust=Trust("ab" * 32))


def test_a_proxy_that_refuses_or_is_down_is_named() -> None:
    with tunnel(allowed=False) as (proxy, _), pytest.raises(WebError, match="403") as caught:
        http_client.get("https://files.example.org/a", proxy=HttpProxy(proxy))
    assert proxy.removeprefix("http://") in caught.value.message
    with pytest.raises(WebError, match=r"cannot connect to 127\.0\.0\.1:1:"):
        http_client.get("http://files.example.org/a", proxy=HttpProxy("http://127.0.0.1:1"))


@pytest.mark.parametrize(
    ("url", "over"),
    [
        ("http://files.example.org/a", True),
        ("http://deb.example.net/a", True),
        ("http://mirror.lab.example.com/a", False),
        ("http://lab.example.com/a", True),
        ("http://deploy/a", False),
        ("http://deploy.example.net/a", True),
        ("http://192.0.2.1/a", False),
        ("http://192.0.2.10/a", True),
        ("http://127.0.0.1:8000/a", False),
        ("http://localhost/a", False),
        ("http://[::1]/a", False),
    ],
)
def test_exceptions(url: str, over: bool) -> None:
    proxy = HttpProxy("http://proxy.example.org:3128", (".lab.example.com", "deploy", "192.0.2.1"))
    assert proxy.serves(urlsplit(url)) is over


def test_programs_are_told() -> None:
    found = HttpProxy("http://proxy.example.org:3128", (".example.com",)).environment()
    assert found["https_proxy"] == found["HTTP_PROXY"] == "http://proxy.example.org:3128"
    assert found["no_proxy"] == "localhost,.example.com"
