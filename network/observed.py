"""Parse the observed state of the networks: addresses from ``ip``, links from networkd, bonds from Open vSwitch."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, TypedDict

FAMILIES = {"inet": 4, "inet6": 6}


def records(text: str) -> list[dict[str, Any]]:
    """Return the records of a listing that ``ip -json`` printed; none when it is no listing."""
    try:
        value = json.loads(text or "[]")
    except ValueError:
        return []
    return [record for record in value if isinstance(record, dict)] if isinstance(value, list) else []


def addresses(text: str) -> dict[int, list[str]]:
    """Return the global addresses by family in the output of ``ip -json address show``.

    IPv6 addresses that are still being checked for duplicates, or were found to be one (RFC 4862), do not count.
    """
    found: dict[int, list[str]] = {4: [], 6: []}
    for link in records(text):
        for address in link.get("addr_info", []):
            family = FAMILIES.get(str(address.get("family")))
            unusable = address.get("tentative") or address.get("dadfailed") or address.get("deprecated")
            if family and address.get("scope") == "global" and not unusable:
                found[family].append(str(address["local"]))
    return found


def is_taken_up(text: str) -> bool:
    """Return whether networkd works on a link or has finished, from ``networkctl --json=short status LINK``.

    It is ``pending`` until udev has named the link, and ``initialized`` until a .network file is found (networkctl(1)).
    """
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return False
    return isinstance(value, dict) and value.get("AdministrativeState", "pending") not in ("pending", "initialized")


def best(found: dict[int, list[str]], families: Sequence[int]) -> str | None:
    """Return the address to name the host by: IPv4 before IPv6, of the configured families; None without any."""
    for family in families:
        if found[family]:
            return found[family][0]
    return None


class Member(TypedDict):
    """A card of a bond."""

    name: str
    enabled: bool
    active: bool


class Bond(TypedDict):
    """A bond of Open vSwitch: its mode, the state of LACP, and its members by name."""

    mode: str
    lacp: str
    members: list[Member]


def bond(text: str) -> Bond:
    """Return a bond from ``ovs-appctl bond/show NAME``: mode, state of LACP, and the members with theirs."""
    mode = re.search(r"^bond_mode: (\S+)", text, re.MULTILINE)
    lacp = re.search(r"^lacp_status: (\S+)", text, re.MULTILINE)
    members: list[Member] = []
    for part in re.split(r"^(?=(?:member|slave) \S+: )", text, flags=re.MULTILINE)[1:]:
        head = re.match(r"(?:member|slave) (\S+): (\w+)", part)
        if head:
            active = re.search(r"^\s+active (?:member|slave)$", part, re.MULTILINE) is not None
            members.append({"name": head[1], "enabled": head[2] == "enabled", "active": active})
    return {
        "mode": mode[1] if mode else "unknown",
        "lacp": lacp[1] if lacp else "unknown",
        "members": sorted(members, key=lambda member: member["name"]),
    }


def bond_text(state: Bond) -> str:
    """Return a bond as one line of text."""
    words = [f"{m['name']} {'down' if not m['enabled'] else 'active' if m['active'] else 'up'}" for m in state["members"]]
    lacp = "" if state["lacp"] in ("off", "unknown") else f", LACP {state['lacp']}"
    return f"{state['mode']}{lacp}: {', '.join(words) or 'no members'}"
