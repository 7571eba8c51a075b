"""Redact secrets from logs, events, consoles and support bundles."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

MASK = "********"
SHORTEST_ANYWHERE = 6
"""Secrets with fewer characters are masked only as whole words; otherwise they would mask parts of other words."""

# Hashes as crypt(5) writes them, with any method; and the value of an Authorization header.
PATTERNS = (
    re.compile(r"\$(?:1|2[abxy]?|5|6|7|y|gy|md5|sha1|argon2\w*)\$[^\s:'\"\\<>]{8,}"),
    re.compile(r"(?i)(?<=\bbearer )[^\s'\"\\]+"),
)
SECRET_KEY = re.compile(r"(?i)(?:password|passwd|secret|token|hash)")
IN_YAML = re.compile(
    r"(?i)\b[\w-]*(?:password|passwd|secret|token|hash)[\w-]*[\"']?\s*[:=]\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'{\[][^\n]*)"
)
IN_XML = re.compile(r"(?is)<[\w-]*(?:password|passwd|secret|token|hash)[\w-]*\b[^>]*>\s*([^<]+?)\s*<")
NOT_SECRET = re.compile(r"(?:env:\w+|file:\S+|null|none|true|false|~|\*+|[>|][+-]?|)", re.IGNORECASE)


@dataclass
class Redactor:
    """Mask known secrets, in the spellings that logs use, and everything that looks like a password hash."""

    _secrets: set[str] = field(default_factory=set, repr=False)
    _known: re.Pattern[str] | None = field(default=None, repr=False)

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these from now on; references to secrets and empty texts are ignored."""
        for secret in secrets:
            if not NOT_SECRET.fullmatch(secret.strip()):
                self._secrets |= spellings(secret)
        if self._secrets:
            # The longest first, so that a secret within another leaves no rest of it.
            longest_first = sorted(self._secrets, key=lambda text: (-len(text), text))
            self._known = re.compile("|".join(_expression(text) for text in longest_first))

    def __call__(self, text: str) -> str:
        """Return the text with every secret masked."""
        for pattern in (self._known, *PATTERNS):
            if pattern is not None:
                text = pattern.sub(MASK, text)
        return text

    def value(self, value: Any) -> Any:
        """Return a JSON value with every string in it masked; keys stay."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner) for inner in value]
        return value


def leaks(text: str, secrets: Iterable[str]) -> list[str]:
    """Return, masked, the lines that hold a secret or look like a password hash; for tests."""
    redactor = Redactor()
    redactor.add(secrets)
    return [redactor(line) for line in text.splitlines() if redactor(line) != line]


def _expression(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= SHORTEST_ANYWHERE else rf"(?<!\w){escaped}(?!\w)"


def spellings(secret: str) -> set[str]:
    """Return a secret verbatim and as JSON, a URL, a shell and Python's repr write it."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        shlex.quote(secret),
        repr(secret)[1:-1],
    }


def secrets_in(value: Any, *, inside: bool = False) -> set[str]:
    """Return the strings below keys that are named like secrets in a JSON value such as ``host.json``."""
    if isinstance(value, Mapping):
        return {s for key, inner in value.items() for s in secrets_in(inner, inside=inside or bool(SECRET_KEY.search(str(key))))}
    if isinstance(value, list | tuple):
        return {s for inner in value for s in secrets_in(inner, inside=inside)}
    return {value} if inside and isinstance(value, str) else set()


def secrets_in_text(text: str) -> set[str]:
    """Return what looks like a secret in a YAML or XML text that does not parse; too much rather than too little."""
    found = {match.group(1).strip() for match in IN_XML.finditer(text)}
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        for match in IN_YAML.finditer(line):
            rest = match.group(1)
            # Unquoted, it may end at a comment or, inside braces, at a comma: all readings are masked.
            bare = re.sub(r"\s+#.*$", "", rest).strip()
            found |= {bare.strip("'\""), bare.rstrip(",}] "), re.split(r"[,}\]]", bare)[0].strip("'\" ")}
    return {secret for secret in found if len(secret) >= 4 and not NOT_SECRET.fullmatch(secret)}
