"""Damaged inputs for readers of what comes from outside, the same ones for the same seed.

A sample is damaged in a few places at a time: bytes are overwritten, removed, repeated or cut off, and values are replaced by
those that readers tend to forget. Such inputs get past the first check of a format, which random bytes do not.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

VALUES = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"1.5",
    b"9" * 400,
    b"9" * 5000,
    b"18446744073709551616",
    b"NaN",
    b"Infinity",
    b"-Infinity",
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b'["a"]',
    b'{"a": 1}',
    b"~",
    b"*a",
    b"&a b",
    b"!!binary x",
    b"!x y",
    b"<<: 1",
    b"? a",
    b"|\n",
    b"%",
    b"{{ host }}",
    b"{% if %}",
    b"&amp;",
    b"&#0;",
    b"]]>",
    b"2026-02-31",
    b"2026-01-01T00:00:00Z",
    b"1:30:00",
    b"0x10",
    b"0o7",
    b"1_0",
    b"\xc2\xb2",
    b"\xd9\xa1",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
    b"\\ud800",
    b"\\u0000",
    b"\xff\xfe",
    b"\x00",
    b"\x1b[2J",
    b"\x7f",
    b"\r",
    b"\t",
    b"\n",
    b"../../etc/passwd",
    b"fe80::1%lo",
    b"::ffff:127.0.0.1",
    b"255.0.255.0",
    b"a" * 300,
)
"""What replaces a value of a text, or is inserted."""
NESTED = (b"[" * 3000, b'{"a":' * 3000, b"<a>" * 3000, b"(" * 3000)
NUMBERS = (
    b"\x00",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\x00" * 4,
    b"\xff" * 4,
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x01" + b"\x00" * 7,
)
"""What replaces bytes of a binary format."""
WORD = re.compile(rb"""[\w.+-]+|"[^"\n]*"|'[^'\n]*'""")


def inputs(sample: bytes, count: int, seed: str) -> Iterator[bytes]:
    """Yield this many damaged forms of a sample; every twentieth has random bytes only."""
    draw = random.Random(seed)
    words = [match.span() for match in WORD.finditer(sample)]
    # A disk image is mostly zeros, and damage to them says little.
    used = [place for place, byte in enumerate(sample) if byte] or [0]
    for number in range(count):
        if number % 20 == 0:
            yield draw.randbytes(draw.randrange(300))
            continue
        data = bytearray(sample)
        if words and draw.random() < 0.5:
            start, end = draw.choice(words)
            data[start:end] = draw.choice(VALUES)
        else:
            _damage(data, draw, used)
        while draw.random() < 0.4:
            _damage(data, draw, used)
        yield bytes(data)


def _damage(data: bytearray, draw: random.Random, used: Sequence[int]) -> None:
    """Damage one place, mostly near one of those that are used."""
    place, length = draw.randrange(len(data) + 1), draw.choice((1, 1, 2, 4, 8, 40))
    if draw.random() < 0.8:
        place = min(draw.choice(used), len(data))
    kind = draw.randrange(100)
    if kind < 20:
        data[place : place + length] = draw.randbytes(length)
    elif kind < 35 and place < len(data):
        data[place] ^= 1 << draw.randrange(8)
    elif kind < 50:
        piece = draw.choice(NUMBERS)
        data[place : place + len(piece)] = piece
    elif kind < 65:
        data[place:place] = draw.choice(VALUES)
    elif kind < 78:
        del data[place : place + length]
    elif kind < 88:
        data[place:place] = data[place : place + length] * draw.choice((1, 2, 50))
    elif kind < 92:
        other = draw.randrange(len(data) + 1)
        data[place : place + length] = data[other : other + length]
    elif kind < 95:
        data[place:place] = draw.choice(NESTED)
    else:
        del data[place:]
