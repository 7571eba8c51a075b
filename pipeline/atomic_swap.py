"""Replace a folder by another one atomically."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def swap(new: Path, place: Path) -> bool:
    """Exchange the names of two folders (renameat2(2), RENAME_EXCHANGE); ``place`` need not exist.

    Where the file system cannot exchange, use two renames; ``place`` is missing for a moment then.

    :returns: whether ``place`` existed before; its old content is at ``new`` now.
    :raises OSError: when neither works.
    """
    if not place.exists():
        os.rename(new, place)
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(new), AT_FDCWD, os.fsencode(place), RENAME_EXCHANGE):
        aside = place.with_name(f".{place.name}.{os.getpid()}.old")
        os.rename(place, aside)
        try:
            os.rename(new, place)
        except OSError:
            os.rename(aside, place)
            raise
        os.rename(aside, new)
    return True
