"""Contradictions in the networks of answers: cards, bridges, addresses and routes (pure)."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from answerfiles.checks.addresses import edge
from answerfiles.checks.pci_address import plain_slot
from answerfiles.checks.refusal import Finding
from answerfiles.model import Answers, NicSelector
from answerfiles.model.network import Management, Uplink
from answerfiles.yaml_positions import Path, dotted

KERNEL_NAMES = frozenset({"all", "default", "bonding_masters", "ovs-system"})
"""Names below /proc/sys/net and /sys/class/net that no bridge can have."""
Card = tuple[Path, NicSelector]


def network_findings(answers: Answers) -> Iterator[Finding]:
    """Return every contradiction in the networks."""
    network = answers.network
    uplinks: list[tuple[Path, Uplink]] = [(("network", "management"), network.management)]
    uplinks += [(("network", "bridges", number), bridge) for number, bridge in enumerate(network.bridges)]
    cards = [card for path, uplink in uplinks for card in _cards(path, uplink)]
    yield from _cards_once(cards)
    yield from _bridge_names(answers, cards)
    for path, uplink in uplinks:
        if uplink.bond is not None and uplink.bond.lacp_rate != "slow" and uplink.bond.mode != "lacp":
            text = f"lacp_rate only with 'mode: lacp'; the mode is {uplink.bond.mode}"
            yield Finding((*path, "bond", "lacp_rate"), text, "lacp-rate", "set 'mode: lacp', or leave lacp_rate out")
    yield from _storage_cards(answers, cards)
    yield from _routes(network.management, others=bool(network.bridges) or bool(getattr(network.management, "vlans", ())))
    yield from _pool_address(answers)


def _cards(path: Path, uplink: Uplink) -> list[Card]:
    if uplink.bond is not None:
        return [((*path, "bond", "nics", number), nic) for number, nic in enumerate(uplink.bond.nics)]
    return [((*path, "mac" if uplink.mac is not None else "nic"), nic) for nic in uplink.selectors()]


def _cards_once(cards: list[Card]) -> Iterator[Finding]:
    for number, (path, nic) in enumerate(cards):
        for other_path, other in cards[:number]:
            # The same rule twice in a bond means two cards that fulfil it.
            pair = path[:-1] == other_path[:-1] and isinstance(path[-1], int) and not _names_one(nic)
            if not pair and _same_card(nic, other):
                text = f"the same network card as {dotted(other_path)} ({other}); each card belongs to one network only"
                yield Finding(path, text, "card-twice", "name another card, or leave it out")
                break


def _names_one(nic: NicSelector) -> bool:
    return nic.mac is not None or nic.slot is not None or nic.name is not None


def _same_card(one: NicSelector, other: NicSelector) -> bool:
    """Return whether two rules can only choose the same network card."""
    first, second = dict(one.given()), dict(other.given())
    for given in (first, second):
        if "slot" in given:
            given["slot"] = plain_slot(str(given["slot"]))
    if first == second:
        return True
    shared = first.keys() & second.keys()
    return bool(shared & {"mac", "slot", "name"}) and all(first[key] == second[key] for key in shared)


def _bridge_names(answers: Answers, cards: list[Card]) -> Iterator[Finding]:
    names = {nic.name: path for path, nic in cards if nic.name is not None}
    network = answers.network
    bridges: list[tuple[Path, str]] = [(("network", "management", "bridge"), network.management.bridge)]
    bridges += [(("network", "bridges", number, "name"), bridge.name) for number, bridge in enumerate(network.bridges)]
    seen: dict[str, Path] = {}
    for path, name in bridges:
        if name in names:
            text = f"{name!r} is the name of the network card {dotted(names[name])}"
            yield Finding(path, text, "bridge-name", "give the bridge another name, as xenbr0")
        elif name in KERNEL_NAMES:
            yield Finding(path, f"{name!r} is a name of the kernel's own", "bridge-name", "give the bridge another name")
        if name in seen:
            yield Finding(
                path, f"{name!r} is the name of {dotted(seen[name][:-1])} already", "bridge-twice", "give it another name"
            )
        seen.setdefault(name, path)


def _storage_cards(answers: Answers, cards: list[Card]) -> Iterator[Finding]:
    iscsi = answers.san.iscsi
    macs = {nic.mac: path for path, nic in cards if nic.mac is not None}
    management = answers.network.management
    addresses: dict[object, Path] = {
        value.address.ip: ("network", "management", name)
        for name, value in (("ipv4", management.ipv4), ("ipv6", management.ipv6))
        if not isinstance(value, str)
    }
    seen: set[tuple[str, int | None]] = set()
    for number, nic in enumerate(iscsi.nics if iscsi is not None else ()):
        path: Path = ("san", "iscsi", "nics", number)
        if nic.mac in macs or (nic.mac, nic.vlan) in seen:
            where = dotted(macs[nic.mac]) if nic.mac in macs else "another entry"
            yield Finding((*path, "mac"), f"the same network card as {where}", "card-twice", "name another card")
        seen.add((nic.mac, nic.vlan))
        if nic.address.ip in addresses:
            text = f"the same address as {dotted(addresses[nic.address.ip])}"
            yield Finding((*path, "address"), text, "address-twice", "give each card an address of its own")
        addresses.setdefault(nic.address.ip, path)


def _routes(management: Management, *, others: bool) -> Iterator[Finding]:
    seen: set[tuple[object, ...]] = set()
    for number, route in enumerate(management.routes):
        path: Path = ("network", "management", "routes", number)
        key = (route.to, route.metric)
        family = management.ipv4 if route.via.version == 4 else management.ipv6
        if key in seen:
            yield Finding(path, f"a second route to {route.to} with the same metric", "route-twice", "leave one out")
        seen.add(key)
        if family == "none" and not others:
            text = f"the host has no IPv{route.via.version} address"
            yield Finding((*path, "via"), text, "route-via", f"set ipv{route.via.version}, or leave the route out")
        elif not isinstance(family, str):
            if route.to.prefixlen == 0 and family.gateway is not None and route.metric is None:
                text = f"a default route in addition to the gateway {family.gateway}"
                yield Finding((*path, "to"), text, "route-twice", "leave gateway or the route out, or give it a metric")
            # With other networks of the host a gateway may be in one of those.
            outside = route.via not in family.address.network
            if (reason := _via_fault(route.via, family.address)) and not (others and outside):
                yield Finding((*path, "via"), reason, "route-via", "give the address of a router in the host's network")


def _via_fault(via: ipaddress.IPv4Address | ipaddress.IPv6Address, own: ipaddress.IPv4Interface | ipaddress.IPv6Interface) -> str:
    if via == own.ip:
        return "the host's own address"
    if via in own.network:
        return edge(via, own.network)
    return "" if via.version == 6 and via.is_link_local else f"in none of the host's networks; it has {own.network}"


def _pool_address(answers: Answers) -> Iterator[Finding]:
    create = answers.pool.create
    management = answers.network.management
    if create is None or create.address is None:
        return
    path: Path = ("pool", "create", "address")
    family = management.ipv4 if create.address.version == 4 else management.ipv6
    if family == "none":
        text = f"the host has no IPv{create.address.version} address"
        yield Finding(path, text, "pool-address", "give an address in the management network")
    elif not isinstance(family, str):
        own = family.address
        hint = "give a free address in the management network"
        if create.address == own.ip:
            yield Finding(path, "the host's own address; the pool's moves from host to host", "pool-address", hint)
        elif create.address == family.gateway:
            yield Finding(path, "the gateway's address", "pool-address", hint)
        elif create.address not in own.network:
            yield Finding(path, f"outside the management network {own.network}", "pool-address", hint)
        elif reason := edge(create.address, own.network):
            yield Finding(path, reason, "pool-address", hint)
