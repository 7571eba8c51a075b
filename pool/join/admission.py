"""Admission check: all reasons to reject a joining host. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pool.driver import JoiningHost, Problem
from pool.join.pool_facts import PoolFacts
from pool.join.token_store import span_text

CLOCK_SECONDS = 60.0
"""Difference between the clocks of the pool and a joining host.

Kind: protocol. Reason: Ganeti's verify complains from 150 s on (NODE_MAX_CLOCK_SKEW), and its
certificates begin to be valid a few minutes before they are made; below a minute there is a margin
for a clock that drifts until chrony has set it. Expiry: the pool refuses the host and names both
clocks.
"""


def admission_problems(
    host: JoiningHost, facts: PoolFacts, now: float, *, live: bool, known: Mapping[str, str]
) -> tuple[Problem, ...]:
    """Return the reasons to refuse the host, the most severe first; empty when it is accepted.

    :param host: with its clock.
    :param now: the pool's clock, seconds since 1970.
    :param live: whether the pool member with the host's name, if there is one, is up now.
    :param known: machine UUIDs by the name under which they joined.
    """
    problems = (
        _toolstack(host, facts),
        _image(host, facts),
        _clock(host, now),
        _name(host, facts, live=live, known=known),
        _address(host, facts),
    )
    return tuple(problem for problem in problems if problem is not None)


def master_problem(facts: PoolFacts) -> Problem | None:
    """Return why this host cannot act for the pool, or None.

    :returns: code ``moved`` when another host is the master, ``busy`` when Ganeti's daemons are
        down.
    """
    if not facts.is_master:
        text = f"{facts.me} is not the master of the pool {facts.pool}; the master is {facts.master}"
        return Problem("moved", text, f"ask {facts.master} at {facts.master_address or 'its address'}")
    if not facts.serving:
        text = f"the pool {facts.pool} accepts no jobs now: Ganeti's daemons are down on its master {facts.me}"
        return Problem("busy", text, f"wait a minute, or check on {facts.me}: systemctl status ganeti-luxid")
    return None


def release_series(version: str) -> str:
    """Return the part of a version that must match.

    Its first two numbers, or the whole text without them.
    """
    found = re.match(r"[0-9]+\.[0-9]+(?![0-9])", version)
    return found[0] if found else version


def _toolstack(host: JoiningHost, facts: PoolFacts) -> Problem | None:
    mine, _, version = host.toolstack.partition(" ")
    pools, _, wanted = facts.toolstack.partition(" ")
    if not version:
        text = f"the image of {host.name} has no toolstack; the pool {facts.pool} runs {facts.toolstack}"
        return Problem("toolstack", text, "install with an image that was built with the pool's toolstack")
    if mine != pools:
        text = f"{host.name} has {host.toolstack}; the pool {facts.pool} runs {facts.toolstack}"
        return Problem("toolstack", text, f"set pool.toolstack to {pools}, or join another pool")
    if release_series(version) != release_series(wanted):
        text = f"{host.name} has {host.toolstack}; the pool {facts.pool} runs {facts.toolstack}"
        return Problem(
            "version", text, f"install with an image that has {pools} {release_series(wanted)}, or upgrade the pool first"
        )
    return None


def _image(host: JoiningHost, facts: PoolFacts) -> Problem | None:
    if release_series(host.version) == release_series(facts.version):
        return None
    text = f"{host.name} has image {host.version or 'unknown'}; the pool {facts.pool} runs {facts.version or 'unknown'}"
    return Problem(
        "version", text, f"install with an image of the series {release_series(facts.version)}, or upgrade the pool first"
    )


def _clock(host: JoiningHost, now: float) -> Problem | None:
    ahead = (host.clock or 0.0) - now
    if abs(ahead) <= CLOCK_SECONDS:
        return None
    text = f"the clock of {host.name} is {span_text(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} the pool's"
    hint = "set both clocks by the same NTP servers, and hardware clocks to UTC"
    return Problem("clock", f"{text}; {CLOCK_SECONDS:.0f} s are allowed", hint)


def _name(host: JoiningHost, facts: PoolFacts, *, live: bool, known: Mapping[str, str]) -> Problem | None:
    member = facts.member(host.name)
    if member is None or not live or (host.uuid and known.get(host.name) == host.uuid):
        return None
    text = f"the pool {facts.pool} already has a host {host.name}; it is another machine, up at {member.address}"
    return Problem("name", text, f"choose another host_name, or remove the old host first: gnt-node remove {host.name}")


def _address(host: JoiningHost, facts: PoolFacts) -> Problem | None:
    taken = {member.address: f"the host {member.name}" for member in facts.members if member.name != host.name}
    if facts.address:
        taken[facts.address] = "the pool itself"
    for address in host.addresses:
        if address in taken:
            text = f"the address {address} of {host.name} belongs to {taken[address]}"
            return Problem("address", text, "give the host a free address")
    return None
