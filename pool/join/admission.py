"""Admission check: all reasons to reject a joining host. Pure functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from dom0kit.untrusted.values import Address
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


NOT_OF_A_HOST = tuple(ipaddress.ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "fe80::/10"))
"""Networks of this host (RFC 1122), of loopback and of one link, besides those that Python knows."""


def admission_problems(
    host: JoiningHost,
    facts: PoolFacts,
    now: float,
    *,
    live: bool,
    known: Mapping[str, str],
    resolved: Sequence[str] = (),
    named: bool = True,
) -> tuple[Problem, ...]:
    """Return the reasons to refuse the host, the most severe first; empty when it is accepted.

    :param host: with its clock.
    :param now: the pool's clock, seconds since 1970.
    :param live: whether the pool member with the host's name, if there is one, is up now.
    :param known: SSH host keys by the name under which their machines joined.
    :param resolved: addresses that the host's name has already, for example in the DNS.
    :param named: whether an administrator named this host when the token was created.
    """
    problems = (_toolstack(host, facts), _image(host, facts), _clock(host, now))
    return (
        *(problem for problem in problems if problem is not None),
        *place_problems(host, facts, live=live, known=known, resolved=resolved, named=named),
    )


def place_problems(
    host: JoiningHost,
    facts: PoolFacts,
    *,
    live: bool,
    known: Mapping[str, str],
    resolved: Sequence[str] = (),
    named: bool = True,
) -> tuple[Problem, ...]:
    """Return what is wrong with the host's name and addresses, which may change while it waits.

    Parameters as of :func:`admission_problems`.
    """
    problems = (
        _reserved_name(host, facts, named=named),
        _name(host, facts, live=live, known=known),
        _resolved(host, facts, resolved),
        _address(host, facts),
    )
    return tuple(problem for problem in problems if problem is not None)


def contact_address(host: JoiningHost) -> str:
    """Return the address at which the master contacts the host: its first IPv4 address; empty without one."""
    return next((text for text in host.addresses if ":" not in text), "")


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


def _reserved_name(host: JoiningHost, facts: PoolFacts, *, named: bool) -> Problem | None:
    """Refuse names that others have: short names count, because the pool's /etc/hosts has them too."""
    hint = "choose another host_name"
    short, _, domain = host.name.partition(".")
    if host.name == facts.pool or short == facts.pool.partition(".")[0]:
        return Problem("name", f"{host.name} is the name of the pool {facts.pool}", hint)
    if host.name == facts.master:
        return Problem("name", f"{host.name} is the name of the pool's master", hint)
    if short == "localhost" or host.name.startswith("ip6-"):
        return Problem("name", f"{host.name} is a name that every host has for itself", hint)
    other = next((m.name for m in facts.members if m.name != host.name and m.name.partition(".")[0] == short), "")
    if other:
        return Problem("name", f"{host.name} has the short name of the pool's host {other}", hint)
    domains = {name.partition(".")[2] for name in (facts.pool, *(member.name for member in facts.members))}
    if named or any(domain == own or (own and domain.endswith(f".{own}")) for own in domains):
        return None
    text = f"{host.name} is outside the domains of the pool {facts.pool}: {', '.join(sorted(filter(None, domains))) or 'none'}"
    return Problem("name", text, f"create a token for this host: dom0ctl pool token create --host {host.name}")


def _resolved(host: JoiningHost, facts: PoolFacts, resolved: Sequence[str]) -> Problem | None:
    """Refuse a name that has other addresses already: the pool would answer for a name that is another machine's."""
    if facts.member(host.name) is not None or not resolved:
        return None
    used, old = contact_address(host), [text for text in resolved if ":" not in text]
    if used in old if old else set(resolved) & set(host.addresses):
        return None
    text = f"the name {host.name} belongs to {', '.join(resolved[:4])}, not to {used or 'this host'}"
    return Problem("name", text, "choose another host_name, or correct its entry in the DNS or in /etc/hosts of the master")


def _name(host: JoiningHost, facts: PoolFacts, *, live: bool, known: Mapping[str, str]) -> Problem | None:
    member = facts.member(host.name)
    if member is None or not live or (host.key and known.get(host.name) == host.key):
        return None
    text = f"the pool {facts.pool} already has a host {host.name}; it is another machine, up at {member.address}"
    return Problem("name", text, f"choose another host_name, or remove the old host first: gnt-node remove {host.name}")


def _address(host: JoiningHost, facts: PoolFacts) -> Problem | None:
    taken = {member.address: f"the host {member.name}" for member in facts.members if member.name != host.name}
    taken |= dict.fromkeys(facts.own_addresses, f"the master {facts.me}")
    if facts.address:
        taken[facts.address] = "the pool itself"
    for address in host.addresses:
        if reason := _not_of_a_host(ipaddress.ip_address(address)):
            text = f"the address {address} of {host.name} is {reason}"
            return Problem("address", text, "give the host an address of its own in the pool's management network")
        if address in taken:
            text = f"the address {address} of {host.name} belongs to {taken[address]}"
            return Problem("address", text, "give the host a free address")
    return _outside(host, facts)


def _not_of_a_host(address: Address) -> str:
    """Return what an address is that no single other host can have; empty for global and private unicast."""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        return "an IPv4 address in the form of an IPv6 one"
    if address.is_multicast:
        return "a multicast address"
    if address.is_unspecified or address.is_loopback or any(address in network for network in NOT_OF_A_HOST):
        return "loopback, unspecified or valid on one link only"
    return "reserved" if address.is_reserved else ""


def _outside(host: JoiningHost, facts: PoolFacts) -> Problem | None:
    """Refuse an address to contact the host at that is not a host's address in the pool's networks."""
    text = contact_address(host)
    if not text or not facts.networks:
        return None
    address = ipaddress.ip_address(text)
    for network in map(ipaddress.ip_network, facts.networks):
        ends = (network.network_address, network.broadcast_address) if network.prefixlen < network.max_prefixlen - 1 else ()
        if address in network and address not in ends:
            return None
    said = f"the address {text} of {host.name} is not in the pool's management network {', '.join(facts.networks)}"
    hint = "give the host an address there, or list its network in /etc/dom0kit/pool-networks on the master"
    return Problem("address", said, hint)
