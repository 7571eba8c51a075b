"""Read both ends of a disk: whether it can be read at all, whether they are blank, and what identifies it later."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from dom0kit.fs import open_direct
from dom0kit.units import MIB

END_BYTES = MIB
"""Bytes read at each end: what wiping overwrites with zeros."""
CHUNK = 64 * 1024
"""Bytes of one read: an error is reported with the position of its chunk."""
FILLINGS = (0x00, 0xFF)
"""Bytes of a blank disk: zeros, or erased flash."""


@dataclass(frozen=True)
class Ends:
    """Both ends of a disk, as they were read.

    :param error: why one of them cannot be read, such as ``Input/output error at byte 65536``; "" if both were read.
    :param digest: SHA-256 of both; "" after an error.
    :param blank: whether all their bytes are 0x00, or all are 0xff.
    :param head: the first bytes, for parsers of superblocks; ``tail`` are the last ones.
    """

    error: str = ""
    digest: str = ""
    blank: bool = False
    head: bytes = field(default=b"", repr=False)
    tail: bytes = field(default=b"", repr=False)


ReadEnds = Callable[[str, int], Ends]
ReadPart = Callable[[str, int, int], bytes]
"""Reads bytes of a device: path, offset, length; returns b"" if it cannot."""


def read_ends(path: str, size: int) -> Ends:
    """Read both ends of a disk past the page cache, which may hold what the disk no longer returns.

    :param size: bytes.
    """
    try:
        descriptor = open_direct(path)
    except OSError as error:
        return Ends(error.strerror or str(error))
    try:
        head = read_at(descriptor, 0, min(END_BYTES, size))
        tail = read_at(descriptor, max(size - END_BYTES, 0), min(END_BYTES, size))
    except ReadFailed as error:
        return Ends(str(error))
    finally:
        os.close(descriptor)
    both = head + tail
    return Ends("", hashlib.sha256(both).hexdigest(), is_blank(both), head, tail)


def read_part(path: str, offset: int, length: int) -> bytes:
    """Return bytes of a device, for parsers of superblocks; b"" if it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(length)
    except OSError:
        return b""


class ReadFailed(Exception):
    """A part of a device cannot be read; the text names error and position."""


def read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Return bytes of a device; ``offset`` and ``length`` in bytes, multiples of the sector size.

    :raises ReadFailed: when the device returns an error, or ends before.
    """
    # Direct reads need an aligned buffer; a mapping begins at a page.
    with mmap.mmap(-1, CHUNK) as buffer:
        parts = []
        while length > 0:
            wanted = min(CHUNK, length)
            with memoryview(buffer)[:wanted] as view:
                try:
                    count = os.preadv(descriptor, [view], offset)
                except OSError as error:
                    raise ReadFailed(f"{error.strerror} at byte {offset}") from error
                if count == 0:
                    raise ReadFailed(f"it ends at byte {offset}")
                parts.append(bytes(view[:count]))
            offset, length = offset + count, length - count
        return b"".join(parts)


def is_blank(data: bytes) -> bool:
    """Return whether all bytes are 0x00, or all are 0xff."""
    return any(data.count(filling) == len(data) for filling in FILLINGS)
