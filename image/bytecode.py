"""Byte code of the image's Python packages that starts without its sources being read.

Debian's maintainer scripts compile with SOURCE_DATE_EPOCH set, and py_compile then makes byte code that is checked by the hash of
its source (PEP 552): each import reads and hashes the source as well. Checked by time and size, it needs one stat(2), and an
administrator who edits a module on a host still gets what the source says.
"""

from __future__ import annotations

import os
import struct
from importlib.util import source_from_cache
from pathlib import Path

CHECKED_HASH = 0b11
"""The flags in bytes 4 to 7 of a .pyc file: checked by hash (PEP 552)."""
HEADER = struct.Struct("<4sIII")
"""Magic number, flags, then for flags 0 time and size of the source, each modulo 2**32."""
WORD = 0xFFFFFFFF


def check_by_time(tree: Path, epoch: int) -> int:
    """Turn byte code below ``tree`` that is checked by hash into byte code that is checked by time; return how many files.

    :param epoch: seconds since 1970 that mksquashfs clamps times to; sources that are newer get it here.
    """
    changed = 0
    for path in sorted(tree.rglob("__pycache__/*.pyc")):
        with path.open("rb") as file:
            head = file.read(HEADER.size)
        if len(head) < HEADER.size:
            continue
        magic, flags, *_ = HEADER.unpack(head)
        source = Path(source_from_cache(str(path)))
        if flags != CHECKED_HASH or not source.is_file():
            continue
        stamp = min(int(source.stat().st_mtime), epoch)
        os.utime(source, (stamp, stamp))
        times = path.stat()
        with path.open("r+b") as file:
            file.write(HEADER.pack(magic, 0, stamp & WORD, source.stat().st_size & WORD))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        changed += 1
    return changed


def late(tree: Path) -> list[str]:
    """Return the byte code below ``tree`` whose import reads the source: checked by hash, or not made from it as it is now."""
    found = []
    for path in sorted(tree.rglob("__pycache__/*.pyc")):
        source = Path(source_from_cache(str(path)))
        with path.open("rb") as file:
            head = file.read(HEADER.size)
        if not source.is_file() or len(head) < HEADER.size:
            continue
        _, flags, stamp, size = HEADER.unpack(head)
        facts = source.stat()
        stale = flags == 0 and (stamp, size) != (int(facts.st_mtime) & WORD, facts.st_size & WORD)
        if flags == CHECKED_HASH or stale:
            found.append(str(path.relative_to(tree)))
    return found
