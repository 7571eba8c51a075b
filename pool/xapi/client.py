"""XenAPI sessions: over https with a pinned certificate, or over the local Unix socket.

The official bindings (PyPI ``XenAPI``) are not in Debian 13, accept any certificate or the system's
CAs, and have no timeouts; docs/dependencies.md has the reasons in full.
"""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.http_client import Trust, WebError
from dom0kit.units import MIB
from pool.xapi.rpc_codec import WIRES, Wire, WireFormatError, XenApiError

API_VERSION = "1.0"
ORIGINATOR = "dom0kit"
LARGEST = 32 * MIB
"""Bytes of a reply: the records of 64 hosts take some megabytes."""
USUAL = 300.0
"""Call a method of xapi.

Kind: protocol. Reason: xapi answers from its database; joining and leaving have their own limit.
Expiry: UserError that names the method and the time.
"""
LONG = 7200.0
"""Join or leave a pool of xapi.

Kind: cap. Reason: both copy the pool's database and wait for a master that may be busy. Expiry: the
step `pool` fails and is retried.
"""
LOGOUT_SECONDS = 10.0
"""Log out from xapi.

Kind: protocol. Reason: a joining xapi restarts, and the session is gone then. Expiry: none; xapi
ends idle sessions itself.
"""
NOT_THERE = (404, 405, 501)


class Unreachable(UserError):
    """No server answers, or the server is not an xapi."""


class Endpoint(Protocol):
    """A connection to an xapi."""

    @property
    def name(self) -> str:
        """Name for messages."""
        ...

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """Send a request.

        :param seconds: time limit.
        :returns: HTTP status and body of the reply.
        :raises UserError: when there is none.
        """
        ...


@dataclass(frozen=True)
class HttpsEndpoint:
    """An xapi in the network.

    :param address: a name, an IPv4 address or an IPv6 address without brackets.
    :param fingerprint: SHA-256 of its certificate; nothing is sent to a server with another one.
    """

    address: str
    fingerprint: str
    port: int = 443

    @property
    def name(self) -> str:
        """Name for messages."""
        return self.address if self.port == 443 else f"{self.address}:{self.port}"

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """Send a request, as :class:`Endpoint` specifies."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        answer = http_client.request(
            "POST",
            f"https://{host}:{self.port}{path}",
            trust=Trust(fingerprint=self.fingerprint.replace(":", "").lower()),
            body=body,
            headers={"Content-Type": content_type},
            timeout=seconds,
            total=seconds,
            largest=LARGEST,
        )
        return answer.status, answer.body


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__("localhost", timeout=seconds)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


@dataclass(frozen=True)
class UnixSocketEndpoint:
    """The local xapi, which accepts root without a password."""

    path: Path = Path("/var/lib/xcp/xapi")
    name: str = "this host's xapi"

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """Send a request, as :class:`Endpoint` specifies."""
        connection = _UnixConnection(self.path, seconds)
        try:
            connection.request("POST", path, body=body, headers={"Content-Type": content_type, "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST)
        except (OSError, http.client.HTTPException) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
            raise Unreachable(f"{self.name} does not answer: {why}", "check: systemctl status xapi") from error
        finally:
            connection.close()


class Session:
    """A session; as a context manager it logs out at the end.

    :param user: with a password, or empty at the local socket.
    """

    def __init__(self, endpoint: Endpoint, user: str, password: str) -> None:
        self.endpoint = endpoint
        self.wire: Wire | None = None
        self._handle = str(self._ask("session.login_with_password", user, password, API_VERSION, ORIGINATOR))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A joining xapi restarts, and the session is gone then.
        with suppress(UserError, XenApiError):
            self._ask("session.logout", self._handle, seconds=LOGOUT_SECONDS)

    def call(self, method: str, *parameters: Any, seconds: float = USUAL) -> Any:
        """Call a method; the session's handle is inserted before the parameters.

        :raises XenApiError: when the server reports an error.
        :raises UserError: when it does not answer.
        """
        return self._ask(method, self._handle, *parameters, seconds=seconds)

    def _ask(self, method: str, *parameters: Any, seconds: float = USUAL) -> Any:
        said = ""
        for wire in [self.wire] if self.wire else WIRES:
            status, body = self.endpoint.post(wire.path, wire.call(method, parameters), wire.content_type, seconds)
            if status in NOT_THERE:
                said = f"HTTP status {status} for {wire.name}"
                continue
            if status != 200:
                raise Unreachable(f"HTTP status {status} from {self.endpoint.name}", "check on that host: systemctl status xapi")
            try:
                value = wire.answer(body)
            except XenApiError:
                self.wire = wire
                raise
            except WireFormatError as error:
                said = str(error)
                continue
            self.wire = wire
            return value
        raise Unreachable(
            f"{self.endpoint.name} does not speak the XenAPI: {said}", "check that pool.join.address is the pool's master"
        )


def is_certificate_error(error: UserError) -> bool:
    """Whether a connection was rejected for the server's certificate."""
    return isinstance(error, WebError) and error.kind == "tls"
