"""The pool's side of a conversation: what sshd runs for a token's key, and nothing else (``dom0ctl pool answer ID``).

What comes in is bounded in size and time and believed in nothing; what goes out is a JSON object a line.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from pool.driver import Joiner, PoolAnswer, Problem
from pool.join.admission import judge, master_problem
from pool.join.messages import LARGEST, WORDS, Refused, answer_to_json, joiner_from_json, problem_to_json
from pool.join.pool_facts import PoolFacts
from pool.join.queue import Queue
from pool.join.token import NEW
from pool.join.token_store import Ledger

READ_SECONDS = 300.0
"""Wait for the one line of a host that has logged in with a join token.

Kind: cap. Reason: the host computes its facts after the pool's greeting, with a Python program that is running already. Expiry:
the connection is closed; the host comes again.
"""


@dataclass
class Desk:
    """Where a pool answers.

    :param facts: looks at the pool; raises UserError when this host is in none.
    :param live: whether the member at an address is up.
    :param wake: sees to it that somebody works on the queue.
    :param began_anew: called for a host that is being added and begins from the start: its power was cut, and what the master
        has asked it meanwhile gets no answer.
    """

    root: Path
    ledger: Ledger
    queue: Queue
    facts: Callable[[], PoolFacts]
    live: Callable[[str], bool]
    wake: Callable[[], None] = field(default=lambda: None)
    began_anew: Callable[[Joiner], None] = field(default=lambda joiner: None)
    clock: Callable[[], float] = time.time

    def answer(self, name: str, word: str, line: Callable[[], bytes]) -> dict[str, Any]:
        """One request to its last object.

        :param name: the token's.
        :param line: reads what the host sends.
        """
        try:
            if word not in WORDS:
                raise Refused(
                    Problem("refused", "this key is for joining the pool and for nothing else", f"requests: {', '.join(WORDS)}")
                )
            try:
                joiner = joiner_from_json(json.loads(line()))
            except (ValueError, RecursionError) as error:
                text = f"the request cannot be understood: {error}"
                raise Refused(Problem("refused", text, "use an image as new as the pool's")) from error
            return {"answer": getattr(self, word)(self._admit(name, joiner), name, joiner)}
        except Refused as error:
            return problem_to_json(error.problem, error.address)
        except UserError as error:
            return problem_to_json(Problem("refused", error.message, error.hint))

    def ask(self, facts: PoolFacts, name: str, joiner: Joiner) -> dict[str, Any]:
        """Would the pool take the host?"""
        return answer_to_json(replace(self._answer(facts, joiner), problems=self._problems(facts, joiner)))

    def keys(self, facts: PoolFacts, name: str, joiner: Joiner) -> dict[str, Any]:
        """The public keys with which this master logs in on its nodes. A host asks for them once, before it joins."""
        if before := self.queue.adding(joiner):
            self.began_anew(before)
        lines = [path.read_text().strip() for path in sorted((self.root / "root/.ssh").glob("id_*.pub"))]
        return {"keys": [line for line in lines if line and "\n" not in line]}

    def join(self, facts: PoolFacts, name: str, joiner: Joiner) -> dict[str, Any]:
        """Stand in the queue, and hear how it stands."""

        def admit() -> Problem | None:
            # A place in the queue and a use of the token go together; one that has its place is not judged again.
            problems = self._problems(facts, joiner)
            return problems[0] if problems else self.ledger.use(name, joiner, self.clock())

        standing = self.queue.enter(joiner, self.clock(), admit)
        if standing.problem is not None:
            raise Refused(standing.problem)
        if standing.state == "done":
            return {"joined": answer_to_json(self._answer(facts, joiner))}
        self.wake()
        return {"queued": {"place": standing.place, "seconds": round(standing.seconds), "again": round(standing.again, 1)}}

    def _admit(self, name: str, joiner: Joiner) -> PoolFacts:
        """The ledger's word on the token, then whether this host may speak for the pool at all.

        A host in the queue came in time: it stays welcome while the token runs out, which many joins may take longer than, and
        so does one that starts anew meanwhile, which begins by asking.

        :raises Refused: when not.
        """
        entry = self.ledger.read(name)
        if entry is None:
            raise Refused(Problem("token", f"the pool does not know the join token {name}", NEW))
        problem = entry.problem(self.clock(), joiner)
        if problem and not (problem.code == "expired" and self.queue.has(joiner)):
            raise Refused(problem)
        facts = self.facts()
        if problem := master_problem(facts):
            raise Refused(problem, facts.master_address if problem.code == "moved" else "")
        return facts

    def _problems(self, facts: PoolFacts, joiner: Joiner) -> tuple[Problem, ...]:
        member = facts.member(joiner.name)
        live = member is not None and not member.offline and self.live(member.address)
        return judge(joiner, facts, self.clock(), live=live, known=self.ledger.uuids())

    def _answer(self, facts: PoolFacts, joiner: Joiner) -> PoolAnswer:
        now = self.clock()
        return PoolAnswer(
            pool=facts.pool,
            master=facts.master,
            address=facts.master_address,
            version=facts.toolstack,
            hosts=len(facts.members),
            clock=round((joiner.clock or now) - now, 1),
        )


def read_line(fd: int, seconds: float = READ_SECONDS) -> bytes:
    """The first line that comes.

    :raises ValueError: when it is too long, or does not come in time.
    """
    end = time.monotonic() + seconds
    data = b""
    while b"\n" not in data:
        ready, _, _ = select.select([fd], [], [], max(end - time.monotonic(), 0.0))
        if not ready:
            raise ValueError(f"nothing came within {seconds:.0f} s")
        more = os.read(fd, 65536)
        if not more:
            raise ValueError("it ends too early")
        data += more
        if len(data) > LARGEST:
            raise ValueError(f"it is longer than {LARGEST} bytes")
    return data.partition(b"\n")[0]
