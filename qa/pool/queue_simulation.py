"""Simulation of a thousand hosts that start at once: the pool's real server, token store, queue and worker in simulated time.

Only the time, ssh and Ganeti's work are simulated. Run it by ``python -m qa.pool.queue_simulation``.
"""

from __future__ import annotations

import argparse
import hashlib
import heapq
import json
import random
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dom0kit.units import human_seconds, table
from pool.driver import JoiningHost
from pool.join import openssh_keys
from pool.join.client import parse_queued
from pool.join.pool_facts import Member, PoolFacts
from pool.join.queue import Queue, QueueEntry
from pool.join.request_signing import Purpose, signed_request
from pool.join.server import JoinServer
from pool.join.token_store import TokenRecord, TokenStore

NAME, NONCE = "aaaabbbb", "0" * 32
START = 1_800_000_000.0
FACTS = PoolFacts("pool", "", "m1", "m1", (Member("m1", "192.0.2.1"),), True, "0.1.0", "ganeti 3.1.0")


@dataclass
class Outcome:
    """The result of a simulation; times in simulated seconds.

    :param waits: from the first request to the end of the addition, by host.
    :param arrived: the hosts in the order in which they came into the queue; ``added`` in which they were added.
    """

    waits: dict[str, float] = field(default_factory=dict)
    arrived: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)
    requests: list[float] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def peak(self, span: float) -> int:
        """Return the most requests within ``span`` seconds, after the first minute in which all hosts come at once."""
        times = sorted(time for time in self.requests if time > START + 60)
        return max((sum(1 for other in times[i : i + 500] if other < time + span) for i, time in enumerate(times)), default=0)

    def in_order(self) -> bool:
        """Return whether the hosts that never disconnected were added in the order of their arrival."""
        steady = [name for name in self.arrived if name not in self.left]
        return steady == [name for name in self.added if name not in self.left]


class World:
    """The simulated events in their order.

    :param each: seconds for adding a host.
    :param lost: the share of the hosts that disconnect once while they wait, for up to an hour.
    """

    def __init__(self, root: Path, hosts: int, each: float, lost: float, seed: int) -> None:
        self.random = random.Random(seed)
        self.now, self.each = START, each
        self.tokens, self.queue = TokenStore(root), Queue(root / "queue")
        self.tokens.add(TokenRecord(NAME, "ssh-ed25519 AAAA", START, START + 3600, hosts), START)
        self.server = JoinServer(
            root,
            self.tokens,
            self.queue,
            lambda: FACTS,
            lambda address: True,
            self.wake,
            clock=lambda: self.now,
            verify=lambda key, text, signature: True,
        )
        self.outcome = Outcome()
        self.working: tuple[QueueEntry, str] | None = None
        self.events: list[tuple[float, int, Callable[[], None]]] = []
        self.count = 0
        for number in range(hosts):
            goes = self.random.random() < lost
            self.at(START + self.random.random() * 30, self.coming(number, goes))

    def at(self, time: float, event: Callable[[], None]) -> None:
        """Schedule an event."""
        self.count += 1
        heapq.heappush(self.events, (time, self.count, event))

    def run(self) -> Outcome:
        """Run until no event is left; return the result."""
        while self.events:
            self.now, _, event = heapq.heappop(self.events)
            event()
        return self.outcome

    def coming(self, number: int, goes: bool) -> Callable[[], None]:
        """Return the event of a host's next request."""

        def come() -> None:
            joiner = JoiningHost(
                f"h{number:04d}", (f"10.0.{number // 250}.{number % 250 + 1}",), "0.1.0", "ganeti 3.1.0", f"u{number}"
            )
            said: dict[str, Any] = self.server.handle(NAME, "join", lambda: to_line(joiner, self.now), NONCE)
            self.outcome.requests.append(self.now)
            if "problem" in said:
                self.outcome.refused.append(f"{joiner.name}: {said['problem']['text']}")
                return
            if joiner.name not in self.outcome.arrived:
                self.outcome.arrived.append(joiner.name)
            if "joined" in said["answer"]:
                return
            pause = parse_queued(said["answer"]["queued"], self.random.random)[1]
            if goes:
                self.outcome.left.add(joiner.name)
                pause += self.random.random() * 3600
            self.at(self.now + pause, self.coming(number, False))

        return come

    def wake(self) -> None:
        """Start the worker unless it is busy."""
        if self.working is None and (taken := self.queue.take(self.now)):
            self.working = taken[0], taken[1].name
            self.at(self.now + self.each * (0.7 + 0.6 * self.random.random()), self.finish)

    def finish(self) -> None:
        """Finish the addition of a host and start the next."""
        assert self.working is not None
        entry, name = self.working
        self.queue.finish(entry, None, self.each, self.now)
        self.outcome.added.append(name)
        self.outcome.waits[name] = self.now - START
        self.working = None
        self.wake()


class Unsigned:
    """A host's key without signatures: the simulated pool does not check them.

    :ivar public: line of a public key that each host has for itself.
    """

    def __init__(self, name: str) -> None:
        self.public = openssh_keys.ed25519_line(hashlib.sha256(name.encode()).digest())

    def sign(self, text: str) -> str:
        """Return no signature."""
        return ""


def to_line(joiner: JoiningHost, now: float) -> bytes:
    """Return a request as it is sent."""
    return json.dumps(signed_request(Unsigned(joiner.name), Purpose(NONCE, NAME, "join"), joiner, now)).encode()


def simulate(hosts: int, each: float, lost: float, seed: int = 1) -> Outcome:
    """Simulate ``hosts`` hosts; return the result."""
    with tempfile.TemporaryDirectory(prefix="dom0kit-queue-") as folder:
        return World(Path(folder), hosts, each, lost, seed).run()


def report(outcome: Outcome, hosts: int, each: float) -> str:
    """Return the result as a table."""
    waits = sorted(outcome.waits.values())
    per_host = len(outcome.requests) / hosts
    rows: list[tuple[str, ...]] = [
        ("hosts, all switched on within 30 s", str(hosts)),
        ("adding one takes about", human_seconds(each)),
        ("added", f"{len(outcome.added)}, {len(set(outcome.added))} different ones, {len(outcome.refused)} refused"),
        ("in the order of their arrival", "yes" if outcome.in_order() else "no"),
        ("disconnected once while they waited", str(len(outcome.left))),
        ("shortest, median and longest wait", ", ".join(hours(w) for w in (waits[0], statistics.median(waits), waits[-1]))),
        ("requests for each host", f"{per_host:.1f}"),
        ("most requests within 10 s after the first minute", str(outcome.peak(10))),
    ]
    return table(("", "result"), rows)


def hours(seconds: float) -> str:
    """Return a long duration as text."""
    return human_seconds(seconds) if seconds < 5400 else f"{seconds / 3600:.1f} h"


def main() -> int:
    """Simulate and print the result; exit code 1 when the order did not hold or a host was lost."""
    parser = argparse.ArgumentParser(description="Simulate many hosts that join a pool at once.")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--each", type=float, default=30.0, help="seconds for adding a host")
    parser.add_argument("--lost", type=float, default=0.05, help="the share of the hosts that disconnect once")
    arguments = parser.parse_args()
    outcome = simulate(arguments.hosts, arguments.each, arguments.lost)
    print(report(outcome, arguments.hosts, arguments.each))
    return 0 if outcome.in_order() and len(set(outcome.added)) == arguments.hosts else 1


if __name__ == "__main__":
    sys.exit(main())
