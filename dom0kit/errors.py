"""The one kind of error that a user is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """A mistake or an obstacle that the user can mend: one sentence and a hint, never a traceback.

    :param message: one sentence, what is wrong, with the value that was found.
    :param hint: what to do about it; empty when there is nothing to advise.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message
