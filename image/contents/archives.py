"""The apt archives that an image was made from, and which of them offers a package."""

from __future__ import annotations

import email.utils
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FIELD = re.compile(r"^(Origin|Suite|Codename|Date): *(.*?) *$", re.MULTILINE)


def describe_release(text: str) -> dict[str, Any]:
    """Return who publishes an archive, its names, its date in seconds since 1970 and the SHA-256 of its InRelease file (pure)."""
    head = text.partition("\nSHA256:")[0]
    fields = dict(reversed(FIELD.findall(head)))
    date = fields.get("Date", "").replace("UTC", "+0000")
    return {
        "origin": fields.get("Origin", ""),
        "suite": fields.get("Suite", ""),
        "codename": fields.get("Codename", ""),
        "date": int(email.utils.parsedate_to_datetime(date).timestamp()) if date else 0,
        "sha256": hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest(),
    }


def archives(lists: Path) -> dict[str, dict[str, Any]]:
    """Return the archives of a folder of package lists by the names that apt gives their InRelease files."""
    return dict(_archives(lists))


def _archives(lists: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(lists.glob("*InRelease")):
        yield path.name, describe_release(path.read_bytes().decode("utf-8", "surrogateescape"))


def origin_name(origin: str) -> str:
    """Return an archive's origin as a package URL names it (pure).

    >>> origin_name("Debian")
    'debian'
    """
    return re.sub(r"[^a-z0-9.]+", "-", origin.lower()).strip("-") or "unknown"
