"""Files of sysfs and procfs."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> str:
    """A file of sysfs or procfs without the blanks around it; empty when it is not there or has nothing to say."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
