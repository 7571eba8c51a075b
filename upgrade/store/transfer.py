"""Bring an image's files from a source into a folder; a transfer that was interrupted goes on where it ended."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import BLOCK, PAGE, Progress, naming, open_direct, page_aligned, write_at
from installer.model.image_manifest import ImageFile
from upgrade.store.sources.source import Reader, Source

PART = ".part"
"""Suffix of a file that is not whole yet."""


class Damaged(UserError):
    """A file of a source is not what the manifest says."""


class Full(UserError):
    """The system partition is full."""


def present(folder: Path, files: tuple[ImageFile, ...]) -> int:
    """Return how many bytes of an image an interrupted transfer left in a folder."""
    return sum(_size(folder / file.name) or _size(folder / f"{file.name}{PART}") for file in files)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def transfer(source: Source, file: ImageFile, folder: Path, progress: Progress) -> None:
    """Copy a file into a folder, durably; what an earlier transfer has left of it is kept.

    :raises Damaged: when the file has another checksum than the manifest says.
    :raises UserError: when the source cannot be read; what was copied stays.
    """
    target, part = folder / file.name, folder / f"{file.name}{PART}"
    if _size(target) == file.size:
        # It is read back with the others, which finds a file that is not right.
        progress(file.size)
        return
    digest = hashlib.sha256()
    descriptor = open_direct(part, os.O_RDWR | os.O_CREAT)
    try:
        done = _keep(descriptor, part, file, digest, progress)
        with source.open(file.name, file.size, done) as reader:
            for data in _blocks(reader, file, done):
                with naming(target):
                    write_at(descriptor, data, done)
                digest.update(data)
                done += len(data)
                progress(done)
        with naming(target):
            os.fsync(descriptor)
    except OSError as error:
        raise _explained(error, source) from error
    finally:
        os.close(descriptor)
    if digest.hexdigest() != file.sha256:
        raise Damaged(
            f"{file.name} of {source.name} has the checksum {digest.hexdigest()[:16]}..., not {file.sha256[:16]}...",
            "stage it again; when that fails as well, the source is damaged",
        )
    os.rename(part, target)


def _keep(descriptor: int, part: Path, file: ImageFile, digest: hashlib._Hash, progress: Progress) -> int:
    """Return how many bytes of a file are there already, whole pages; they are added to the checksum."""
    size = min(os.fstat(descriptor).st_size, file.size) // PAGE * PAGE
    os.ftruncate(descriptor, size)
    view, done = page_aligned(), 0
    while done < size:
        with naming(part):
            count = os.preadv(descriptor, [view[: min(BLOCK, size - done)]], done)
        if not count:
            break
        digest.update(view[:count])
        done += count
        progress(done)
    return done


def _blocks(reader: Reader, file: ImageFile, done: int) -> Iterator[memoryview]:
    """Yield the rest of a file in blocks, all but the last one full: whole pages are written past the page cache."""
    view = page_aligned()
    while done < file.size:
        filled = 0
        while filled < len(view) and (count := reader.read_into(view[filled:])):
            filled += count
        if not filled:
            raise Damaged(
                f"{file.name} ends after {done} bytes, the manifest says {file.size}", "write or download the source again"
            )
        yield view[:filled]
        done += filled


def _explained(error: OSError, source: Source) -> UserError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Full("the system partition is full", "remove an image that the host does not need: dom0ctl image list")
    return UserError(
        f"{error.filename or source.name}: {error.strerror}",
        "see 'dmesg'; what was copied is kept, and staging again goes on there",
    )
