"""A finished folder takes another's place in one step."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

AT_FDCWD = -100
RENAME_EXCHANGE = 2


def swap(new: Path, place: Path) -> bool:
    """Give ``new`` the name ``place``; what was there gets the name of ``new`` (renameat2(2), RENAME_EXCHANGE).

    Where the file system cannot exchange, two renames do it, and for a moment ``place`` is not there.

    :returns: whether there was something in the place before, which now is at ``new``.
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
