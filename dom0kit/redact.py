"""Redact secrets from logs, events, consoles and support bundles.

A secret is searched in two ways: as it is and as JSON, URLs, shells and Python write it; and, with eight letters and digits or
more, in a canonical form of the text, in which escapes are decoded and everything but ASCII letters and digits is left out.
Whatever quotes, escapes, wraps or nests a text leaves that form as it is. Base64 and hexadecimal digits of a secret are
searched in it as well. Not found are: shorter secrets in other spellings, a secret that is split between two texts, compressed
or encrypted ones, and encodings that are not named here, such as base32, UTF-16 and dumps with several columns;
a secret with backslashes that is wrapped within what looks like an escape.
"""

from __future__ import annotations

import base64
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
    re.compile(r"(?i)(?<=\bbasic )[A-Za-z0-9+/_=-]{4,}"),
    # The path of a host's answers: who has it gets them.
    re.compile(r"(?<=\.)[0-9a-f]{32}(?=\.yaml\b)"),
)
SHORTEST_CANONICAL = 8
"""Letters and digits that a secret must have to be searched in the canonical form, where words have no ends."""
ESCAPE = re.compile(
    r"%(?:25)*(?P<percent>[0-9A-Fa-f]{2})"
    r"|\\+(?:u(?P<unicode>[0-9A-Fa-f]{4})|x(?P<byte>[0-9A-Fa-f]{2})|(?P<octal>[0-7]{3})|[abfnrtv])"
    r"|&(?:amp;)*(?:#(?P<decimal>[0-9]{1,7})|#[xX](?P<hex>[0-9A-Fa-f]{1,6})|[a-z]{2,6});"
)
"""Escapes of URLs, JSON, Python, C and XML, also several times over: a run of backslashes is one, ``%2541`` is ``%41``."""
BASES = {"percent": 16, "unicode": 16, "byte": 16, "octal": 8, "decimal": 10, "hex": 16}
DROPPED = re.compile(r"[^A-Za-z0-9]+")
BASE64_RUN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=_-")
SECRET_KEY = re.compile(r"(?i)(?:password|passwd|secret|token|hash)")
IN_YAML = re.compile(
    r"(?i)\b[\w-]*(?:password|passwd|secret|token|hash)[\w-]*[\"']?\s*[:=]\s*(\"[^\"\n]*\"|'[^'\n]*'|[^\s\"'{\[][^\n]*)"
)
IN_XML = re.compile(r"(?is)<[\w-]*(?:password|passwd|secret|token|hash)[\w-]*\b[^>]*>\s*([^<]+?)\s*<")
NOT_SECRET = re.compile(r"(?:env:\w+|file:\S+|null|none|true|false|~|\*+|[>|][+-]?|)", re.IGNORECASE)


@dataclass(frozen=True)
class Canonical:
    """One of a secret's canonical forms.

    :param before: characters of the secret in front of it that the form leaves out; ``after`` those behind it.
    :param encoded: in base64, whose neighbouring characters hold bits of the secret.
    """

    text: str
    before: int = 0
    after: int = 0
    encoded: bool = False


@dataclass
class Redactor:
    """Mask known secrets, in the spellings that logs use, and everything that looks like a password hash."""

    _secrets: set[str] = field(default_factory=set, repr=False)
    _known: re.Pattern[str] | None = field(default=None, repr=False)
    _canonical: dict[str, Canonical] = field(default_factory=dict, repr=False)

    def add(self, secrets: Iterable[str]) -> None:
        """Mask these from now on; references to secrets and empty texts are ignored."""
        for secret in secrets:
            if not NOT_SECRET.fullmatch(secret.strip()):
                self._secrets |= spellings(secret)
                self._canonical |= {form.text: form for form in canonical_forms(secret)}
        if self._secrets:
            # The longest first, so that a secret within another leaves no rest of it.
            longest_first = sorted(self._secrets, key=lambda text: (-len(text), text))
            self._known = re.compile("|".join(_expression(text) for text in longest_first))

    def __call__(self, text: str) -> str:
        """Return the text with every secret masked."""
        for pattern in (self._known, *PATTERNS):
            if pattern is not None:
                text = pattern.sub(MASK, text)
        plain = canonical(text) if self._canonical else ""
        found = [form for form in self._canonical.values() if form.text in plain]
        return _mask_canonical(text, found) if found else text

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


def canonical(text: str) -> str:
    """Return the canonical form of a text: its ASCII letters and digits, with escapes decoded."""
    return DROPPED.sub("", ESCAPE.sub(_decoded, text))


def _decoded(match: re.Match[str]) -> str:
    """Return the letter or digit that an escape stands for; "" for any other character."""
    kind = match.lastgroup
    code = int(match[kind], BASES[kind]) if kind else 0
    return chr(code) if code < 128 and chr(code).isalnum() else ""


def canonical_forms(secret: str) -> list[Canonical]:
    """Return what to search for in the canonical form of a text."""
    plain = canonical(secret)
    units = [bool(character) for _, _, character in _units(secret)]
    ends = (units.index(True), units[::-1].index(True)) if True in units else (0, 0)
    raw = secret.encode("utf-8", "surrogatepass")
    # What looks like an escape in the secret itself is none where its characters are escaped one by one.
    forms = [Canonical(DROPPED.sub("", secret)), Canonical(plain, *ends), Canonical(raw.hex()), Canonical(raw.hex().upper())]
    for shift in range(3):
        # Three bytes are four characters: of those that it shares with its neighbours a secret says nothing.
        text = base64.b64encode(bytes(shift) + raw).decode().rstrip("=")
        forms.append(Canonical(canonical(text[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]), encoded=True))
    return [form for form in forms if len(form.text) >= SHORTEST_CANONICAL]


def _units(text: str) -> list[tuple[int, int, str]]:
    """Return the characters and escapes of a text: begin, end, and the letter or digit; "" for what is left out."""
    units: list[tuple[int, int, str]] = []
    place = 0
    for match in [*ESCAPE.finditer(text), None]:
        until = match.start() if match else len(text)
        units += [(i, i + 1, text[i] if text[i].isascii() and text[i].isalnum() else "") for i in range(place, until)]
        if match:
            units.append((match.start(), match.end(), _decoded(match)))
            place = match.end()
    return units


def _mask_canonical(text: str, forms: Iterable[Canonical]) -> str:
    """Return the text with the places masked that have one of these forms."""
    units = _units(text)
    kept = [number for number, unit in enumerate(units) if unit[2]]
    plain = "".join(units[number][2] for number in kept)
    spans: list[tuple[int, int]] = []
    for form in forms:
        start = plain.find(form.text)
        while start >= 0:
            first, last = kept[start], kept[start + len(form.text) - 1]
            before, after = (len(units), len(units)) if form.encoded else (form.before, form.after)
            while before and first and _belongs(units[first - 1], text, form):
                first, before = first - 1, before - 1
            while after and last + 1 < len(units) and _belongs(units[last + 1], text, form):
                last, after = last + 1, after - 1
            spans.append((units[first][0], units[last][1]))
            start = plain.find(form.text, start + 1)
    for begin, end in reversed(_joined(spans)):
        text = text[:begin] + MASK + text[end:]
    return text


def _belongs(unit: tuple[int, int, str], text: str, form: Canonical) -> bool:
    """Return whether a unit next to a form is part of the secret."""
    if form.encoded:
        return all(character in BASE64_RUN for character in text[unit[0] : unit[1]])
    return not unit[2] and not text[unit[0] : unit[1]].isspace()


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


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
