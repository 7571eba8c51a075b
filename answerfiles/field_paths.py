"""Paths into answers. Apart from the YAML reader, which a host need not load at boot."""

from __future__ import annotations

Path = tuple[str | int, ...]


def dotted(path: Path) -> str:
    """Return a path as text: ``network.management.dns[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
