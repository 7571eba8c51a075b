"""Would the pool take the host? A pure function from what both say to every problem at once."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pool.driver import Joiner, Problem
from pool.join.pool_facts import PoolFacts

CLOCK_SECONDS = 60.0
"""Difference between the clocks of the pool and a joining host.

Kind: protocol. Reason: Ganeti's verify complains from 150 s on (NODE_MAX_CLOCK_SKEW), and its certificates begin to be valid a
few minutes before they are made; below a minute there is a margin for a clock that drifts until chrony has set it. Expiry: the
pool refuses the host and names both clocks.
"""


def judge(joiner: Joiner, facts: PoolFacts, now: float, *, live: bool, known: Mapping[str, str]) -> tuple[Problem, ...]:
    """Every reason against it, the gravest first; none means welcome.

    :param joiner: with its clock.
    :param now: the pool's clock, seconds since 1970.
    :param live: whether the member of the joiner's name, if there is one, is up now.
    :param known: the machines' UUIDs by the name under which they joined.
    """
    problems = (
        _toolstack(joiner, facts),
        _image(joiner, facts),
        _clock(joiner, now),
        _name(joiner, facts, live=live, known=known),
        _address(joiner, facts),
    )
    return tuple(problem for problem in problems if problem is not None)


def master_problem(facts: PoolFacts) -> Problem | None:
    """Whether this host can speak for the pool: ``moved`` when another one is the master, ``busy`` when it is not up."""
    if not facts.is_master:
        text = f"{facts.me} is not the master of the pool {facts.pool} any more, {facts.master} is"
        return Problem("moved", text, f"ask {facts.master} at {facts.master_address or 'its address'}")
    if not facts.serving:
        text = f"the pool {facts.pool} takes no jobs now: Ganeti's daemons are not up on its master {facts.me}"
        return Problem("busy", text, f"try again in a minute; on {facts.me}: systemctl status ganeti-luxid")
    return None


def series(version: str) -> str:
    """The part of a version that must be the same: its first two numbers, or all of one that has none."""
    found = re.match(r"[0-9]+\.[0-9]+(?![0-9])", version)
    return found[0] if found else version


def _toolstack(joiner: Joiner, facts: PoolFacts) -> Problem | None:
    mine, _, version = joiner.toolstack.partition(" ")
    pools, _, wanted = facts.toolstack.partition(" ")
    if not version:
        text = f"the image of {joiner.name} has no toolstack, the pool {facts.pool} is one of {facts.toolstack}"
        return Problem("toolstack", text, "install with an image that was built with the pool's toolstack")
    if mine != pools:
        text = f"{joiner.name} comes with {joiner.toolstack}, the pool {facts.pool} is one of {facts.toolstack}"
        return Problem("toolstack", text, f"choose pool.toolstack {pools}, or another pool")
    if series(version) != series(wanted):
        text = f"{joiner.name} comes with {joiner.toolstack}, the pool {facts.pool} runs {facts.toolstack}"
        return Problem("version", text, f"install with an image that has {pools} {series(wanted)}, or upgrade the pool first")
    return None


def _image(joiner: Joiner, facts: PoolFacts) -> Problem | None:
    if series(joiner.version) == series(facts.version):
        return None
    text = f"{joiner.name} would run image {joiner.version or 'unknown'}, the pool {facts.pool} runs {facts.version or 'unknown'}"
    return Problem("version", text, f"install with an image of the series {series(facts.version)}, or upgrade the pool first")


def _clock(joiner: Joiner, now: float) -> Problem | None:
    ahead = (joiner.clock or 0.0) - now
    if abs(ahead) <= CLOCK_SECONDS:
        return None
    text = f"the clock of {joiner.name} is {apart(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the pool's"
    return Problem(
        "clock", f"{text}; {CLOCK_SECONDS:.0f} s are allowed", "set both by the same NTP servers; hardware clocks to UTC"
    )


def apart(seconds: float) -> str:
    """How far two clocks are apart, for a person."""
    for unit, size in (("days", 86400), ("hours", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _name(joiner: Joiner, facts: PoolFacts, *, live: bool, known: Mapping[str, str]) -> Problem | None:
    member = facts.member(joiner.name)
    if member is None or not live or (joiner.uuid and known.get(joiner.name) == joiner.uuid):
        return None
    text = f"the pool {facts.pool} has a host {joiner.name} already, it is up at {member.address}, and it is another machine"
    return Problem("name", text, f"choose another host_name, or take the old host out first: gnt-node remove {joiner.name}")


def _address(joiner: Joiner, facts: PoolFacts) -> Problem | None:
    taken = {member.address: f"the host {member.name}" for member in facts.members if member.name != joiner.name}
    if facts.address:
        taken[facts.address] = "the pool itself"
    for address in joiner.addresses:
        if address in taken:
            text = f"the address {address} of {joiner.name} belongs to {taken[address]}"
            return Problem("address", text, "give the host an address of its own")
    return None
