"""The pool is asked whether it would take the host, before a disk is touched."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from answerfiles.model import Answers, Management, Pool, StaticAddress, StaticAddress6
from dom0kit.errors import UserError
from dom0kit.events import Step
from dom0kit.machine_identity import machine_uuid
from installer.command_log import Commands
from installer.model.hardware import Nic
from installer.network import session
from installer.selection.nics import Uplink
from pool.driver import Joiner, PoolAnswer, Problem
from pool.join.pool_facts import image_facts
from pool.join.preflight import ask_pool, question
from pool.join.token import read_token

TITLE = "ask the pool"
SECONDS = 600.0
"""Ask a pool that does not answer or is busy.

Kind: protocol. Reason: its master may be starting, and a switch's port learning; a request under way is not cut off. Expiry:
the installation fails with the pool's reason; no disk was changed.
"""
PAUSE = 5.0
"""Pause between two requests to a pool.

Kind: pace. Reason: many hosts may ask one master. Expiry: the next request.
"""
PASSING = ("unreachable", "busy")
UNTOUCHED = "Nothing was changed on any disk."


@dataclass(frozen=True)
class Question:
    """What the pool is asked, and over which cards.

    :param management: the network that the host will have.
    """

    name: str
    pool: Pool = field(repr=False)
    management: Management
    nics: tuple[Nic, ...]

    def describe(self) -> str:
        """The question in a line, without secrets."""
        return f"first {question(self.pool)}"


def make_question(answers: Answers, uplinks: tuple[Uplink, ...]) -> Question | None:
    """The question that the answers ask for; None without a pool to join. Pure."""
    if answers.pool.join is None:
        return None
    return Question(answers.host_name, answers.pool, answers.network.management, tuple(nic for nic, _ in uplinks[0].cards))


def token_problems(answers: Answers) -> list[str]:
    """What is wrong with the token itself, before anybody is asked; nothing about one that is only named so far. Pure."""
    join = answers.pool.join
    if join is None or join.token is None or join.token.is_reference:
        return []
    try:
        read_token(join.token.reveal())
    except UserError as error:
        return [f"pool.join.token: {error.message}; {error.hint}"]
    return []


def problems_text(problems: tuple[Problem, ...]) -> tuple[str, str]:
    """A message and a hint of all problems: one in a line, several as a list with the hints beside them."""
    if len(problems) == 1:
        return f"the pool does not take this host: {problems[0].text}", f"{problems[0].hint or 'see above'}. {UNTOUCHED}"
    lines = [f"- {problem.text}" + (f" ({problem.hint})" if problem.hint else "") for problem in problems]
    return "\n".join([f"the pool does not take this host, for {len(problems)} reasons", *lines]), UNTOUCHED


def secrets(pool: Pool) -> tuple[str, ...]:
    """The token as a log could show it beside the answers' own spelling: without white space."""
    if pool.toolstack != "ganeti" or pool.join is None or pool.join.token is None:
        return ()
    try:
        token = read_token(pool.join.token.reveal())
    except UserError:
        return ("".join(pool.join.token.reveal().split()),)
    return (token.write(),)


def joiner(asked: Question, manifest: str, found: tuple[str, ...]) -> Joiner:
    """What the host will be, from the image that is installed.

    :param manifest: the text of its manifest.
    :param found: addresses that it has now; fixed ones of the answers count before them.
    """
    version, toolstack = image_facts(manifest, asked.pool.toolstack)
    both = (asked.management.ipv4, asked.management.ipv6)
    fixed = tuple(str(record.address.ip) for record in both if isinstance(record, StaticAddress | StaticAddress6))
    return Joiner(asked.name, fixed or found, version, toolstack, machine_uuid())


def ask(
    asked: Question,
    image: Path,
    commands: Commands,
    step: Step,
    *,
    speak: Callable[[Pool, Joiner], PoolAnswer] = ask_pool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> PoolAnswer:
    """Bring the host's network up and ask; a pool that does not answer is asked again for some time.

    :raises UserError: with the pool's reason, when it would not take the host.
    """
    manifest = (image / "manifest.json").read_text()
    with session.network(asked.management, asked.nics, commands, step.progress) as found:
        who = joiner(asked, manifest, found)
        start = clock()
        while True:
            spent = clock() - start
            step.progress(min(spent / SECONDS, 0.99), f"asking the pool whether it takes {asked.name}")
            answer = speak(asked.pool, who)
            for problem in answer.problems:
                commands.note(f"the pool: {problem.code}: {problem.text}")
            passing = bool(answer.problems) and all(problem.code in PASSING for problem in answer.problems)
            if not passing or clock() - start >= SECONDS:
                break
            sleep(PAUSE)
    if not answer.welcome:
        raise UserError(*problems_text(answer.problems))
    commands.note(f"the pool {answer.pool} takes this host: {answer.hosts} hosts, master {answer.master}, {answer.version}")
    return answer
