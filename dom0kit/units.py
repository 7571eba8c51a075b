"""Units, and numbers as text."""

from __future__ import annotations

import re
from decimal import Decimal

MIB = 1024**2
GIB = 1024**3
SECTOR = 512
"""Bytes of a sector as sysfs, the MBR and GRUB count them, whatever the disk's own sector size is."""

UNITS = {"B": 1}
UNITS |= {f"{prefix}B": 1000**power for power, prefix in enumerate("KMGTPE", 1)}
UNITS |= {f"{prefix}iB": 1024**power for power, prefix in enumerate("KMGTPE", 1)}


def human_bytes(size: int) -> str:
    """Return a size in bytes with a binary unit: 1536 gives ``1.5 KiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def parse_bytes(text: str) -> int:
    """Return the bytes of a text such as ``400 GB`` (decimal) or ``1.5 TiB`` (binary); without a unit, bytes.

    :raises ValueError: when it is not a size.
    """
    found = re.fullmatch(r"([0-9]{1,20}(?:\.[0-9]{1,6})?)\s*([A-Za-z]*)", text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a number with a unit")
    unit = next((unit for unit in UNITS if unit.lower() == (found[2] or "B").lower()), None)
    if unit is None:
        raise ValueError(f"the units are {', '.join(UNITS)}")
    return int(Decimal(found[1]) * UNITS[unit])


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: ``1 host``, ``3 hosts``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human_seconds(seconds: float) -> str:
    """Return a duration in seconds as text: ``7.4 s``, or ``2 min 05 s`` from one minute on."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return columns of text under a header; a column whose cells all begin with a digit is right-aligned."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    right = [bool(rows) and all(row[i][:1].isdigit() for row in rows) for i in range(len(header))]

    def line(row: tuple[str, ...]) -> str:
        parts = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        return "  ".join(parts).rstrip()

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *(line(row) for row in rows)])
