"""Types of numbers, URLs, durations and addresses."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from dom0kit.arguments.parser import refusal, shown


def whole(least: int, most: int, what: str = "a number") -> Callable[[str], int]:
    """Return the type of whole numbers in a range.

    :param what: names the value in errors.
    """

    def number(text: str) -> int:
        # int() takes underscores and the digits of all scripts.
        if re.fullmatch(r"-?[0-9]{1,12}", text) and least <= int(text) <= most:
            return int(text)
        raise refusal(f"{shown(text)} is not {what} from {least} to {most}")

    return number


port = whole(1, 65535, "a port, a number")


def http_url(text: str) -> str:
    """Return an http or https URL; ``{mac}`` and the like may stand in it."""
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or re.search(r"[\s\"'<>\\^`|]", text) or not text.isprintable():
        raise refusal(f"{shown(text)} is not a URL", "write it as http://192.0.2.1/path")
    return text


def minutes(text: str) -> float:
    """Return a duration in minutes out of ``100m``, ``2h``, ``1h30m`` or ``90``, which are minutes."""
    found = re.fullmatch(r"(?:([0-9]+(?:\.[0-9]+)?)h)?(?:([0-9]+(?:\.[0-9]+)?)m?)?", text) if len(text) < 20 else None
    value = float(found[1] or 0) * 60 + float(found[2] or 0) if found else 0.0
    if value <= 0:
        raise refusal(f"{shown(text)} is no duration", "give minutes as 90 or 100m, or hours as 2h")
    return value


def ip_address(text: str) -> str:
    """Return an IP address."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise refusal(f"{shown(text)} is not an IP address", "write it as 192.0.2.10") from None


def ipv4_interface(text: str) -> str:
    """Return an IPv4 address with the length of its network's prefix."""
    with suppress(ValueError):
        if "/" in text:
            return str(ipaddress.IPv4Interface(text))
    raise refusal(f"{shown(text)} is not an IPv4 address with a prefix length", "write it as 192.0.2.10/24")
