"""Files that are never half-written, and their checksums."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dom0kit.units import MIB

BLOCK = 4 * MIB
Progress = Callable[[int], None]
"""Called with the number of bytes done so far."""


def sync_folder(folder: Path) -> None:
    """Make a folder's entries durable (fsync(2) on the directory)."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomic(path: Path, data: str | bytes, mode: int = 0o644) -> None:
    """Write beside, fsync, rename: after a power cut the file is the old one or the new one, whole.

    The folder must exist. ``mode`` holds from the first byte on, so a secret is never readable by others.
    """
    raw = data.encode() if isinstance(data, str) else data
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        with os.fdopen(fd, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.rename(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def replace_secret(path: Path, data: str, mode: int = 0o600) -> None:
    """Like :func:`write_atomic`, and the blocks of the old content are overwritten: a freed block keeps what was in it.

    On ext4 without ``data=journal`` this reaches the blocks themselves; what a solid-state disk keeps aside nobody can reach.
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


def sha256_file(path: Path, progress: Progress | None = None) -> str:
    """Return the SHA-256 of a file's content as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    done = 0
    # One buffer for all blocks: memory that is new for each of them costs a fault for each of its pages.
    buffer = memoryview(bytearray(BLOCK))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
            done += size
            if progress:
                progress(done)
    return digest.hexdigest()


def copy_durable(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy a file's content and fsync it; the kernel copies (sendfile(2)).

    The target is written beside and renamed. Reading it back is the caller's verification.
    """
    beside = target.with_name(f".{target.name}.new")
    done = 0
    try:
        with source.open("rb", buffering=0) as read, beside.open("wb", buffering=0) as write:
            while size := os.sendfile(write.fileno(), read.fileno(), None, BLOCK):
                done += size
                if progress:
                    progress(done)
            os.fsync(write.fileno())
        os.rename(beside, target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)
