"""Numbers as people read them."""

from __future__ import annotations


def human_bytes(size: int) -> str:
    """A size in bytes with a binary unit: 1536 gives ``1.5 KiB``."""
    value = float(size)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{size} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def human_seconds(seconds: float) -> str:
    """A duration in seconds: ``7.4 s``, or ``2 min 05 s`` from one minute on."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Columns of text under a header; a column whose every cell begins with a digit is set right."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    right = [bool(rows) and all(row[i][:1].isdigit() for row in rows) for i in range(len(header))]

    def line(row: tuple[str, ...]) -> str:
        parts = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right, strict=True)]
        return "  ".join(parts).rstrip()

    return "\n".join([line(header), "  ".join("-" * w for w in widths), *(line(row) for row in rows)])
