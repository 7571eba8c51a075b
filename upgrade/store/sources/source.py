"""What all sources have in common."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from dom0kit.units import MIB

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
LARGEST_MANIFEST = 4 * MIB
"""Bytes of a manifest: one with all packages and time zones has a tenth of a mebibyte."""
LARGEST_SIGNATURE = MIB


class Reader(Protocol):
    """A file that is read from its beginning or its middle to its end."""

    def read_into(self, view: memoryview) -> int:
        """Read up to as many bytes as fit and return their number, 0 at the end."""
        ...


class Source(Protocol):
    """An image that can be staged."""

    @property
    def name(self) -> str:
        """Return the folder, the file or the URL, for messages."""
        ...

    @property
    def manifest(self) -> bytes:
        """Return the bytes of ``manifest.json``, not checked."""
        ...

    @property
    def signature(self) -> bytes:
        """Return the bytes of ``manifest.json.sig``; empty without one."""
        ...

    def open(self, name: str, size: int, offset: int) -> AbstractContextManager[Reader]:
        """Open a file of the image.

        :param size: its size in bytes by the manifest.
        :param offset: where to begin, in bytes.
        :raises UserError: when it cannot be opened.
        """
        ...
