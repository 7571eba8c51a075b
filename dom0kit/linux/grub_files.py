"""Files that GRUB reads: bring changes to their own places on the disk, for it does not replay ext4's journal."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import replacing, sync_folder

FREEZE, THAW = 0xC0045877, 0xC0045878
"""FIFREEZE and FITHAW of linux/fs.h, see ioctl_fifreeze(2)."""
THAW_SECONDS = 60.0
"""Keep the host's file system frozen.

Kind: cap. Reason: freezing writes the journal back, at most some seconds; while it lasts, all programs of the host that write
stand still. Expiry: another thread thaws it, and the freeze fails.
"""


def settle(folder: Path) -> None:
    """Freeze and thaw the file system that a folder is on.

    fsync(2) alone writes a folder's new entries to the journal; freezing (ioctl_fifreeze(2)) writes the journal back and empties
    it. Between both calls this process writes nothing, or it would wait for itself.

    :raises UserError: when the file system cannot be frozen, or another program has frozen it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    watch = threading.Timer(THAW_SECONDS, _thaw, (descriptor,))
    watch.daemon = True
    watch.start()
    problem: OSError | None = None
    try:
        try:
            fcntl.ioctl(descriptor, FREEZE, 0)
        except OSError as error:
            problem = error
        finally:
            # Another program that has frozen it (EBUSY) thaws it itself.
            if problem is None or problem.errno != errno.EBUSY:
                _thaw(descriptor)
    finally:
        watch.cancel()
        os.close(descriptor)
    if problem is not None:
        busy = "another program has frozen it, such as a backup; try again later"
        hint = busy if problem.errno == errno.EBUSY else "see 'dmesg'; the images must be on ext4"
        raise UserError(f"the file system of {folder} cannot be frozen: {problem.strerror}", hint) from problem


def _thaw(descriptor: int) -> None:
    # EINVAL: it is not frozen.
    with suppress(OSError):
        fcntl.ioctl(descriptor, THAW, 0)


@contextmanager
def replacing_settled(path: Path, mode: int = 0o644, settle: Callable[[Path], None] = settle) -> Iterator[Path]:
    """Yield an empty file that takes the place of ``path``; after a power cut GRUB reads the old file or the new one, whole.

    A plain rename frees the old file at once: its folder may name it for half a minute longer, while its inode is emptied and its
    blocks are used for something else. So it keeps another name until the folder on the disk names the new file, whose own inode
    is there before.

    :param settle: a stand-in for :func:`settle` in tests without a file system of their own.
    :raises UserError: when the file system cannot be frozen; ``path`` is the old file or the new one then.
    """
    old, ready = (path.with_name(f".{path.name}.{name}") for name in ("old", "ready"))
    if old.exists():
        # A change that was broken off: the folder on the disk may still name this file.
        settle(path.parent)
        old.unlink()
    try:
        with replacing(ready, mode, reuse=True) as new:
            yield new
        os.link(path, old)
        sync_folder(path.parent)
        settle(path.parent)
    except BaseException:
        ready.unlink(missing_ok=True)
        old.unlink(missing_ok=True)
        raise
    os.rename(ready, path)
    sync_folder(path.parent)
    settle(path.parent)
    old.unlink()
    sync_folder(path.parent)
