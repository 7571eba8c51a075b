"""A session with one xapi: over https with a pinned certificate, or over the Unix socket of this host's own.

The official bindings (PyPI ``XenAPI``) are no part of Debian 13, believe any certificate or the system's CAs, and know no time
limits; docs/dependencies.md has the reasons in full.
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
from pool.xapi.rpc_codec import WIRES, NotThisFormat, Refusal, Wire

API_VERSION = "1.0"
ORIGINATOR = "dom0kit"
LARGEST = 32 * MIB
"""Bytes of an answer: the records of 64 hosts take some megabytes."""
USUAL = 300.0
"""Call a method of xapi.

Kind: protocol. Reason: xapi answers from its database; joining and leaving have their own limit. Expiry: UserError that names
the method and the time.
"""
LONG = 7200.0
"""Join or leave a pool of xapi.

Kind: cap. Reason: both copy the pool's database and wait for a master that may be busy. Expiry: the step `pool` fails and is
tried again.
"""
LOGOUT_SECONDS = 10.0
"""Log out from xapi.

Kind: protocol. Reason: a joining xapi restarts, and the session is gone then. Expiry: nothing; xapi ends idle sessions itself.
"""
NOT_THERE = (404, 405, 501)


class Unreachable(UserError):
    """Nobody answers, or it is no xapi that does."""


class Door(Protocol):
    """A way to an xapi."""

    @property
    def name(self) -> str:
        """For messages."""
        ...

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """HTTP status and body of an answer.

        :raises UserError: when there is none.
        """
        ...


@dataclass(frozen=True)
class HttpsDoor:
    """An xapi in the network.

    :param address: a name, an IPv4 address or an IPv6 address without brackets.
    :param fingerprint: SHA-256 of its certificate; nothing is sent to a server with another one.
    """

    address: str
    fingerprint: str
    port: int = 443

    @property
    def name(self) -> str:
        """For messages."""
        return self.address if self.port == 443 else f"{self.address}:{self.port}"

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """See :class:`Door`."""
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
class UnixDoor:
    """This host's own xapi; it lets root in without a password."""

    path: Path = Path("/var/lib/xcp/xapi")
    name: str = "this host's xapi"

    def post(self, path: str, body: bytes, content_type: str, seconds: float) -> tuple[int, bytes]:
        """See :class:`Door`."""
        connection = _UnixConnection(self.path, seconds)
        try:
            connection.request("POST", path, body=body, headers={"Content-Type": content_type, "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(LARGEST)
        except (OSError, http.client.HTTPException) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
            raise Unreachable(f"{self.name} does not answer: {why}", "systemctl status xapi") from error
        finally:
            connection.close()


class Session:
    """A session; as a context manager it logs out at the end.

    :param user: with a password, or empty at this host's own socket.
    """

    def __init__(self, door: Door, user: str, password: str) -> None:
        self.door = door
        self.wire: Wire | None = None
        self._handle = str(self._ask("session.login_with_password", user, password, API_VERSION, ORIGINATOR))

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # A joining xapi starts anew, and the session is gone then.
        with suppress(UserError, Refusal):
            self._ask("session.logout", self._handle, seconds=LOGOUT_SECONDS)

    def call(self, method: str, *parameters: Any, seconds: float = USUAL) -> Any:
        """Call a method; the session's handle is put before the parameters.

        :raises Refusal: when the server refuses.
        :raises UserError: when it does not answer.
        """
        return self._ask(method, self._handle, *parameters, seconds=seconds)

    def _ask(self, method: str, *parameters: Any, seconds: float = USUAL) -> Any:
        said = ""
        for wire in [self.wire] if self.wire else WIRES:
            status, body = self.door.post(wire.path, wire.call(method, parameters), wire.content_type, seconds)
            if status in NOT_THERE:
                said = f"HTTP status {status} for {wire.name}"
                continue
            if status != 200:
                raise Unreachable(f"HTTP status {status} from {self.door.name}", "systemctl status xapi, on that host")
            try:
                value = wire.answer(body)
            except Refusal:
                self.wire = wire
                raise
            except NotThisFormat as error:
                said = str(error)
                continue
            self.wire = wire
            return value
        raise Unreachable(
            f"{self.door.name} does not speak the XenAPI: {said}", "is it the pool's master? look at pool.join.address"
        )


def is_pin(error: UserError) -> bool:
    """Whether a server was refused for its certificate."""
    return isinstance(error, WebError) and error.kind == "tls"
