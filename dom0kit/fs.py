"""Atomic and durable writes, and checksums."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import hashlib
import json
import mmap
import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dom0kit.units import MIB, human_bytes

BLOCK = 4 * MIB
PIPE_SECONDS = 10.0
"""Wait for the first byte from a pipe that a user named.

Kind: cap. Reason: the command before it starts at the same time. Expiry: an error, for nothing may ever write to it.
"""
AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Of linux/fcntl.h and linux/fs.h: a path counts from the working folder; two names are exchanged."""
PAGE = 4096
"""Past the page cache, offset, length and place in memory are multiples of a device's block, which is at most this."""
Progress = Callable[[int], None]
"""Called with the number of bytes done so far."""


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Put a file's name into an OSError that has none: read(2), write(2) and fsync(2) know no names."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def read_limited(path: Path, limit: int) -> bytes:
    """Read a file that a user named: a file, or the pipe of a shell's ``<(command)``.

    :raises OSError: EFBIG when there are more than ``limit`` bytes, as in /dev/zero; ENODATA for a pipe that nothing writes to.
    """
    with naming(path):
        # Opening a named pipe would wait for a writer, for ever when there is none.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
                ready = select.poll()
                ready.register(file, select.POLLIN)
                if not ready.poll(PIPE_SECONDS * 1000):
                    raise OSError(errno.ENODATA, f"nothing has written to this pipe for {PIPE_SECONDS:g} s")
            os.set_blocking(file.fileno(), True)
            data = file.read(limit + 1)
        if len(data) > limit:
            raise OSError(errno.EFBIG, f"it has more than {human_bytes(limit)}")
    return data


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable (fsync(2) on the directory)."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with naming(folder):
            os.fsync(fd)
    finally:
        os.close(fd)


def exchange(one: Path, other: Path) -> None:
    """Exchange the names of two files or folders of one file system, in one step (renameat2(2), RENAME_EXCHANGE).

    :raises OSError: when the kernel or the file system cannot.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one))


@contextmanager
def replacing(path: Path, mode: int = 0o644, *, reuse: bool = False) -> Iterator[Path]:
    """Yield an empty file in the same folder that takes the place of ``path`` when the block ends without an error.

    The new file is fsynced, renamed, and its folder fsynced: after a power cut ``path`` is the old file or the new one,
    whole. The folder must exist. ``mode`` holds from the first byte on, so a secret is never readable by others.

    :param reuse: always use the same name for the new file, so that what a power cut left of it is overwritten next time;
        for large files that one process at a time writes.
    """
    new = path.with_name(f".{path.name}.new" if reuse else f".{path.name}.{os.getpid()}.new")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(fd, mode)
        yield new
        with naming(path):
            os.fsync(fd)
        os.rename(new, path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    sync_folder(path.parent)


def write_atomic(path: Path, data: str | bytes, mode: int = 0o644) -> None:
    """Write a file that is either the old or the new one after a power cut; see :func:`replacing`."""
    with replacing(path, mode) as new, naming(path):
        new.write_bytes(data.encode() if isinstance(data, str) else data)


def link_atomic(path: Path, target: str) -> None:
    """Make a symbolic link to ``target``, or replace what is at ``path`` by one, in a single rename."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.symlink_to(target)
    os.rename(new, path)
    sync_folder(path.parent)


def replace_secret(path: Path, data: str, mode: int = 0o600) -> None:
    """Write a file atomically, and overwrite the blocks of its old content, which freeing them would keep.

    On ext4 without ``data=journal`` this reaches the blocks themselves; copies that a solid-state disk keeps internally cannot
    be reached.
    """
    fd = os.open(path, os.O_WRONLY)
    try:
        write_atomic(path, data, mode)
        os.pwrite(fd, bytes(os.fstat(fd).st_size), 0)
        os.fsync(fd)
    finally:
        os.close(fd)


def write_json(path: Path, value: Any, mode: int = 0o644) -> None:
    """Write a value as readable JSON with sorted keys, atomically."""
    write_atomic(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode)


def open_direct(path: str | Path, flags: int = os.O_RDONLY) -> int:
    """Open a file or device past the page cache (O_DIRECT) where it allows that, as :data:`PAGE` describes."""
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_DIRECT)
    except OSError:
        return os.open(path, flags | os.O_CLOEXEC)


def sha256_file(path: Path, progress: Progress | None = None, *, direct: bool = False) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits.

    :param direct: read what the disk returns; the page cache may hold what it lost.
    """
    digest = hashlib.sha256()
    done = 0
    descriptor = open_direct(path) if direct else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    view = page_aligned()
    try:
        while True:
            if done % PAGE:
                leave_direct(descriptor)
            with naming(path):
                size = os.preadv(descriptor, [view], done)
            if not size:
                break
            digest.update(view[:size])
            done += size
            if progress:
                progress(done)
    finally:
        os.close(descriptor)
    return digest.hexdigest()


def copy_durable(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy a file's content atomically, past the page cache of the target. The caller verifies by reading it back.

    :raises OSError: with the name of the file that failed: the source that cannot be read, or the target.
    """
    done = 0
    view = page_aligned()
    with (
        replacing(target, reuse=True) as new,
        source.open("rb", buffering=0) as read,
        open(open_direct(new, os.O_WRONLY), "wb", buffering=0) as write,
    ):
        while True:
            with naming(source):
                size = os.preadv(read.fileno(), [view], done)
            if not size:
                break
            with naming(target):
                write_at(write.fileno(), view[:size], done)
            done += size
            if progress:
                progress(done)


def page_aligned() -> memoryview:
    """Return a buffer of :data:`BLOCK` bytes that reads and writes past the page cache may use."""
    # One buffer for all blocks: memory that is new for each of them costs a fault for each of its pages.
    return memoryview(mmap.mmap(-1, BLOCK))


def leave_direct(descriptor: int) -> None:
    """Use the page cache from here on: for the end of a file, which is no whole page."""
    fcntl.fcntl(descriptor, fcntl.F_SETFL, fcntl.fcntl(descriptor, fcntl.F_GETFL) & ~os.O_DIRECT)


def write_at(descriptor: int, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at an offset, past the page cache where the file was opened so and whole pages are written."""
    while data:
        if len(data) < PAGE or offset % PAGE:
            leave_direct(descriptor)
        size = os.pwrite(descriptor, data[: len(data) // PAGE * PAGE or len(data)], offset)
        offset, data = offset + size, data[size:]
