"""Screenshots of the display: small PNG files, and their comparison with a text. Pure."""

from __future__ import annotations

import struct
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

FONTS = ((16, 32), (14, 28), (12, 24), (11, 22), (10, 20), (9, 16), (8, 16))
"""Width and height of a character in pixels: those of ``large-font``, and those of text modes."""

ALIKE = 0.98
"""The likeness from which on a picture counts as showing a text."""


@dataclass(frozen=True)
class Picture:
    """A picture; ``pixels`` holds three bytes (red, green, blue) for each pixel, row by row."""

    width: int
    height: int
    pixels: bytes


def read_ppm(data: bytes) -> Picture:
    """Read a picture in the format of QEMU's ``screendump`` (ppm(5), P6 with the maximum 255).

    :raises ValueError: for another format, or a truncated picture.
    """
    kind, width, height, most, *_ = data.split(maxsplit=4)
    if kind != b"P6" or most != b"255":
        raise ValueError("not a PPM picture with 8 bits")
    size = int(width) * int(height) * 3
    pixels = data[-size:]
    if len(data) <= size:
        raise ValueError("the picture is truncated")
    return Picture(int(width), int(height), pixels)


def colours(picture: Picture) -> list[bytes]:
    """Return the picture's pixels as three bytes each."""
    data = picture.pixels
    return [data[i : i + 3] for i in range(0, len(data), 3)]


def write_png(picture: Picture) -> bytes:
    """Return a PNG (RFC 2083) with a palette: four bits for a pixel when 16 colors suffice, else eight.

    :raises ValueError: for more than 256 colors: it is no picture of a text.
    """
    pixels = colours(picture)
    palette = [colour for colour, _ in Counter(pixels).most_common()]
    if len(palette) > 256:
        raise ValueError(f"{len(palette)} colours")
    number = {colour: index for index, colour in enumerate(palette)}
    depth = 4 if len(palette) <= 16 else 8
    lines = bytearray()
    for row in range(picture.height):
        line = bytes(number[colour] for colour in pixels[row * picture.width : (row + 1) * picture.width])
        if depth == 4:
            line += b"\0" * (len(line) % 2)
            line = bytes(high << 4 | low for high, low in zip(line[::2], line[1::2], strict=True))
        lines += b"\0" + line

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", picture.width, picture.height, depth, 3, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"PLTE", b"".join(palette)), chunk(b"IDAT", zlib.compress(bytes(lines), 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def likeness(picture: Picture, rows: Sequence[str]) -> float:
    """Return how well a picture shows these rows of text, from 0 to 1, whatever its font.

    Each character must have one shape throughout the picture, and no two characters may have the same. 1 is a match in all
    cells; the cursor and a clock may change one or two of them.
    """
    pixels, best = colours(picture), 0.0
    for font in FONTS:
        best = max(best, _likeness(picture, pixels, rows, font))
        if best >= ALIKE:
            break
    return best


def _likeness(picture: Picture, pixels: list[bytes], rows: Sequence[str], font: tuple[int, int]) -> float:
    wide, high = font
    columns = max(map(len, rows))
    if picture.width < wide * columns or picture.height < high * len(rows):
        return 0.0
    shapes: dict[str, Counter[tuple[bool, ...]]] = defaultdict(Counter)
    for (y, row), x in product(enumerate(rows), range(columns)):
        cell = [
            colour
            for line in range(y * high, (y + 1) * high)
            for colour in pixels[line * picture.width + x * wide : line * picture.width + (x + 1) * wide]
        ]
        # The corner is background in all letters; lines of frames run through the middle.
        shapes[row[x : x + 1] or " "][tuple(colour != cell[0] for colour in cell)] += 1
    usual = {character: found.most_common(1)[0] for character, found in shapes.items()}
    owners = Counter(shape for shape, _ in usual.values())
    right = sum(count for shape, count in usual.values() if owners[shape] == 1)
    return right / (columns * len(rows))
