"""Read a large file of a web server piece by piece, also from its middle; an interrupted transfer goes on where it ended."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import SplitResult, urljoin, urlsplit

from dom0kit import __version__
from dom0kit.http_client import (
    MOVED,
    REDIRECTS,
    SYSTEM,
    Trust,
    WebError,
    explain,
    open_connection,
    shown,
    split,
    status_error,
)
from dom0kit.http_proxy import HttpProxy

TIMEOUT = 30.0
"""Connect to a web server, and wait for the next bytes of a file.

Kind: protocol. Reason: TCP repeats a lost segment after at most some seconds; a server that is silent for longer is down or
unreachable. Expiry: the file is asked for again from where it ended.
"""
PAUSE = 2.0
"""Pause before a file is asked for again.

Kind: pace. Reason: a web server that is started again, or a link that comes back, needs a moment. Expiry: the next request.
"""
TRIES = 5
"""Requests in a row that bring no byte before a transfer is given up."""
PARTIAL = 206


class Stream:
    """A file of a web server from ``offset`` on.

    :param size: the file's size in bytes, which the caller knows.
    """

    def __init__(
        self,
        url: str,
        size: int,
        offset: int = 0,
        *,
        trust: Trust = SYSTEM,
        proxy: HttpProxy | None = None,
        timeout: float = TIMEOUT,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url
        self.size = size
        self.offset = offset
        self._options = (trust, proxy, timeout)
        self._sleep = sleep
        self._response: http.client.HTTPResponse | None = None
        self._connection: http.client.HTTPConnection | None = None

    def read_into(self, view: memoryview) -> int:
        """Read up to as many bytes as fit and return their number, 0 at the end.

        :raises WebError: when the server cannot be reached any more, or has no such file.
        """
        wanted = min(len(view), self.size - self.offset)
        tries = 0
        while wanted > 0:
            try:
                if self._response is None:
                    self._open()
                assert self._response is not None
                if count := self._response.readinto(view[:wanted]):
                    self.offset += count
                    return count
                problem = WebError("connect", f"the response of {shown(self.url)} is truncated")
            except WebError as error:
                problem = error
            except (OSError, http.client.HTTPException) as error:
                problem = explain(error, urlsplit(self.url), self._options[2])
            self.close()
            tries += 1
            # A server that is being started again says 502 or 503; what it says below 500 does not change.
            if tries >= TRIES or (problem.kind not in ("connect", "timeout", "dns") and problem.status < 500):
                raise problem
            self._sleep(PAUSE)
        return 0

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._response = None

    def _open(self) -> None:
        trust, proxy, timeout = self._options
        url = self.url
        for _ in range(REDIRECTS + 1):
            parts = split(url)
            over = proxy if proxy is not None and proxy.serves(parts) else None
            self._connection = open_connection(parts, trust, timeout, over)
            self._connection.request("GET", _target(parts, over), headers=self._headers())
            response = self._connection.getresponse()
            if response.status not in MOVED:
                break
            target = urljoin(url, response.getheader("Location") or "")
            self.close()
            if split(url).scheme == "https" and split(target).scheme != "https":
                raise WebError("protocol", f"{shown(url)} redirects to {shown(target)}, from https to http")
            url = target
        else:
            raise WebError("protocol", f"{shown(self.url)} redirects more than {REDIRECTS} times")
        if response.status not in (200, PARTIAL):
            raise status_error(response.status, url)
        if response.status == PARTIAL and not (response.getheader("Content-Range") or "").startswith(f"bytes {self.offset}-"):
            raise WebError("protocol", f"{shown(url)} sends another part of the file than the one that was asked for")
        if response.status == 200:
            _skip(response, self.offset)
        self._response = response

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": f"dom0kit/{__version__}", "Accept": "*/*", "Connection": "close"}
        return headers | ({"Range": f"bytes={self.offset}-"} if self.offset else {})


def _target(parts: SplitResult, over: HttpProxy | None) -> str:
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # RFC 9112, 3.2.2: a proxy gets the whole URL.
    return f"http://{parts.netloc}{target}" if over is not None and parts.scheme == "http" else target


def _skip(response: http.client.HTTPResponse, size: int) -> None:
    """Read and drop the beginning, which a server sends that does not know parts of files."""
    while size and (data := response.read(min(size, 1 << 20))):
        size -= len(data)


@contextmanager
def open_stream(
    url: str, size: int, offset: int = 0, *, trust: Trust = SYSTEM, proxy: HttpProxy | None = None
) -> Iterator[Stream]:
    """Open a file of a web server from ``offset`` on; the connection is closed when the block ends."""
    stream = Stream(url, size, offset, trust=trust, proxy=proxy)
    try:
        yield stream
    finally:
        stream.close()
