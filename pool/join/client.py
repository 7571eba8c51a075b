"""The joiner's side of the conversation with a pool: ask, fetch the keys, join.

>>> with Conversation(read_token(text)) as pool:  # doctest: +SKIP
...     answer = pool.join.preflight(joiner)
...     if answer.welcome:
...         authorize(pool.keys(joiner))
...         pool.join(joiner, print)
"""

from __future__ import annotations

import ipaddress
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from pool.driver import Joiner, PoolAnswer, Problem
from pool.join import ssh_transport
from pool.join.messages import Refused, answer_from_json, joiner_to_json
from pool.join.token import JoinToken

MOVES = 3
"""How often a pool may send the host on to another master."""
TELLING = ("unreachable", "busy", "pin", "token")
"""What is said when several addresses fail in different ways: the last of these, for it comes from the one that got furthest."""
AGAIN = ("unreachable", "busy", "moved")
"""Problems that pass by themselves: a host in the queue waits and comes again."""
SHORTEST = 5.0
"""Pause after the first failed request to the pool; doubled after each further one.

Kind: pace. Reason: many hosts may ask one master. Expiry: the next request.
"""
LONGEST = 300.0
"""Pause after a failed request to the pool.

Kind: pace. Reason: as for the first pause. Expiry: the next request.
"""
REST = 3.0
"""A host rests so many times as long as its last request took, so that asking takes a quarter of a slow master's time at most."""
LONGEST_REST = 60.0
"""Pause after a request that took the master long.

Kind: pace. Reason: longer, and the host would count as away (pool.join.queue.GRACE). Expiry: the next request.
"""
PATIENCE_SECONDS = 3600.0
"""Go on with a join while the pool cannot be asked.

Kind: protocol. Reason: a master that is replaced or repaired is back within the hour; the queue itself may last for hours.
Expiry: the step `pool` fails and is tried again.
"""
LONGEST_AGAIN_SECONDS = 3600.0
"""Accept the pool's word when to come again.

Kind: protocol. Reason: a pool that errs must not send a host away for days. Expiry: the host comes after this time.
"""


@dataclass(frozen=True)
class Progress:
    """How a join stands.

    :param place: in the queue; 0 when the host is being added now, -1 when the pool could not be asked.
    :param seconds: how long it may take until the host is in; 0 when nobody can say.
    """

    place: int
    seconds: float
    text: str


Speak = Callable[..., dict[str, Any]]


class Conversation:
    """Everything that a host says to its pool, by one token; used in a ``with``.

    :param patience: seconds for which a join goes on while the pool cannot be asked; the queue itself may last for hours.
    """

    def __init__(
        self,
        token: JoinToken,
        *,
        patience: float = PATIENCE_SECONDS,
        speak: Speak = ssh_transport.speak,
        keys: Callable[[JoinToken], Any] = ssh_transport.Keys,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self._patience, self._speak, self._clock, self._sleep, self._timer = patience, speak, clock, sleep, timer
        self._keys = keys(token)
        self._addresses = list(token.addresses)

    def __enter__(self) -> Conversation:
        self._keys.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._keys.__exit__()

    def ask(self, joiner: Joiner) -> PoolAnswer:
        """Would the pool take this host? Changes nothing on either side; what went wrong is in the answer."""
        try:
            return answer_from_json(self._request("ask", joiner))
        except Refused as error:
            return PoolAnswer(problems=(error.problem,))

    def keys(self, joiner: Joiner) -> tuple[str, ...]:
        """The public keys with which the pool's master comes to the host, for root's ``authorized_keys``.

        :raises Refused: when the pool does not give them.
        """
        keys = self._request("keys", joiner).get("keys")
        lines = tuple(line for line in keys if isinstance(line, str) and line.isprintable()) if isinstance(keys, list) else ()
        if not lines:
            raise Refused(Problem("refused", "the pool gave no keys", "look for root's keys in /root/.ssh on its master"))
        return lines

    def join(self, joiner: Joiner, on_progress: Callable[[Progress], None]) -> PoolAnswer:
        """Stand in the pool's queue until this host is in. A host that comes again keeps its place.

        :raises Refused: when the pool does not take it, or cannot be asked for longer than the patience.
        """
        away, tries = 0.0, 0
        stale = True
        while True:
            start = self._timer()
            try:
                said = self._request("join", joiner)
            except Refused as error:
                if error.problem.code == "failed" and stale:
                    # What an earlier attempt came to, of which this host has not heard, or the end of one that went on
                    # without it: its power was cut meanwhile.
                    stale = False
                    continue
                if error.problem.code not in AGAIN or away >= self._patience:
                    raise
                tries += 1
                pause = backoff(tries)
                on_progress(Progress(-1, 0, f"{error.problem.text}; tried again in {pause:.0f} s"))
            else:
                if "joined" in said:
                    return answer_from_json(said["joined"])
                progress, pause = queued(said.get("queued"))
                pause = max(pause, rest(self._timer() - start))
                away, tries, stale = 0.0, 0, stale and progress.place == 0
                on_progress(progress)
            self._sleep(pause)
            away += pause if tries else 0.0

    def _request(self, word: str, joiner: Joiner) -> dict[str, Any]:
        """One request at the first address that answers; ``moved`` is followed.

        :raises Refused: with the most telling problem.
        """
        worst: Refused | None = None
        waiting, moves = list(self._addresses), 0
        while waiting:
            address = waiting.pop(0)
            try:
                said = self._speak(self.token, self._keys, address, word, lambda: joiner_to_json(joiner, self._clock()))
            except Refused as error:
                if error.problem.code == "moved" and moves < MOVES and is_address(error.address):
                    moves += 1
                    waiting.insert(0, error.address)
                    worst = worst or error
                elif error.problem.code in (*TELLING, "moved"):
                    worst = worst if worst and rank(worst) >= rank(error) else error
                else:
                    self._prefer(address)
                    raise
                continue
            self._prefer(address)
            return said
        assert worst is not None
        raise several(worst, self._addresses)

    def _prefer(self, address: str) -> None:
        self._addresses = [address, *(other for other in self._addresses if other != address)]


def rank(error: Refused) -> int:
    """How much a problem tells; least of all ``moved``, for the one that it sent us to has said something since."""
    code = error.problem.code
    return TELLING.index(code) if code in TELLING else -1


def several(error: Refused, addresses: list[str]) -> Refused:
    """The problem of the whole request, with the other addresses when it holds for all of them."""
    others = [address for address in addresses if address not in error.problem.text]
    if error.problem.code != "unreachable" or not others:
        return error
    text = f"{error.problem.text}, nor can the pool be asked at {', '.join(others)}"
    return Refused(replace(error.problem, text=text))


def is_address(text: str) -> bool:
    """Is this an IP address, and safe in a command?"""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def backoff(tries: int, spread: Callable[[], float] = random.random) -> float:
    """Seconds until the next try after so many failed ones: doubling, up to five minutes, and no two hosts at once."""
    return float(min(SHORTEST * 2 ** min(tries - 1, 10), LONGEST)) * (0.5 + spread())


def rest(took: float) -> float:
    """Seconds to leave the master alone after a request that took so many: SSH and Python cost a slow one dearly."""
    return min(REST * took, LONGEST_REST)


def queued(value: Any, spread: Callable[[], float] = random.random) -> tuple[Progress, float]:
    """The progress that the pool told, and the seconds until the host comes again."""
    given = value if isinstance(value, dict) else {}

    def number(name: str, least: float, most: float) -> float:
        found = given.get(name)
        return float(min(max(found, least), most)) if isinstance(found, int | float) else least

    place, seconds = int(number("place", 0, 1e6)), number("seconds", 0, 1e7)
    again = number("again", 1.0, LONGEST_AGAIN_SECONDS)
    # Rather too early than too late: one that is overdue counts as away.
    return Progress(place, seconds, place_text(place, seconds)), again * (0.7 + 0.3 * spread())


def place_text(place: int, seconds: float) -> str:
    """A place in the queue in words."""
    if place <= 0:
        return "the pool is adding this host now"
    minutes = round(seconds / 60)
    return f"this host is {ordinal(place)} in the pool's queue, {f'about {minutes} min' if minutes else 'less than a minute'}"


def ordinal(number: int) -> str:
    """``1st``, ``2nd``, ``11th``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
