"""The messages of the join protocol: JSON objects from and to the values of :mod:`pool.driver`.

Pure functions; every received value is validated.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from typing import Any, cast, get_args

from dom0kit.errors import UserError
from dom0kit.machine_identity import MAC
from dom0kit.untrusted.text import printable
from dom0kit.untrusted.values import ip_address, number
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join.openssh_keys import is_ed25519_line
from pool.refusals import Code, shown_code

WORDS = ("ask", "keys", "join")
"""Names of the requests."""
LARGEST = 65536
"""Bytes of a line."""
NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
TEXT = re.compile(r"[\x20-\x7e]{0,128}")
MOST_CARDS = 1024
LONGEST = 2000
"""Characters of a text that a pool may send to a host."""
MOST_HOSTS = 1_000_000
LONGEST_CLOCK = 1e11
"""Seconds by which clocks may differ."""


class JoinRefused(UserError):
    """The pool refused a request, or is unreachable.

    :param problem: the reason with its code.
    :param address: where the master is, with the code ``moved``.
    """

    def __init__(self, problem: Problem, address: str = "") -> None:
        super().__init__(f"{problem.text} [{shown_code(problem.code)}]", problem.hint)
        self.problem = problem
        self.address = address


def host_to_json(host: JoiningHost, clock: float) -> dict[str, Any]:
    """Return a joining host as a JSON object; its clock is set unless it has one."""
    return asdict(replace(host, clock=clock if host.clock is None else host.clock, macs=host.macs[:MOST_CARDS]))


def host_from_json(value: Any) -> JoiningHost:
    """Validate a received joining host; its name and addresses are safe in a command afterwards.

    :raises ValueError: with the reason.
    """
    if not isinstance(value, dict):
        raise ValueError("not an object")
    texts: dict[str, str] = {}
    for name in ("name", "version", "toolstack", "uuid"):
        text = value.get(name)
        if not isinstance(text, str) or not TEXT.fullmatch(text):
            raise ValueError(f"{name} is not a text of at most 128 printable characters")
        texts[name] = text
    if not NAME.fullmatch(texts["name"]):
        raise ValueError("name is not a lower-case host name")
    addresses = value.get("addresses")
    if not isinstance(addresses, list) or len(addresses) > 16 or not all(isinstance(text, str) for text in addresses):
        raise ValueError("addresses is not a list of at most 16 texts")
    found = tuple(str(ip_address(text)) for text in addresses)
    clock = value.get("clock")
    if isinstance(clock, bool) or not isinstance(clock, int | float) or not 0 <= clock < 1e11:
        raise ValueError("clock is not a time")
    key = value.get("key", "")
    if key != "" and not (isinstance(key, str) and is_ed25519_line(key)):
        raise ValueError("key is not an ed25519 public key")
    macs = value.get("macs", [])
    if not isinstance(macs, list) or len(macs) > MOST_CARDS or not all(isinstance(m, str) and MAC.fullmatch(m) for m in macs):
        raise ValueError(f"macs is not a list of at most {MOST_CARDS} MAC addresses")
    return JoiningHost(addresses=found, clock=float(clock), key=key, macs=tuple(macs), **texts)


def problem_to_json(problem: Problem, address: str = "") -> dict[str, Any]:
    """Return a problem as the last line of a reply."""
    value = asdict(problem)
    return {"problem": {**value, "address": address} if address else value}


def problem_from_json(value: Any) -> Problem:
    """Parse a received problem; an unknown code becomes ``refused``."""
    if not isinstance(value, dict):
        return Problem("refused", "the pool refused the request without a reason")
    code = value.get("code")
    known = cast(Code, code if code in get_args(Code) else "refused")
    return Problem(known, _sentence(value.get("text")) or "the pool refused the request", _sentence(value.get("hint")))


def answer_to_json(answer: PoolAnswer) -> dict[str, Any]:
    """Return a preflight answer as a JSON object."""
    return asdict(answer)


def answer_from_json(value: Any) -> PoolAnswer:
    """Parse a received preflight answer; missing fields are empty."""
    given = value if isinstance(value, dict) else {}
    problems = given.get("problems")
    return PoolAnswer(
        **{name: _sentence(given.get(name)) for name in ("pool", "master", "address", "version")},
        hosts=int(number(given.get("hosts"), 0, MOST_HOSTS)),
        clock=number(given.get("clock"), -LONGEST_CLOCK, LONGEST_CLOCK, 0.0),
        problems=tuple(problem_from_json(inner) for inner in problems[:16]) if isinstance(problems, list) else (),
    )


def _sentence(value: Any) -> str:
    """Return a received text without control characters and of limited length."""
    return printable(value, LONGEST) if isinstance(value, str) else ""
