"""Looks into an initramfs: a sequence of cpio archives, one of them compressed (the kernel's initramfs buffer format).

The image's initramfs is uncompressed archives, a compressed one, and behind it the small one of :mod:`image.initramfs_checksums`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

HEADER = 110
COMPRESSED = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ\x00": "xz", b"\x1f\x8b": "gzip"}


@dataclass(frozen=True)
class Entry:
    """One file of a cpio archive in the "newc" format (cpio(5))."""

    name: str
    mode: int
    owner: int
    group: int
    mtime: int
    sha256: str


def entries(data: bytes) -> Iterator[Entry]:
    """Yield the files of the uncompressed archives at the start of ``data``, in order.

    What follows these archives is not read.
    """
    for start, end in archives(data):
        position = start
        while position < end:
            entry, position = read_entry(data, position)
            if entry.name != "TRAILER!!!":
                yield entry


def read_entry(data: bytes, position: int) -> tuple[Entry, int]:
    """Return one entry, and the offset of the next.

    :raises ValueError: when there is no entry.
    """
    if data[position : position + 6] not in (b"070701", b"070702"):
        raise ValueError(f"not a cpio entry at byte {position}")
    fields = [int(data[position + 6 + 8 * i : position + 14 + 8 * i], 16) for i in range(13)]
    _, mode, owner, group, _, mtime, size, _, _, _, _, name_size, _ = fields
    name_start = position + HEADER
    content = (name_start + name_size + 3) & ~3
    name = data[name_start : name_start + name_size - 1].decode(errors="replace")
    digest = hashlib.sha256(data[content : content + size]).hexdigest()
    return Entry(name, mode, owner, group, mtime, digest), (content + size + 3) & ~3


def archives(data: bytes) -> Iterator[tuple[int, int]]:
    """Return begin and end (after the trailer) of each uncompressed archive; skip zeroes between archives."""
    position = 0
    while data[position : position + 6] in (b"070701", b"070702"):
        start = position
        while True:
            entry, position = read_entry(data, position)
            if entry.name == "TRAILER!!!":
                break
        yield start, position
        while position < len(data) and data[position] == 0:
            position += 1


def compressed_tail(data: bytes) -> tuple[str, int] | None:
    """Return the program that unpacks what follows the uncompressed archives, and its offset in bytes."""
    position = 0
    for _, end in archives(data):
        position = end
    while position < len(data) and data[position] == 0:
        position += 1
    for magic, program in COMPRESSED.items():
        if data.startswith(magic, position):
            return program, position
    return None


def appended(data: bytes, start: int) -> int:
    """Return the offset of the uncompressed archives after the compressed one, which reach to the end of the data.

    :param start: where the compressed archive begins.
    :returns: the length of the data when there are none.
    """
    position = data.find(b"070701", start)
    while position >= 0:
        if position % 4 == 0 and _reaches_end(data, position):
            return position
        position = data.find(b"070701", position + 1)
    return len(data)


def _reaches_end(data: bytes, position: int) -> bool:
    """Return whether there are only whole archives and zeroes from a position on."""
    try:
        end = position + max(end for _, end in archives(data[position:]))
    except ValueError:
        return False
    return not data[end:].strip(b"\0")


def listing(parts: list[bytes]) -> dict[str, str]:
    """Every entry of some archives as a comparable string, by name."""
    return {
        entry.name: f"{entry.mode:o} {entry.owner}:{entry.group} {entry.mtime} {entry.sha256}"
        for part in parts
        for entry in entries(part)
    }
