"""Refusals with stable codes: users look them up, tests assert them, and a reference page lists them."""

from __future__ import annotations

from dataclasses import dataclass

from dom0kit.errors import UserError


@dataclass(frozen=True)
class Refusal:
    """A reason to reject a request, for users to look up.

    :param code: stable identifier in lower case, such as ``disk-not-empty``.
    :param meaning: what is wrong, for the reference page.
    :param hint: what to do about it; begins with a verb.
    """

    code: str
    meaning: str
    hint: str

    def text(self, message: str) -> str:
        """Return ``message`` with the code at the end of its first line."""
        first, newline, rest = message.partition("\n")
        colon = ":" if first.endswith(":") else ""
        return f"{first.removesuffix(':')} [{self.code}]{colon}{newline}{rest}"

    @property
    def plain_hint(self) -> str:
        """Return the hint for a terminal, which shows no code marks."""
        return self.hint.replace("`", "")

    def error(self, message: str) -> UserError:
        """Return the error for users."""
        return UserError(self.text(message), self.plain_hint)


@dataclass(frozen=True)
class RefusalTable:
    """The refusals of one component, a section of the reference page."""

    title: str
    summary: str
    refusals: tuple[Refusal, ...]
