"""Where files are in an ISO 9660 image (ECMA-119), read without mounting it: it is not verified yet, and the kernel trusts it.

Names are the plain ones of ISO 9660, as :func:`iso.master.iso_name` makes them; a file lies in one piece.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from dom0kit.units import MIB

BLOCK = 2048
DESCRIPTOR = 16
"""The block of the primary volume descriptor."""
LARGEST_FOLDER = MIB
FOLDER, MORE = 0x02, 0x80
"""Flags of a record: it is a folder; the file goes on in another extent."""


class NotIso(ValueError):
    """The bytes are no ISO 9660 image, or are damaged; the message says what is wrong."""


@dataclass(frozen=True)
class Record:
    """A file or folder: first byte and length in bytes."""

    name: str
    start: int
    length: int
    folder: bool


def find(file: BinaryIO, *names: str) -> dict[str, Record]:
    """Return the records in the folder with these names below the root, by name without version, in capitals.

    :raises NotIso: when the file is no ISO 9660 image, or has no such folder.
    """
    file.seek(DESCRIPTOR * BLOCK)
    descriptor = file.read(BLOCK)
    if len(descriptor) < BLOCK or descriptor[:7] != b"\x01CD001\x01":
        raise NotIso("it is no ISO 9660 image")
    folder = _record(descriptor[156:190])
    for name in names:
        below = {record.name: record for record in _records(file, folder)}
        if name not in below or not below[name].folder:
            raise NotIso(f"it has no folder {name}")
        folder = below[name]
    return {record.name: record for record in _records(file, folder)}


def plain_name(name: str) -> str:
    """Return a file's name as :func:`find` returns it.

    >>> plain_name("manifest.json.sig")
    'MANIFEST_JSON.SIG'
    """
    stem, dot, extension = name.upper().rpartition(".")
    return dot.join("".join(c if c.isalnum() else "_" for c in part) for part in (stem, extension) if part)


def _records(file: BinaryIO, folder: Record) -> Iterator[Record]:
    if folder.length > LARGEST_FOLDER:
        raise NotIso(f"a folder of it has {folder.length} bytes")
    file.seek(folder.start)
    data = file.read(folder.length)
    if len(data) != folder.length:
        raise NotIso("it was cut off")
    at = 0
    while at < len(data):
        size = data[at]
        if size == 0:
            # No record crosses the end of a block.
            at = (at // BLOCK + 1) * BLOCK
            continue
        record = _record(data[at : at + size])
        if record.name not in ("\0", "\1"):
            yield record
        at += size


def _record(data: bytes) -> Record:
    if len(data) < 34 or len(data) < 33 + data[32]:
        raise NotIso("a record of a folder is damaged")
    start, length = struct.unpack_from("<I", data, 2)[0], struct.unpack_from("<I", data, 10)[0]
    if data[25] & MORE:
        raise NotIso("a file of it is in several pieces")
    name = data[33 : 33 + data[32]].decode("ascii", "replace").partition(";")[0].rstrip(".")
    return Record(name, start * BLOCK, length, bool(data[25] & FOLDER))
