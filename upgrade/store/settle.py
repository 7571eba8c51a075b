"""Bring all changes of a file system to their own places, where GRUB finds them: it does not replay ext4's journal."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path

from dom0kit.errors import UserError

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
