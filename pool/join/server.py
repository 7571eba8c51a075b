"""The join server: the only command that sshd runs for a token's key (``dom0ctl pool answer ID``).

Input is limited in size and time and validated; output is one JSON object per line.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join.admission import admission_problems, master_problem
from pool.join.messages import LARGEST, WORDS, JoinRefused, answer_to_json, problem_to_json
from pool.join.pool_facts import PoolFacts
from pool.join.queue import HELD, Queue
from pool.join.request_signing import Purpose, Verify, read_request, verify_signature
from pool.join.token import NEW_HINT
from pool.join.token_store import TokenRecord, TokenStore

READ_SECONDS = 300.0
"""Wait for the one line of a host that has logged in with a join token.

Kind: cap. Reason: the host computes its facts after the pool's greeting, with a Python program that
is running already. Expiry: the connection is closed; the host asks again.
"""


@dataclass
class JoinServer:
    """The pool's side of the join protocol.

    :param facts: reads the pool's facts; raises UserError when this host is in no pool.
    :param live: whether the member at an address is up.
    :param resolve: returns the addresses that a name has already.
    :param verify: checks signatures.
    :param wake: starts the queue worker.
    :param restarted: called for a host that is being added and starts over after a power cut: the
        master's open requests to it will never be answered.
    """

    root: Path
    tokens: TokenStore
    queue: Queue
    facts: Callable[[], PoolFacts]
    live: Callable[[str], bool]
    wake: Callable[[], None] = field(default=lambda: None)
    restarted: Callable[[JoiningHost], None] = field(default=lambda host: None)
    clock: Callable[[], float] = time.time
    resolve: Callable[[str], Sequence[str]] = field(default=lambda name: ())
    verify: Verify = verify_signature

    def handle(self, name: str, word: str, line: Callable[[], bytes], nonce: str) -> dict[str, Any]:
        """Process one request and return the last object of the reply.

        :param name: ID of the token.
        :param word: the request: ``ask``, ``keys`` or ``join``.
        :param line: reads the host's line.
        :param nonce: of the greeting on this connection.
        """
        try:
            if word not in WORDS:
                raise JoinRefused(
                    Problem("refused", "this key allows only requests for joining the pool", f"use one of: {', '.join(WORDS)}")
                )
            try:
                host = read_request(line(), Purpose(nonce, name, word), self.verify)
            except ValueError as error:
                text = f"the request is invalid: {error}"
                raise JoinRefused(Problem("refused", text, "use an image as new as the pool's")) from error
            entry, facts = self._admit(name, host)
            return {"answer": getattr(self, word)(facts, entry, host)}
        except JoinRefused as error:
            return problem_to_json(error.problem, error.address)
        except UserError as error:
            return problem_to_json(Problem("refused", error.message, error.hint))

    def ask(self, facts: PoolFacts, entry: TokenRecord, host: JoiningHost) -> dict[str, Any]:
        """Run the admission check."""
        return answer_to_json(replace(self._answer(facts, host), problems=self._problems(facts, entry, host)))

    def keys(self, facts: PoolFacts, entry: TokenRecord, host: JoiningHost) -> dict[str, Any]:
        """Return the public keys by which this master logs in to its nodes.

        A host requests them once, before it joins.
        """
        if before := self.queue.adding(host):
            self.restarted(before)
        lines = [path.read_text().strip() for path in sorted((self.root / "root/.ssh").glob("id_*.pub"))]
        return {"keys": [line for line in lines if line and "\n" not in line]}

    def join(self, facts: PoolFacts, entry: TokenRecord, host: JoiningHost) -> dict[str, Any]:
        """Enqueue the host and return its queue status."""
        # A host with an entry in the queue is not checked again. The checks wait for the network, the queue must not.
        problems = () if self.queue.has(host) else self._problems(facts, entry, host)

        def admit() -> Problem | None:
            # An entry in the queue and a use of the token go together.
            return problems[0] if problems else self.tokens.use(entry.id, host, self.clock())

        status = self.queue.enter(host, self.clock(), admit, token=entry.id, held=entry.approval)
        if status.problem is not None:
            raise JoinRefused(status.problem)
        if status.state == "done":
            return {"joined": answer_to_json(self._answer(facts, host))}
        said = {"place": status.place, "seconds": round(status.seconds), "again": round(status.again, 1)}
        if status.state == HELD:
            return {"queued": {**said, "approval": True}}
        self.wake()
        return {"queued": said}

    def _admit(self, name: str, host: JoiningHost) -> tuple[TokenRecord, PoolFacts]:
        """Check the token, then whether this host may act for the pool.

        A host in the queue stays admitted when its token expires meanwhile, which many joins may
        outlast; so does one that starts over.

        :raises JoinRefused: when either check fails.
        """
        entry = self.tokens.read(name)
        if entry is None:
            raise JoinRefused(Problem("token", f"the pool does not know the join token {name}", NEW_HINT))
        problem = entry.problem(self.clock(), host)
        if problem and not (problem.code == "expired" and self.queue.has(host)):
            raise JoinRefused(problem)
        facts = self.facts()
        if problem := master_problem(facts):
            raise JoinRefused(problem, facts.master_address if problem.code == "moved" else "")
        return entry, facts

    def _problems(self, facts: PoolFacts, entry: TokenRecord, host: JoiningHost) -> tuple[Problem, ...]:
        member = facts.member(host.name)
        live = member is not None and not member.offline and self.live(member.address)
        resolved = () if member is not None else self.resolve(host.name)
        known = self.tokens.keys()
        return admission_problems(
            host, facts, self.clock(), live=live, known=known, resolved=resolved, named=entry.host == host.name
        )

    def _answer(self, facts: PoolFacts, host: JoiningHost) -> PoolAnswer:
        now = self.clock()
        return PoolAnswer(
            pool=facts.pool,
            master=facts.master,
            address=facts.master_address,
            version=facts.toolstack,
            hosts=len(facts.members),
            clock=round((host.clock or now) - now, 1),
        )


def read_line(fd: int, seconds: float = READ_SECONDS) -> bytes:
    """Read the first line.

    :param seconds: time limit.
    :raises ValueError: when it is too long, or does not arrive in time.
    """
    end = time.monotonic() + seconds
    data = b""
    while b"\n" not in data:
        left = end - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            raise ValueError(f"nothing arrived within {seconds:.0f} s")
        more = os.read(fd, 65536)
        if not more:
            raise ValueError("it ends before the line is complete")
        data += more
        if len(data) > LARGEST:
            raise ValueError(f"it is longer than {LARGEST} bytes")
    return data.partition(b"\n")[0]
