"""Lock of a work folder (one build at a time), and clean-up after an interrupted build."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import run


@contextmanager
def sole_builder(work: Path) -> Iterator[int]:
    """Hold the work folder's lock; it goes with the last process that has it open, however that ends (flock(2)).

    :returns: the lock's file descriptor, for children to inherit.

    :raises UserError: when another build holds it.
    """
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another build is at work in {work}", "wait for it, or build elsewhere with --build DIR") from error
        yield lock.fileno()


@contextmanager
def sole_downloader(cache: Path) -> Iterator[None]:
    """Hold the package cache's lock, waiting for it: builds in other folders share the cache, and apt refuses to share."""
    with (cache / "archives.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mounts_below(folder: Path, mounts: str) -> list[str]:
    r"""Return mount points below a folder, innermost first, from the text of /proc/self/mounts (blanks there are ``\040``)."""
    words = [line.split() for line in mounts.splitlines()]
    points = [re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word[1]) for word in words if len(word) > 1]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)


def clear(folder: Path) -> None:
    """Unmount and remove whatever lies in the folder for temporary files; call it with the lock held only."""
    for point in mounts_below(folder, Path("/proc/self/mounts").read_text()):
        run(["umount", "--lazy", point])
    remove_tree(folder)
    folder.mkdir(parents=True, exist_ok=True)


def remove_tree(folder: Path) -> None:
    """Remove a folder with everything in it, and nothing that is mounted in it; nothing happens when it does not exist.

    :raises UserError: when something is mounted in it, be it a folder of the same file system, or a part of it is on another
        file system, such as a mount that another process has made meanwhile. What is there stays.
    """
    folder = folder.absolute()
    if not folder.is_symlink() and not folder.exists():
        return
    if points := mounts_below(folder, Path("/proc/self/mounts").read_text()):
        raise UserError(f"{folder} cannot be removed: {points[0]} is mounted in it", f"umount {points[0]}")
    above = os.open(folder.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        _remove(above, folder.name, os.lstat(folder).st_dev, folder)
    finally:
        os.close(above)


def _remove(above: int, name: str, device: int, path: Path) -> None:
    """Remove an entry of a folder; the folder is held open, so that no link can lead elsewhere."""
    found = os.stat(name, dir_fd=above, follow_symlinks=False)
    if not stat.S_ISDIR(found.st_mode):
        os.unlink(name, dir_fd=above)
        return
    if found.st_dev != device:
        raise UserError(f"{path} cannot be removed: it is another file system", f"umount {path}")
    inside = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above)
    try:
        for entry in os.listdir(inside):
            _remove(inside, entry, device, path / entry)
    finally:
        os.close(inside)
    os.rmdir(name, dir_fd=above)
