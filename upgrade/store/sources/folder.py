"""An image in a folder: an image folder, a mounted ISO, or a network-boot tree."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import naming, read_limited
from upgrade.store.sources.source import LARGEST_MANIFEST, LARGEST_SIGNATURE, MANIFEST, SIGNATURE


class FileReader:
    """A part of an open file or device.

    :param descriptor: open for reading.
    :param start: first byte of the part.
    :param end: byte after the last one of the part.
    """

    def __init__(self, descriptor: int, start: int, end: int, path: Path) -> None:
        self._descriptor, self._at, self._end, self._path = descriptor, start, end, path

    def read_into(self, view: memoryview) -> int:
        """Read up to as many bytes as fit and return their number, 0 at the end."""
        wanted = max(0, min(len(view), self._end - self._at))
        with naming(self._path):
            count = os.preadv(self._descriptor, [view[:wanted]], self._at) if wanted else 0
        self._at += count
        return count


@contextmanager
def open_part(path: Path, start: int, end: int) -> Iterator[FileReader]:
    """Open the bytes from ``start`` to ``end`` of a file or device.

    :raises UserError: when it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "check the source") from error
    try:
        yield FileReader(descriptor, start, end, path)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class FolderSource:
    """An image in a folder."""

    name: str
    folder: Path
    manifest: bytes
    signature: bytes

    @contextmanager
    def open(self, name: str, size: int, offset: int) -> Iterator[FileReader]:
        """Open a file of the image; see :class:`upgrade.store.sources.source.Source`."""
        with open_part(self.folder / name, offset, size) as reader:
            yield reader


def open_folder(path: Path) -> FolderSource:
    """Find the image in a folder.

    :raises UserError: when there is none, or more than one.
    """
    found = [folder for folder in (path, path / "dom0kit") if (folder / MANIFEST).is_file()][:1]
    found = found or sorted(file.parent for file in path.glob(f"images/*/{MANIFEST}"))
    if not found:
        raise UserError(f"no image found in {path}: it has no {MANIFEST}", "name an image folder, an ISO, or a network-boot tree")
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise UserError(f"{path} has several images: {names}", "name the folder of one of them")
    folder = found[0]
    try:
        manifest = read_limited(folder / MANIFEST, LARGEST_MANIFEST)
        signature = read_limited(folder / SIGNATURE, LARGEST_SIGNATURE) if (folder / SIGNATURE).exists() else b""
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {error.strerror}", "check the source") from error
    return FolderSource(str(folder), folder, manifest, signature)
