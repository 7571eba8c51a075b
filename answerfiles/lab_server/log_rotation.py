"""Keep the servers' logs small: a lab may be served for months."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from dom0kit.units import MIB

LARGEST = 32 * MIB
"""Bytes of a log; a larger one is set aside."""
KEPT = 3
"""Older logs that are kept: ``access.log.1`` is the newest of them."""


def rotate(log: Path, largest: int = LARGEST) -> bool:
    """Set a log aside when it is larger than ``largest`` bytes, and empty it; return whether it was.

    The servers go on with their open file, which they append to: a line that comes during the copy may be lost. On a full disk
    the log is emptied all the same, because reports need the space.
    """
    try:
        if log.stat().st_size <= largest:
            return False
    except FileNotFoundError:
        return False
    aside = _older(log, 1)
    try:
        for number in range(KEPT - 1, 0, -1):
            with suppress(FileNotFoundError):
                _older(log, number).replace(_older(log, number + 1))
        aside.touch(0o600)
        shutil.copyfile(log, aside)
    except OSError:
        with suppress(OSError):
            aside.unlink()
    os.truncate(log, 0)
    return True


def _older(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
