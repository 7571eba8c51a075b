"""What may occur once in a site: names, addresses, MAC addresses, iSCSI initiators, and the pools that are created (pure).

Hosts' addresses and pools' addresses belong to one host each. Gateways and iSCSI portals may be named by many hosts, but no host
or pool has their addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from answerfiles.host_naming import is_rule
from answerfiles.inventory.inventory import Host
from answerfiles.model import Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Path, Position, dotted

Place = Callable[[Host, Path], Position]


class Claim(NamedTuple):
    """Something that a host's answers use.

    :param space: what values are compared with: ``address``, ``mac``, ``name``, ``initiator`` or ``pool``.
    :param role: what the value is to the host, as ``gateway``.
    :param path: where it is in the host's answers.
    """

    space: str
    role: str
    value: str
    path: Path


OWNED = frozenset({"address", "pool-address", "mac", "initiator", "pool", "name"})
"""Roles of values that belong to one host; the others are named by many."""
CODES = {
    "mac": "same-mac",
    "initiator": "same-initiator",
    "pool": "same-pool",
    "name": "same-host-name",
    "address": "same-address",
}
WORDS = {
    "address": "has the same address",
    "pool-address": "creates a pool with this address",
    "gateway": "names it as its gateway",
    "portal": "names it as its iSCSI portal",
    "mac": "has the same MAC address",
    "initiator": "has the same iSCSI initiator name",
    "pool": "creates the same pool",
    "name": "has the same name",
}
HINTS = {
    "pool": "let one host create the pool and the others join it",
    "gateway": "choose an address that no router has",
}


def claims_of(host: Host, answers: Answers | HostTask) -> list[Claim]:
    """Return what a host's answers use and other hosts may not have; a task uses nothing but the machine's cards."""
    found = [] if isinstance(answers, HostTask) else list(_network_claims(answers))
    found += [Claim("mac", "mac", mac, ("mac", i) if len(host.macs) > 1 else ("mac",)) for i, mac in enumerate(host.macs)]
    if isinstance(answers, HostTask):
        return found
    if (name := _name(host, answers)) is not None:
        found.append(Claim("name", "name", name, ("host_name",)))
    create = answers.pool.create
    if create is not None:
        found.append(Claim("pool", "pool", create.name.lower(), ("pool", "create", "name")))
        if answers.pool.toolstack == "ganeti":
            # Its name must resolve to an address of its own.
            found.append(Claim("name", "pool", create.name.lower(), ("pool", "create", "name")))
        if create.address is not None:
            found.append(Claim("address", "pool-address", plain_address(create.address), ("pool", "create", "address")))
    return found


def _name(host: Host, answers: Answers) -> str | None:
    """Return the name that a host will have; None when only its machine knows."""
    rule = answers.host_name.lower()
    uplinks = [selector.mac for selector in answers.network.management.selectors() if selector.mac is not None]
    known = {"serial": host.serial, "uuid": host.uuid, "mac": next(iter(uplinks), host.mac)}
    for key, value in known.items():
        if value is not None:
            rule = rule.replace(f"{{{key}}}", value.replace(":", "").lower())
    return None if is_rule(rule) else rule


def plain_address(value: Any) -> str:
    """Return an address as text; an IPv4 address inside an IPv6 address is the IPv4 address."""
    mapped = getattr(value, "ipv4_mapped", None)
    return str(mapped or value)


def _network_claims(answers: Answers) -> Iterator[Claim]:
    network = answers.network
    parts: list[tuple[Any, Path]] = [(network.management, ("network", "management"))]
    parts += [(bridge, ("network", "bridges", i)) for i, bridge in enumerate(network.bridges)]
    for part, path in parts:
        yield from _cards(part, path)
        for family in ("ipv4", "ipv6"):
            static = getattr(part, family, None)
            if static is not None and not isinstance(static, str):
                yield from _static(static, (*path, family))
        for i, route in enumerate(getattr(part, "routes", ())):
            yield Claim("address", "gateway", plain_address(route.via), (*path, "routes", i, "via"))
    iscsi = answers.san.iscsi
    if iscsi is None:
        return
    if iscsi.initiator is not None:
        yield Claim("initiator", "initiator", iscsi.initiator.lower(), ("san", "iscsi", "initiator"))
    for i, nic in enumerate(iscsi.nics):
        yield Claim("mac", "mac", nic.mac, ("san", "iscsi", "nics", i, "mac"))
        yield from _static(nic, ("san", "iscsi", "nics", i))
    for i, portal in enumerate(iscsi.portals):
        try:
            value = plain_address(ipaddress.ip_address(portal.address))
        except ValueError:
            continue
        yield Claim("address", "portal", value, ("san", "iscsi", "portals", i, "address"))


def _cards(uplink: Any, path: Path) -> Iterator[Claim]:
    if uplink.mac is not None:
        yield Claim("mac", "mac", uplink.mac, (*path, "mac"))
    elif uplink.nic is not None and uplink.nic.mac is not None:
        yield Claim("mac", "mac", uplink.nic.mac, (*path, "nic", "mac"))
    elif uplink.bond is not None:
        for i, nic in enumerate(uplink.bond.nics):
            if nic.mac is not None:
                yield Claim("mac", "mac", nic.mac, (*path, "bond", "nics", i, "mac"))


def _static(static: Any, path: Path) -> Iterator[Claim]:
    yield Claim("address", "address", plain_address(static.address.ip), (*path, "address"))
    if static.gateway is not None and not static.gateway.is_link_local:
        yield Claim("address", "gateway", plain_address(static.gateway), (*path, "gateway"))


def conflicts(claims: Iterable[tuple[Host, Sequence[Claim]]], place: Place, file: str) -> list[Problem]:
    """Return every conflict between hosts, and between two addresses of one host, with both places.

    A value that is wrong for many hosts at one place of the file is one problem.
    """
    owned: dict[tuple[str, str], list[tuple[Host, Claim]]] = {}
    shared: dict[tuple[str, str], tuple[Host, Claim]] = {}
    for host, those in claims:
        for claim in those:
            key = (claim.space, claim.value)
            if claim.role in OWNED:
                owned.setdefault(key, []).append((host, claim))
            else:
                shared.setdefault(key, (host, claim))
    problems: dict[tuple[Position, str, str], Problem] = {}
    for key, owners in owned.items():
        first = owners[0]
        pairs = [(other, first) for other in owners[1:] if _differ(other, first)]
        if key in shared:
            pairs += [(owner, shared[key]) for owner in owners if owner[0] is not shared[key][0] or owner[1].role != "address"]
        for (host, claim), (other, known) in pairs:
            problem = _problem((host, claim), (other, known), place, file)
            same = (problem.position, problem.field, problem.code)
            if same in problems:
                problem = problems[same]._replace(hosts=tuple(dict.fromkeys((*problems[same].hosts, host.name))))
            problems[same] = problem
    return list(problems.values())


def _differ(one: tuple[Host, Claim], other: tuple[Host, Claim]) -> bool:
    """Return whether two claims of a value exclude each other: those of two hosts, or two addresses of one."""
    (host, claim), (second, known) = one, other
    if claim.space == "name" and claim.role == known.role == "pool":
        return False  # two pools of one name are a conflict of their own
    return host is not second or (claim.space in ("address", "name") and claim.path != known.path)


def _problem(one: tuple[Host, Claim], second: tuple[Host, Claim], place: Place, file: str) -> Problem:
    (host, claim), (other, known) = one, second
    position = place(host, claim.path)
    there = place(other, known.path).text(file)
    if host is other:
        text = f"found '{claim.value}'; {dotted(known.path)} of the same host has it too ({there})"
    else:
        words = "creates a pool of this name" if (claim.role, known.role) == ("name", "pool") else WORDS[known.role]
        text = f"found '{claim.value}'; the host {other.name} {words} ({there})"
    role = known.role if known.role in HINTS else claim.role
    code = {"gateway": "address-of-gateway", "portal": "address-of-portal"}.get(known.role, CODES[claim.space])
    return Problem(position, dotted(claim.path), text, code, HINTS.get(role, ""), hosts=(host.name,))
