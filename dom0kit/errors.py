"""The base class of all errors that are shown to the user, and the system's errors that are a device's."""

from __future__ import annotations

import errno

OF_HARDWARE = frozenset(
    {errno.EIO, errno.ENOSPC, errno.EROFS, errno.ENODEV, errno.ENXIO, errno.EREMOTEIO, errno.EUCLEAN, errno.ETIMEDOUT}
)
"""What reads and writes of a failing disk or medium end with: ext4 turns read-only after an error (EROFS), or finds damage
(EUCLEAN)."""


class UserError(Exception):
    """An error that the user can correct, shown as one sentence and a hint, without a traceback.

    :param message: what is wrong, where, what was found and what is allowed, in one sentence.
    :param hint: what to do about it, beginning with a verb; empty when there is no advice.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message
