"""Read files of sysfs and procfs."""

from __future__ import annotations

from pathlib import Path


def read(path: Path) -> str:
    """Return the stripped text of a sysfs or procfs file; "" if it is missing or unreadable.

    The carrier of a network card that is down cannot be read (EINVAL).
    """
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""
