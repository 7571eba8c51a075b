"""Turn pydantic's errors into messages: what was found, what is allowed, what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from answerfiles import model_introspection
from answerfiles.checks.refusal import did_you_mean
from answerfiles.model_introspection import Shape, Spot
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Path, Position, dotted

LONGEST_FOUND = 60
OF_PYDANTIC = frozenset(get_args(ErrorType))
"""Errors with pydantic's own message; the model's errors contain what is allowed."""
CODES = {
    "too_short": "list-length",
    "too_long": "list-length",
    "string_too_short": "blank",
    "literal_error": "not-allowed",
    "union_tag_invalid": "not-allowed",
    "greater_than_equal": "out-of-range",
    "less_than_equal": "out-of-range",
    "greater_than": "out-of-range",
    "less_than": "out-of-range",
}
"""Codes of pydantic's own errors; all others are values of a wrong type."""
SWITCH = {"yes": True, "on": True, "1": True, "true": True, "no": False, "off": False, "0": False, "false": False}

OTHER_NAMES = {
    "lacp": ("802.3ad", "4", "mode=4", "mode4", "balance-tcp", "ieee802.3ad", "802.3ax"),
    "active-backup": ("1", "mode=1", "mode1", "failover"),
    "balance-slb": (
        *("balance-rr", "balance-xor", "balance-tlb", "balance-alb", "broadcast", "slb"),
        *(f"{before}{number}" for before in ("", "mode=", "mode") for number in (0, 2, 3, 5, 6)),
    ),
}
"""Modes of bonds by Linux's names and numbers, and those of XenServer and Open vSwitch: what comes nearest here."""


def explain(
    details: Iterable[ErrorDetails], value: Any, place: Callable[[Path, bool], Position], model: type[BaseModel]
) -> list[Problem]:
    """Return every error of a validation with its position.

    :param value: the validated value.
    :param place: where a path's key (true) or value (false) is.
    """
    located = [(detail, model_introspection.find(model, detail["loc"])) for detail in details]
    wrong = {spot.path for _, spot in located}
    problems: dict[tuple[Path, str], Problem] = {}
    for detail, spot in located:
        kind = detail["type"]
        if kind == "too_short" and any(len(path) > len(spot.path) and path[: len(spot.path)] == spot.path for path in wrong):
            continue  # a list is too short for pydantic also when one of its entries is wrong, which is said already
        if kind == "missing" and spot.path and isinstance(spot.path[-1], int):
            spot = model_introspection.find(model, detail["loc"][:-1])  # noqa: PLW2901 - a list that is too short is what people see
            kind = "too_short"
        key = (spot.path, kind if kind in ("missing", "extra_forbidden") else "")
        problem = _problem(kind, detail["msg"], spot, _Read(value, place, model))
        problems.setdefault(key, problem._replace(hint=detail.get("ctx", {}).get("hint", "") or problem.hint))
    return list(problems.values())


@dataclass(frozen=True)
class _Read:
    """The validated value, and the positions of its parts."""

    value: Any
    place: Callable[[Path, bool], Position]
    model: type[BaseModel]


def _problem(kind: str, said: str, spot: Spot, read: _Read) -> Problem:
    name = dotted(spot.path)
    if kind == "extra_forbidden":
        keys = list(spot.parent.fields) if spot.parent else []
        guess = did_you_mean(str(spot.path[-1]), keys) or elsewhere(str(spot.path[-1]), read.model)
        return Problem(read.place(spot.path, True), name, f"unknown key{guess}; allowed: {', '.join(keys)}", "unknown-key")
    if kind == "missing":
        field = spot.parent.record.model_fields.get(str(spot.path[-1])) if spot.parent and spot.parent.record else None
        what = f"required: {field.description}" if field and field.description else "required"
        return Problem(read.place(spot.path, True), name, f"missing; {what}", "missing")
    here = value_at(read.value, spot.path)
    hidden = spot.may_hold_secret and not isinstance(here, dict | list | None)
    # The keys of a record may be shown; where a secret belongs, a key could be one.
    hidden = hidden or (spot.shape is not None and spot.shape.is_secret and isinstance(here, dict))
    shown = "a value that is not shown" if hidden else found(here)
    if spot.shape is None or not (kind in OF_PYDANTIC or kind.startswith("ip_v")):
        return Problem(read.place(spot.path, False), name, f"found {shown}; allowed: {said}", code_of(kind))
    allowed = f"{spot.shape.allowed()}{nearest(here, spot.shape)}"
    return Problem(read.place(spot.path, False), name, f"found {shown}; allowed: {allowed}", code_of(kind))


def code_of(kind: str) -> str:
    """Return the stable code of an error of the model or of pydantic."""
    if kind in OF_PYDANTIC:
        return CODES.get(kind, "wrong-type")
    return "wrong-type" if kind.startswith("ip_v") else kind.replace("_", "-")


def value_at(value: Any, path: Path) -> Any:
    """Return the value at a path; None when there is none."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list | tuple) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def found(value: Any) -> str:
    """Return a value as text, short enough for a line, without passwords in URLs."""
    if value is None or value == {}:
        return "nothing"
    if isinstance(value, dict):
        keys = [str(key) for key in value]
        return f"the key{'s' if len(keys) > 1 else ''} {', '.join(keys[:8])}{', ...' if len(keys) > 8 else ''}"
    if isinstance(value, list):
        return f"a list of {len(value)}" if value else "an empty list"
    if isinstance(value, bool):
        return str(value).lower()
    text = re.sub(r"//[^/\s]*@", "//********@", str(value))
    text = text if len(text) <= LONGEST_FOUND else text[:LONGEST_FOUND] + "..."
    return repr(text) if isinstance(value, str) else text


def nearest(value: Any, shape: Shape) -> str:
    """Return the most similar keyword of a field as a suggestion, or ""."""
    words = shape.words
    if isinstance(value, dict | list | None) or not words:
        return ""
    text = str(value).lower()
    if isinstance(value, str) and any(str(word) == text for word in words if not isinstance(word, str)):
        return f", write {text} without quotes"
    if meant := next((word for word in words if text in OTHER_NAMES.get(str(word), ())), None):
        return f", did you mean {meant!r}?"
    if shape.type is bool:
        return f", did you mean {str(SWITCH[text]).lower()}?" if text in SWITCH else ""
    if isinstance(value, bool):
        text = next((word for word in (("on", "yes") if value else ("off", "no", "none")) if word in words), text)
    return did_you_mean(text, [str(word) for word in words])


@cache
def _homes(model: type[BaseModel]) -> dict[str, str]:
    homes: dict[str, str] = {}
    for path, _, _ in model_introspection.rows(model):
        homes.setdefault(path.rpartition(".")[2], path)
    return homes


def elsewhere(word: str, model: type[BaseModel]) -> str:
    """Return where a misplaced key belongs as a suggestion, or ""."""
    home = _homes(model).get(word.lower().replace("-", "_"))
    return f", did you mean '{home}'?" if home else ""
