"""Lock of a work folder (one build at a time), and clean-up after an interrupted build."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.process import run


@contextmanager
def sole_builder(work: Path) -> Iterator[None]:
    """Hold the work folder's lock; it goes with the process, however that ends (flock(2)).

    :raises UserError: when another build holds it.
    """
    with (work / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"another build is at work in {work}", "wait for it, or build elsewhere with --build DIR") from error
        yield


@contextmanager
def sole_downloader(cache: Path) -> Iterator[None]:
    """Hold the package cache's lock, waiting for it: builds in other folders share the cache, and apt refuses to share."""
    with (cache / "archives.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def mounts_below(folder: Path, mounts: str) -> list[str]:
    r"""Return mount points below a folder, innermost first, from the text of /proc/self/mounts (blanks there are ``\040``)."""
    points = [line.split()[1].replace("\\040", " ") for line in mounts.splitlines() if len(line.split()) > 1]
    return sorted((point for point in points if point.startswith(f"{folder}/")), reverse=True)


def clear(folder: Path) -> None:
    """Unmount and remove whatever lies in the folder for temporary files; call it with the lock held only."""
    for point in mounts_below(folder, Path("/proc/self/mounts").read_text()):
        run(["umount", "--lazy", point])
    if folder.exists() and not mounts_below(folder, Path("/proc/self/mounts").read_text()):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
