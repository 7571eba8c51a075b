"""Client for the join protocol: preflight, fetch keys, join.

>>> with PoolClient(read_token(text)) as pool:  # doctest: +SKIP
...     answer = pool.ask(host)
...     if answer.accepted:
...         authorize(pool.keys(host))
...         pool.join(host, print)
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dom0kit.untrusted.values import is_ip_address, number
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join import ssh_transport
from pool.join.messages import TEXT, JoinRefused, answer_from_json
from pool.join.request_signing import Purpose, Signer, fingerprint, make_key, signed_request
from pool.join.token import JoinToken
from pool.refusals import codes

MAX_REDIRECTS = 3
"""Number of times that a pool may redirect the host to another master in one request."""
INFORMATIVE = ("unreachable", "busy", "pin", "token")
"""Codes by increasing information: when addresses fail differently, the last of these is reported."""
TRANSIENT = codes("wait")
"""Codes after which a host in the queue waits and asks again."""
FIRST_PAUSE = 5.0
"""Pause after the first failed request to the pool; doubled after each one after it.

Kind: pace. Reason: many hosts may ask one master. Expiry: the next request.
"""
LONGEST_PAUSE = 300.0
"""Longest pause after a failed request to the pool.

Kind: pace. Reason: as for the first pause. Expiry: the next request.
"""
REST_FACTOR = 3.0
"""Pause as a multiple of the last request's duration, so that requests take at most a quarter of a
slow master's time.
"""
LONGEST_REST = 60.0
"""Longest pause after a slow request to the master.

Kind: pace. Reason: after a longer pause the host would count as absent (pool.join.queue.GRACE).
Expiry: the next request.
"""
PATIENCE_SECONDS = 3600.0
"""Continue a join while the pool is unreachable.

Kind: protocol. Reason: a master that is replaced or repaired is back within the hour; the queue
itself may last for hours. Expiry: the step `pool` fails and is retried.
"""
LONGEST_REQUESTED_PAUSE_SECONDS = 3600.0
"""Longest pause that the pool may request before the next request.

Kind: protocol. Reason: a faulty pool must not send a host away for days. Expiry: the host sends its
request.
"""


@dataclass(frozen=True)
class Progress:
    """Progress of a join.

    :param place: in the queue; 0 while the host is being added, -1 when the pool is unreachable.
    :param seconds: estimated time until the host is added; 0 when unknown.
    """

    place: int
    seconds: float
    text: str


SendRequest = Callable[..., dict[str, Any]]


class PoolClient:
    """A client that talks to a pool by one token; used in a ``with``.

    :param patience: seconds for which a join continues while the pool is unreachable; waiting in
        the queue does not count.
    :param signer: the host's key, which signs its requests; None: a new one for this conversation,
        which is good for asking alone, since a token that was used is bound to the key that used it.
    """

    def __init__(
        self,
        token: JoinToken,
        *,
        patience: float = PATIENCE_SECONDS,
        signer: Signer | None = None,
        send: SendRequest = ssh_transport.send_request,
        keys: Callable[[JoinToken], Any] = ssh_transport.KeyFiles,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.token = token
        self._patience, self._send, self._clock, self._sleep, self._timer = patience, send, clock, sleep, timer
        self._keys = keys(token)
        self._signer = signer
        self._addresses = list(token.addresses)

    def __enter__(self) -> PoolClient:
        self._keys.__enter__()
        try:
            self._signer = self._signer or make_key(self._keys.folder)
        except BaseException:
            self._keys.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._keys.__exit__()

    def ask(self, host: JoiningHost) -> PoolAnswer:
        """Ask the pool whether it would accept the host; change nothing on either side.

        :returns: an answer; failures are among its problems.
        """
        try:
            return answer_from_json(self._request("ask", host))
        except JoinRefused as error:
            return PoolAnswer(problems=(error.problem,))

    def keys(self, host: JoiningHost) -> tuple[str, ...]:
        """Return the public keys of the pool's master, for root's ``authorized_keys``.

        :raises JoinRefused: when the pool does not send any.
        """
        keys = self._request("keys", host).get("keys")
        lines = tuple(line for line in keys if isinstance(line, str) and line.isprintable()) if isinstance(keys, list) else ()
        if not lines:
            raise JoinRefused(Problem("refused", "the pool sent no SSH keys", "check root's keys in /root/.ssh on the master"))
        return lines

    def join(self, host: JoiningHost, on_progress: Callable[[Progress], None]) -> PoolAnswer:
        """Wait in the pool's queue until this host is added; a host that retries keeps its place.

        :param on_progress: called after each request.
        :raises JoinRefused: when the pool refuses the host, or is unreachable for longer than the
            patience.
        """
        away, tries = 0.0, 0
        stale = True
        while True:
            start = self._timer()
            try:
                said = self._request("join", host)
            except JoinRefused as error:
                if error.problem.code == "failed" and stale:
                    # The result of an earlier attempt that this host has not fetched, for example after a power cut.
                    stale = False
                    continue
                if error.problem.code not in TRANSIENT or away >= self._patience:
                    raise
                tries += 1
                pause = backoff_seconds(tries)
                on_progress(Progress(-1, 0, f"{error.problem.text}; retry in {pause:.0f} s"))
            else:
                if "joined" in said:
                    return answer_from_json(said["joined"])
                progress, pause = parse_queued(said.get("queued"))
                if is_held(said.get("queued")):
                    progress = replace(progress, text=self._held_text())
                pause = max(pause, rest_seconds(self._timer() - start))
                away, tries, stale = 0.0, 0, stale and progress.place == 0
                on_progress(progress)
            self._sleep(pause)
            away += pause if tries else 0.0

    def _request(self, word: str, host: JoiningHost) -> dict[str, Any]:
        """Send a request to the first address that answers, and follow ``moved``.

        :raises JoinRefused: with the most informative problem.
        """
        worst: JoinRefused | None = None
        waiting, moves = list(self._addresses), 0
        while waiting:
            address = waiting.pop(0)
            try:
                said = self._send(self.token, self._keys, address, word, lambda hello: self._signed(hello, word, host))
            except JoinRefused as error:
                if error.problem.code == "moved" and moves < MAX_REDIRECTS and is_ip_address(error.address):
                    moves += 1
                    waiting.insert(0, error.address)
                    worst = worst or error
                elif error.problem.code in (*INFORMATIVE, "moved"):
                    worst = worst if worst and rank(worst) >= rank(error) else error
                else:
                    self._prefer(address)
                    raise
                continue
            self._prefer(address)
            return said
        assert worst is not None
        raise naming_all_addresses(worst, self._addresses)

    def _held_text(self) -> str:
        key = fingerprint(self._signer.public) if self._signer else ""
        return f"this host waits until the pool's administrator approves it; its SSH host key is {key}"

    def _signed(self, hello: dict[str, Any], word: str, host: JoiningHost) -> dict[str, Any]:
        """Return the signed request for a connection.

        :param hello: the pool's greeting.
        :raises JoinRefused: when the pool's image is too old to check signatures.
        """
        nonce = hello.get("nonce")
        if not isinstance(nonce, str) or not TEXT.fullmatch(nonce) or not nonce:
            text = "the pool has an older image, which does not check which machine asks"
            raise JoinRefused(Problem("version", text, "upgrade the pool first, or install with an image as old as the pool's"))
        assert self._signer is not None
        return signed_request(self._signer, Purpose(nonce, self.token.id, word), host, self._clock())

    def _prefer(self, address: str) -> None:
        self._addresses = [address, *(other for other in self._addresses if other != address)]


def rank(error: JoinRefused) -> int:
    """Return the position of an error in :data:`INFORMATIVE`.

    ``moved`` ranks lowest: the address that it redirects to has answered since.
    """
    code = error.problem.code
    return INFORMATIVE.index(code) if code in INFORMATIVE else -1


def naming_all_addresses(error: JoinRefused, addresses: list[str]) -> JoinRefused:
    """Return the error; its text names all addresses when the pool is unreachable at all of them."""
    others = [address for address in addresses if address not in error.problem.text]
    if error.problem.code != "unreachable" or not others:
        return error
    text = f"{error.problem.text}; the pool is also unreachable at {', '.join(others)}"
    return JoinRefused(replace(error.problem, text=text))


def backoff_seconds(tries: int, spread: Callable[[], float] = random.random) -> float:
    """Return the pause after a number of failed requests: doubling, limited, with jitter."""
    return float(min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)) * (0.5 + spread())


def rest_seconds(took: float) -> float:
    """Return the pause that spares the master after a request that took a number of seconds."""
    return min(REST_FACTOR * took, LONGEST_REST)


def parse_queued(value: Any, spread: Callable[[], float] = random.random) -> tuple[Progress, float]:
    """Parse the pool's ``queued`` reply.

    :param value: as received; invalid fields are replaced by their lowest value.
    :returns: the progress, and the seconds until the next request.
    """
    given = value if isinstance(value, dict) else {}
    place, seconds = int(number(given.get("place"), 0, 1e6)), number(given.get("seconds"), 0, 1e7)
    again = number(given.get("again"), 1.0, LONGEST_REQUESTED_PAUSE_SECONDS)
    # Jitter only shortens the pause: an overdue host counts as absent.
    return Progress(place, seconds, queue_text(place, seconds)), again * (0.7 + 0.3 * spread())


def is_held(value: Any) -> bool:
    """Whether the pool's ``queued`` reply says that the host waits for approval."""
    return isinstance(value, dict) and value.get("approval") is True


def queue_text(place: int, seconds: float) -> str:
    """Return a place in the queue as a sentence."""
    if place <= 0:
        return "the pool is adding this host now"
    minutes = round(seconds / 60)
    return f"this host is {ordinal(place)} in the pool's queue, {f'about {minutes} min' if minutes else 'less than a minute'}"


def ordinal(number: int) -> str:
    """Return ``1st``, ``2nd``, ``11th``."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
