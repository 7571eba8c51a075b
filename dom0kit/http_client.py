"""HTTP client with limits for time and size, restricted redirects and certificate fingerprints.

It uses a proxy only when it is given one, and no cookies, and checks the certificate before a byte of the request is sent.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import SplitResult, urljoin, urlsplit

from dom0kit import __version__
from dom0kit.errors import UserError
from dom0kit.http_proxy import HttpProxy
from dom0kit.units import MIB, human_bytes

TIMEOUT = 10.0
"""Connect to a web server, and wait between two parts of its answer.

Kind: protocol. Reason: TCP repeats a lost SYN after 1, 3 and 7 s (RFC 6298); a server that is silent longer is down or
unreachable. Expiry: WebError of kind timeout; the callers try again.
"""
TOTAL = 60.0
"""Receive a whole answer of a web server.

Kind: protocol. Reason: a server may send a byte now and then for ever; answers are at most a few MiB. Expiry: WebError of kind
timeout; the callers try again.
"""
LARGEST = MIB
REDIRECTS = 5
MOVED = (301, 302, 303, 307, 308)

Kind = Literal["url", "dns", "connect", "timeout", "tls", "status", "size", "protocol"]

TRUST_HINT = "name what to trust: dom0kit.trust=sha256:HEX (the certificate's fingerprint), or a CA's PEM file"
# By OpenSSL's X509_V_ERR_* (openssl/x509_vfy.h): not yet valid, expired, four kinds of unknown issuer, another name or address.
CERTIFICATE_HINTS = {
    9: "this machine's clock may be wrong: 'date' shows it; set it in the firmware, or use a fingerprint",
    10: "renew the server's certificate, or set this machine's clock if 'date' shows another day",
    **dict.fromkeys((18, 19, 20, 21), TRUST_HINT),
    **dict.fromkeys((62, 64), "use a name or an address that is in the certificate, or a fingerprint"),
}


class WebError(UserError):
    """A failed request; ``status`` is the HTTP status if the server sent one, otherwise 0."""

    def __init__(self, kind: Kind, message: str, hint: str = "", status: int = 0) -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.status = status


@dataclass(frozen=True)
class Trust:
    """What to trust on https: one certificate, one CA, or (with neither) the system's CAs.

    :param fingerprint: SHA-256 of the server's certificate (DER), 64 hexadecimal digits; its names and dates are not checked
        then.
    :param ca: certificates in PEM.
    :param system: trust the system's CAs in addition to ``ca``.
    """

    fingerprint: str = ""
    ca: str = ""
    system: bool = False

    def context(self) -> ssl.SSLContext:
        """Return the TLS settings for a connection.

        :raises WebError: when ``ca`` is not PEM.
        """
        if self.fingerprint:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # The fingerprint says who it is, better than any name or issuer; it is compared before the request is sent.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        try:
            context = ssl.create_default_context(cadata=self.ca or None)
            if self.ca and self.system:
                context.load_default_certs()
            return context
        except (ssl.SSLError, ValueError) as error:
            raise WebError("tls", f"the CA certificate is not valid PEM: {error}") from error


SYSTEM = Trust()


@dataclass(frozen=True)
class Response:
    """A server's response; ``location`` is the target of a redirect."""

    status: int
    body: bytes
    location: str = ""


def parse_trust(text: str) -> Trust:
    """Parse ``sha256:HEX``, with or without colons between the bytes.

    :raises UserError: for anything else.
    """
    plain = text.lower().removeprefix("sha256:").replace(":", "")
    if not text.lower().startswith("sha256:") or not re.fullmatch(r"[0-9a-f]{64}", plain):
        raise UserError(
            f"invalid fingerprint {text!r}",
            "give sha256: and 64 hexadecimal digits, as 'openssl x509 -in cert.pem -noout -fingerprint -sha256' prints them",
        )
    return Trust(fingerprint=plain)


def shown(url: str) -> str:
    """Return a URL as logs and messages show it: without its query, which may hold a token."""
    return url.partition("?")[0]


def server_of(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL."""
    parts = split(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def split(url: str) -> SplitResult:
    """Split a URL into its parts.

    :raises WebError: when it is not http or https, has a user in it, or characters that must be escaped.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise WebError("url", f"invalid URL {shown(url)}: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise WebError(
            "url", f"unsupported URL {shown(url)}", "use http://SERVER/path or https://SERVER/path, without user and password"
        )
    if not url.isascii() or not url.isprintable() or " " in url:
        raise WebError("url", f"the URL {shown(url)!r} has characters that must be written as %XX")
    return parts


def get(url: str, **options: Any) -> bytes:
    """Fetch a file; follow redirects, except from https to http; a fingerprint must match each server.

    :param options: as :func:`request` takes them.
    :raises WebError: when it cannot be fetched.
    """
    first = url
    for _ in range(REDIRECTS + 1):
        response = request("GET", url, **options)
        if response.status not in MOVED:
            break
        target = urljoin(url, response.location)
        if not response.location or (split(url).scheme == "https" and split(target).scheme != "https"):
            raise WebError("protocol", f"{shown(url)} redirects to {shown(target)}, from https to http or without a target")
        url = target
    else:
        raise WebError("protocol", f"{shown(first)} redirects more than {REDIRECTS} times")
    if response.status != 200:
        raise status_error(response.status, url)
    return response.body


def status_error(status: int, url: str) -> WebError:
    """Return the error, with a hint, for an HTTP status other than success."""
    hints = {
        401: "serve these files without a password, which is not supported",
        403: "see the server's output and its rules; 'dom0kit answers serve' gives answers to the armed host itself alone",
        404: "check the server's folder and its log for this path",
    }
    found = " ".join(filter(None, (str(status), http.client.responses.get(status))))
    return WebError("status", f"{found} from the server for {shown(url)}", hints.get(status, ""), status)


def request(
    method: str,
    url: str,
    *,
    trust: Trust = SYSTEM,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT,
    total: float = TOTAL,
    largest: int = LARGEST,
    proxy: HttpProxy | None = None,
) -> Response:
    """Send one request on a new connection.

    :param timeout: seconds to connect, and between two parts of the response.
    :param total: seconds for the whole request after the name was resolved.
    :param largest: maximum bytes of the response's body.
    :param proxy: used unless the URL's host is one of its exceptions.
    :raises WebError: when there is no response, or one that is too large.
    """
    parts = split(url)
    over = proxy if proxy is not None and proxy.serves(parts) else None
    connection = open_connection(parts, trust, timeout, over)
    late = threading.Event()

    def end() -> None:
        late.set()
        if connection.sock is not None:
            with suppress(OSError):
                # The plain shutdown: TLS's own would wait for the very server that does not answer.
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    watch = threading.Timer(total, end)
    watch.daemon = True
    watch.start()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if over is not None and parts.scheme == "http":
        target = f"http://{parts.netloc}{target}"  # RFC 9112, 3.2.2: a proxy gets the whole URL
    all_headers = {"User-Agent": f"dom0kit/{__version__}", "Accept": "*/*", "Connection": "close", **(headers or {})}
    try:
        connection.request(method, target, body=body, headers=all_headers)
        answer = connection.getresponse()
        data = answer.read(largest + 1)
        short = answer.length not in (None, 0) and len(data) <= largest
        location = answer.getheader("Location") or ""
    except WebError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        if late.is_set():
            raise WebError("timeout", f"no complete response from {shown(url)} within {total:.0f} s") from error
        raise explain(error, parts if over is None else urlsplit(over.url), timeout) from error
    finally:
        watch.cancel()
        connection.close()
    if short or late.is_set():
        raise WebError("connect", f"the response of {shown(url)} is truncated")
    if len(data) > largest:
        raise WebError("size", f"{shown(url)} is larger than {human_bytes(largest)}")
    return Response(answer.status, data, location)


def open_connection(parts: SplitResult, trust: Trust, timeout: float, proxy: HttpProxy | None) -> http.client.HTTPConnection:
    """Return a connection to the server of a URL, or to the proxy; it connects when the request is sent."""
    assert parts.hostname is not None
    host, port = (parts.hostname, parts.port) if proxy is None else (proxy.host, proxy.port)
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=timeout)
    connection = PinnedConnection(host, port, timeout=timeout, trust=trust)
    if proxy is not None:
        connection.set_tunnel(parts.hostname, parts.port or 443)
    return connection


class PinnedConnection(http.client.HTTPSConnection):
    """HTTPS that compares the server's certificate with a fingerprint before anything is sent."""

    def __init__(self, host: str, port: int | None, *, timeout: float, trust: Trust) -> None:
        super().__init__(host, port, timeout=timeout, context=trust.context())
        self._pin = trust.fingerprint

    def connect(self) -> None:
        """Connect and compare the certificate; raise WebError of kind ``tls`` when it differs."""
        super().connect()
        if not self._pin:
            return
        found = hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if found != self._pin:
            self.close()
            raise WebError(
                "tls",
                f"the certificate of {self.host} does not match: expected sha256:{self._pin}, found sha256:{found}",
                "check whether the server's certificate was renewed; otherwise another machine may answer in its place",
            )


def shown_fingerprint(host: str, port: int = 443, timeout: float = TIMEOUT) -> str:
    """Return the SHA-256 of a server's certificate as 64 hexadecimal digits.

    The certificate is not verified and no request is sent.

    :raises WebError: when it shows none.
    """
    context = Trust(fingerprint="not known yet").context()
    try:
        with socket.create_connection((host, port), timeout=timeout) as line, context.wrap_socket(line) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True) or b"").hexdigest()
    except OSError as error:
        why = getattr(error, "reason", None) or error.strerror or error
        raise WebError(
            "tls", f"{host} presents no certificate: {why}", "check that this is the right machine and that it is up"
        ) from error


def explain(error: Exception, parts: SplitResult, timeout: float) -> WebError:
    """Return the error, with a hint, for an exception that a request raised."""
    where = parts.netloc
    if isinstance(error, ssl.SSLError):
        return _explain_tls(error, where)
    if isinstance(error, socket.gaierror):
        hint = "check the DNS servers that DHCP assigns, or use the server's address instead of its name"
        return WebError("dns", f"the name {parts.hostname} cannot be resolved: {error.strerror}", hint)
    if isinstance(error, TimeoutError):
        return WebError("timeout", f"no response from {where} within {timeout:.0f} s")
    if isinstance(error, OSError):
        return WebError("connect", f"cannot connect to {where}: {error.strerror or error}")
    return WebError("protocol", f"{where} does not speak HTTP: {error or type(error).__name__}")


def _explain_tls(error: ssl.SSLError, where: str) -> WebError:
    if isinstance(error, ssl.SSLCertVerificationError):
        hint = CERTIFICATE_HINTS.get(error.verify_code, "")
        return WebError("tls", f"the certificate of {where} is not trusted: {error.verify_message}", hint)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return WebError("connect", f"{where} closed the connection")
    return WebError("tls", f"no TLS with {where}: {error.reason or error}", "check that this port is for https")
