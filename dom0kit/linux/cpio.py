"""Small cpio archives in the "newc" format (cpio(5)), appended to an initramfs.

The kernel unpacks concatenated archives in order; a file of a later one replaces that of an earlier one (its
Documentation/driver-api/early-userspace/buffer-format.rst).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

FOLDER_MODE = 0o040755
HEADER = 110
MAGIC = b"070701"
TRAILER = "TRAILER!!!"
UNIT = 4

HEX = re.compile(rb"[0-9A-Fa-f]{104}")
"""The thirteen numbers of a header: a sign would lead backwards."""


def entry(name: str, mode: int, content: bytes, number: int, epoch: int) -> bytes:
    """Return one entry, owned by root.

    :param mode: kind and permissions, as in ``st_mode``.
    :param number: the entry's inode number; two of one archive must not share one.
    :param epoch: its time stamp, in seconds since 1970.
    """
    raw = name.encode() + b"\0"
    links = 2 if mode & FOLDER_MODE == FOLDER_MODE else 1
    fields = (number, mode, 0, 0, links, epoch, len(content), 0, 0, 0, 0, len(raw), 0)
    head = MAGIC + b"".join(f"{field:08X}".encode() for field in fields) + raw
    return padded(padded(head) + content)


def padded(data: bytes, unit: int = UNIT) -> bytes:
    """Return the data padded with zeroes to a multiple of ``unit`` bytes."""
    return data + b"\0" * (-len(data) % unit)


def archive(files: Mapping[str, str | bytes], epoch: int, modes: Mapping[str, int] | None = None) -> bytes:
    """Return an archive of files and their parent folders; the same input gives the same bytes.

    :param files: content by path, without a leading slash.
    :param epoch: every time stamp, in seconds since 1970.
    :param modes: permissions other than 0644, by path.
    """
    parts: list[bytes] = []
    folders = {str(folder) for name in files for folder in PurePosixPath(name).parents} - {"."}
    for folder in sorted(folders):
        parts.append(entry(folder, FOLDER_MODE, b"", len(parts) + 1, epoch))
    for name in sorted(files):
        content = files[name]
        raw = content.encode() if isinstance(content, str) else content
        mode = 0o100000 | (modes or {}).get(name, 0o644)
        parts.append(entry(name, mode, raw, len(parts) + 1, epoch))
    parts.append(entry(TRAILER, 0, b"", 0, 0))
    return padded(b"".join(parts), 512)


def append(initramfs: Path, data: bytes) -> None:
    """Append an archive to an initramfs at a multiple of four bytes, where the kernel looks for it."""
    with initramfs.open("ab") as file:
        file.write(b"\0" * (-file.tell() % UNIT) + data)


def read(data: bytes) -> dict[str, bytes]:
    """Return the files of concatenated archives by path.

    A file of a later archive replaces one of the same name in an earlier archive.

    :raises ValueError: for anything but such archives, and for a truncated one.
    """
    files: dict[str, bytes] = {}
    position = 0
    while position < len(data):
        if data[position : position + UNIT] == bytes(UNIT):
            position += UNIT
            continue
        if data[position : position + len(MAGIC)] != MAGIC or len(data) < position + HEADER:
            raise ValueError(f"not a cpio entry at byte {position}")
        if not HEX.fullmatch(data[position + 6 : position + HEADER]):
            raise ValueError(f"the cpio entry at byte {position} has numbers that are none")
        fields = [int(data[position + 6 + 8 * i : position + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = fields[1], fields[6], fields[11]
        start = position + HEADER
        content = (start + name_size + 3) & ~3
        if content + size > len(data):
            raise ValueError(f"the cpio entry at byte {position} is truncated")
        if mode & 0o170000 == 0o100000:
            files[data[start : start + name_size - 1].decode()] = data[content : content + size]
        position = (content + size + 3) & ~3
    return files
