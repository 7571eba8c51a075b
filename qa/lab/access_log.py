"""Access logs: who fetched what, and how many bytes.

Two formats are supported: nginx's combined one, which most servers write, and that of ``dom0kit answers serve``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

# $remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"
LINE = re.compile(
    r'(?P<client>\S+) \S+ \S+ \[[^]]*\] "(?P<method>[A-Z]+) (?P<path>\S+)[^"]*" (?P<status>\d{3}) (?P<bytes>\d+|-)'
    r'(?: "[^"]*" "(?P<agent>[^"]*)")?'
)


# $time_iso8601 $remote_addr $request_method $uri $status $body_bytes_sent $request_time
SERVE_LINE = re.compile(
    r"\d{4}-\S+ (?P<client>\S+) (?P<method>[A-Z]+) (?P<path>\S+) (?P<status>\d{3}) (?P<bytes>\d+) (?P<agent>)\S+"
)
TFTP = re.compile(r"tftp\b.*?: sent (\S+) to ")


@dataclass(frozen=True)
class Request:
    """One request; ``bytes`` are those of the answer's body."""

    client: str
    method: str
    path: str
    status: int
    bytes: int
    agent: str = ""


def parse(line: str) -> Request | None:
    """Return the request in a line, None for another line (a client that did not speak HTTP)."""
    match = LINE.match(line) or SERVE_LINE.fullmatch(line.strip())
    if not match:
        return None
    size = 0 if match["bytes"] == "-" else int(match["bytes"])
    return Request(match["client"], match["method"], match["path"], int(match["status"]), size, match["agent"] or "")


def tftp_sent(output: str) -> list[str]:
    """Return the files that dnsmasq has sent by TFTP.

    :param output: its log, with lines such as ``dnsmasq-tftp[9]: sent /srv/boot/grub.cfg to 10.77.0.100``.
    """
    return TFTP.findall(output)


def read(path: Path) -> list[Request]:
    """Return the requests in a log so far; none when there is no log yet."""
    if not path.exists():
        return []
    found = (parse(line) for line in path.read_text(errors="replace").splitlines())
    return [request for request in found if request]


def bytes_by_client(requests: Iterable[Request]) -> dict[str, int]:
    """Return the bytes for each client by its address; IPv4 addresses of IPv6 sockets count as IPv4."""
    total: Counter[str] = Counter()
    for request in requests:
        total[request.client.removeprefix("::ffff:")] += request.bytes
    return dict(total)


def fetched(requests: Iterable[Request], ending: str) -> list[Request]:
    """Return the requests for a path with this ending, whatever their status; the query of a path does not count."""
    return [request for request in requests if request.path.partition("?")[0].endswith(ending)]
