"""Folders for disks and media outside of /tmp, which is often too small; those of killed runs are removed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

BASE = Path("/var/tmp")
PREFIX = "dom0kit-qa-"
OWNED = re.compile(rf"{PREFIX}(?:served-)?(\d+)-[a-z0-9_]{{8}}")
"""Name of a folder that belongs to a process; the names of folders that are kept have no process number."""


def prefix(kind: str, *, keep: bool, process: int) -> str:
    """Return the beginning of the name of a run's folder; ``kind`` is empty or a word with a dash."""
    return f"{PREFIX}kept-{kind}" if keep else f"{PREFIX}{kind}{process}-"


def abandoned(names: Iterable[str], alive: Callable[[int], bool]) -> list[str]:
    """Return the folders whose process has ended."""
    return [name for name in names if (found := OWNED.fullmatch(name)) and not alive(int(found.group(1)))]


def make(kind: str = "", *, keep: bool = False, base: Path = BASE) -> Path:
    """Make a new folder for this run; remove those of killed runs first."""
    for name in abandoned(os.listdir(base), lambda process: Path("/proc", str(process)).exists()):
        shutil.rmtree(base / name, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=prefix(kind, keep=keep, process=os.getpid()), dir=base))
