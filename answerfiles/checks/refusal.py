"""How checks refuse a value, and what they suggest instead."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from answerfiles.field_paths import Path

INSTALLED = "installed"
"""Key of the validation context for the answers of an installed host, which an older version may have checked."""


class Finding(NamedTuple):
    """Something in whole answers that is refused: where it is, why, its code and what to do."""

    path: Path
    text: str
    code: str
    hint: str


def refuse(kind: str, text: str, hint: str = "") -> PydanticCustomError:
    """Return an error of a field.

    :param kind: the stable code, with underscores for hyphens.
    :param text: what is allowed.
    :param hint: what to do; by default the general hint of the code.
    """
    return PydanticCustomError(kind, "{text}", {"text": text, "hint": hint})


def is_installed(info: ValidationInfo) -> bool:
    """Return whether the validated value comes from an installed host."""
    return bool(info.context and info.context.get(INSTALLED))


def did_you_mean(word: str, allowed: list[str]) -> str:
    """Return a similar allowed word as a suggestion, or ""."""
    plain = word.lower().replace("-", "_").replace(" ", "_")
    lower = {name.lower(): name for name in reversed(allowed)}
    near = plain if plain in allowed else lower.get(word.lower(), "")
    near = near or next((lower[name] for name in difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)), "")
    return f", did you mean '{near}'?" if near else ""
