"""Support bundle: a reproducible ``.tar.gz`` of redacted texts, limited in size."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Mapping

from dom0kit.units import MIB

LARGEST = 5 * MIB
LARGEST_FILE = 2 * MIB


def tail(text: str, size: int) -> str:
    """Return the last whole lines of a text that fit into ``size`` bytes."""
    raw = text.encode(errors="replace")
    if len(raw) <= size:
        return text
    kept = raw[-size:]
    return "... the beginning is left out\n" + kept[kept.find(b"\n") + 1 :].decode(errors="replace")


def last_lines(text: str, count: int) -> list[str]:
    """Return the last ``count`` lines of a text."""
    return text.splitlines()[-count:]


def pack(files: Mapping[str, str], *, redact: Callable[[str], str], folder: str, clock: int, largest: int = LARGEST) -> bytes:
    """Pack texts by name into one folder; cut the beginning of long ones until the whole fits.

    :param redact: masks secrets in every text before anything is cut: a secret that is cut in two would not be found.
    :param clock: the files' time, in seconds since 1970.
    :param largest: bytes of the result.
    """
    clean = {name: redact(text) for name, text in files.items()}
    size = LARGEST_FILE
    while True:
        data = _pack({name: tail(text, size) for name, text in clean.items()}, folder, clock)
        if len(data) <= largest or size < 1024:
            return data
        size //= 2


def _pack(files: Mapping[str, str], folder: str, clock: int) -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=clock) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            raw = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(raw), clock, 0o600
            tar.addfile(entry, io.BytesIO(raw))
    return out.getvalue()
