"""Ask the pool to pre-approve the join before any disk is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from answerfiles.model import Answers, Management, Pool, StaticAddress, StaticAddress6
from dom0kit.errors import UserError
from dom0kit.events import Step
from dom0kit.machine_identity import machine_macs, machine_uuid
from installer.command_log import Commands
from installer.model import refusals
from installer.model.hardware import Nic
from installer.network import session
from installer.selection.nics import Uplink
from pool.driver import JoiningHost, PoolAnswer, Problem
from pool.join.pool_facts import image_facts
from pool.join.preflight import ask_pool, describe_request
from pool.join.token import read_token

TITLE = "check admission to the pool"
SECONDS = 600.0
"""Repeat the admission check of a pool that does not answer or is busy.

Kind: protocol. Reason: its master may be starting, and a switch's port learning; a request under way is not cut off. Expiry:
the installation fails with the pool's reason; no disk was changed.
"""
PAUSE = 5.0
"""Pause between two requests to a pool.

Kind: pace. Reason: many hosts may ask one master. Expiry: the next request.
"""
PASSING = ("unreachable", "busy")
UNTOUCHED = "No disk was changed."


@dataclass(frozen=True)
class AdmissionCheck:
    """The admission check: what the pool is asked, and over which network cards.

    :param management: network configuration of the host.
    """

    name: str
    pool: Pool = field(repr=False)
    management: Management
    nics: tuple[Nic, ...]

    def describe(self) -> str:
        """Return the check in one line, without secrets."""
        return f"first {describe_request(self.pool)}"


def make_admission_check(answers: Answers, uplinks: tuple[Uplink, ...]) -> AdmissionCheck | None:
    """Return the admission check for the answers; None without a pool to join (pure)."""
    if answers.pool.join is None:
        return None
    return AdmissionCheck(answers.host_name, answers.pool, answers.network.management, tuple(nic for nic, _ in uplinks[0].cards))


def token_problems(answers: Answers) -> list[str]:
    """Return what is wrong with the token itself, before contacting the pool; skip references (pure)."""
    join = answers.pool.join
    if join is None or join.token is None or join.token.is_reference:
        return []
    try:
        read_token(join.token.reveal())
    except UserError as error:
        return [refusals.TOKEN_INVALID.text(f"pool.join.token: {error.message}; {error.hint}")]
    return []


def problems_text(problems: tuple[Problem, ...]) -> tuple[str, str]:
    """Return message and hint for all problems."""
    if len(problems) == 1:
        return f"the pool rejects this host: {problems[0].text}", f"{problems[0].hint or 'see above'}. {UNTOUCHED}"
    lines = [f"- {problem.text}" + (f" ({problem.hint})" if problem.hint else "") for problem in problems]
    return "\n".join([f"the pool rejects this host for {len(problems)} reasons", *lines]), UNTOUCHED


def secrets(pool: Pool) -> tuple[str, ...]:
    """Return other spellings of the token to redact: without white space."""
    if pool.toolstack != "ganeti" or pool.join is None or pool.join.token is None:
        return ()
    try:
        token = read_token(pool.join.token.reveal())
    except UserError:
        return ("".join(pool.join.token.reveal().split()),)
    return (token.write(),)


def joining_host(check: AdmissionCheck, manifest: str, found: tuple[str, ...]) -> JoiningHost:
    """Return the description of this host that the pool checks.

    :param manifest: text of the image's manifest.
    :param found: current addresses; replaced by static ones of the answers, if any.
    """
    version, toolstack = image_facts(manifest, check.pool.toolstack)
    both = (check.management.ipv4, check.management.ipv6)
    fixed = tuple(str(record.address.ip) for record in both if isinstance(record, StaticAddress | StaticAddress6))
    return JoiningHost(check.name, fixed or found, version, toolstack, machine_uuid(), macs=machine_macs())


def check_admission(
    check: AdmissionCheck,
    image: Path,
    commands: Commands,
    step: Step,
    *,
    speak: Callable[[Pool, JoiningHost], PoolAnswer] = ask_pool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> PoolAnswer:
    """Set up the host's network and run the admission check; repeat it while the pool does not answer.

    :raises UserError: with the pool's reasons, when it rejects the host.
    """
    manifest = (image / "manifest.json").read_text()
    with session.network(check.management, check.nics, commands, step.progress) as found:
        who = joining_host(check, manifest, found)
        start = clock()
        while True:
            spent = clock() - start
            step.progress(min(spent / SECONDS, 0.99), f"checking whether the pool accepts {check.name}")
            answer = speak(check.pool, who)
            for problem in answer.problems:
                commands.note(f"pool: {problem.code}: {problem.text}")
            passing = bool(answer.problems) and all(problem.code in PASSING for problem in answer.problems)
            if not passing or clock() - start >= SECONDS:
                break
            sleep(PAUSE)
    if not answer.accepted:
        raise UserError(*problems_text(answer.problems))
    commands.note(f"the pool {answer.pool} accepts this host: {answer.hosts} hosts, master {answer.master}, {answer.version}")
    return answer
