"""What goes over the wire, as JSON objects: to and from the values of :mod:`pool.driver`. Pure; what comes in is not believed."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import asdict, replace
from typing import Any, cast, get_args

from dom0kit.errors import UserError
from pool.driver import Code, Joiner, PoolAnswer, Problem

WORDS = ("ask", "keys", "join")
"""The requests."""
LARGEST = 65536
"""Bytes of a line."""
NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
TEXT = re.compile(r"[\x20-\x7e]{0,128}")
LONGEST = 2000
"""Characters of a sentence that a pool may say to a host."""


class Refused(UserError):
    """The pool would not, or could not be asked.

    :param problem: why, with its code.
    :param address: where to ask instead, with the code ``moved``.
    """

    def __init__(self, problem: Problem, address: str = "") -> None:
        super().__init__(problem.text, problem.hint)
        self.problem = problem
        self.address = address


def joiner_to_json(joiner: Joiner, clock: float) -> dict[str, Any]:
    """A joiner with its clock of this moment, unless it says another itself."""
    return asdict(joiner if joiner.clock is not None else replace(joiner, clock=clock))


def joiner_from_json(value: Any) -> Joiner:
    """A joiner from what somebody sent.

    :raises ValueError: with the reason, when it is not one; a name or an address of a good one is safe in a command.
    """
    if not isinstance(value, dict):
        raise ValueError("no object")
    texts: dict[str, str] = {}
    for name in ("name", "version", "toolstack", "uuid"):
        text = value.get(name)
        if not isinstance(text, str) or not TEXT.fullmatch(text):
            raise ValueError(f"{name} is no plain text of at most 128 characters")
        texts[name] = text
    if not NAME.fullmatch(texts["name"]):
        raise ValueError("name is no host name in small letters")
    addresses = value.get("addresses")
    if not isinstance(addresses, list) or len(addresses) > 16 or not all(isinstance(text, str) for text in addresses):
        raise ValueError("addresses is no list of texts")
    clock = value.get("clock")
    if isinstance(clock, bool) or not isinstance(clock, int | float) or not 0 <= clock < 1e11:
        raise ValueError("clock is no time")
    return Joiner(addresses=tuple(str(ipaddress.ip_address(text)) for text in addresses), clock=float(clock), **texts)


def problem_to_json(problem: Problem, address: str = "") -> dict[str, Any]:
    """A problem as the last line."""
    value = asdict(problem)
    return {"problem": {**value, "address": address} if address else value}


def problem_from_json(value: Any) -> Problem:
    """A problem from what the pool sent; a code that this side does not know is ``refused``."""
    if not isinstance(value, dict):
        return Problem("refused", "the pool refuses and does not say why")
    code = value.get("code")
    known = cast(Code, code if code in get_args(Code) else "refused")
    return Problem(known, _sentence(value.get("text")) or "the pool refuses", _sentence(value.get("hint")))


def answer_to_json(answer: PoolAnswer) -> dict[str, Any]:
    """An answer to ``ask``."""
    return asdict(answer)


def answer_from_json(value: Any) -> PoolAnswer:
    """An answer to ``ask`` from what the pool sent; what is missing in it is empty."""
    given = value if isinstance(value, dict) else {}
    problems = given.get("problems")
    hosts, clock = given.get("hosts"), given.get("clock")
    return PoolAnswer(
        **{name: _sentence(given.get(name)) for name in ("pool", "master", "address", "version")},
        hosts=hosts if isinstance(hosts, int) else 0,
        clock=float(clock) if isinstance(clock, int | float) else 0.0,
        problems=tuple(problem_from_json(inner) for inner in problems[:16]) if isinstance(problems, list) else (),
    )


def _sentence(value: Any) -> str:
    """A text for a screen: no control characters, not endless."""
    return "".join(c for c in value if c.isprintable())[:LONGEST] if isinstance(value, str) else ""
