"""Wait for the DHCP server when it names the host: answers from a stick are read before the network is up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from answerfiles.host_naming import DHCP
from answerfiles.model import Answers
from dom0kit.polling import TimedOut, poll
from installer.hardware.naming import leases_of, read_dhcp_names
from installer.model.hardware import Facts, Nic
from installer.selection.nics import choose_uplinks

LEASE_SECONDS = 130
"""Wait for a lease of the management network's card when the DHCP server names the host.

Kind: protocol. Reason: DHCP asks after 0, 4, 12, 28, 60 and 124 s (RFC 2131), and a switch's port may learn for 30 s (802.1D).
Expiry: the plan is made without a name, which uses host_name_fallback or refuses the installation.
"""
LOOK_SECONDS = 0.5
"""Pause between two looks for a lease.

Kind: pace. Reason: a few small files are read. Expiry: the next look.
"""
Tell = Callable[[float, str], None]


def has_lease(nic: Nic, root: Path) -> bool:
    """Return whether a card has a lease, with or without a name in it."""
    return bool(leases_of(nic.name, root))


def with_dhcp_names(
    answers: Answers, facts: Facts, tell: Tell, *, root: Path = Path("/"), seconds: float = LEASE_SECONDS, own: str | None = None
) -> Facts:
    """Return the facts with the names of the leases, once a card of the management network has one.

    Nothing is waited for unless the DHCP server names the host.

    :param own: name of this system; see :func:`installer.hardware.naming.lease_name`.
    """
    cards = [nic for nic, _ in choose_uplinks(facts, answers)[0][0].cards]
    if answers.host_name != DHCP or not cards or any(nic.dhcp_name for nic in cards):
        return facts

    def came() -> bool:
        return any(has_lease(nic, root) for nic in cards)

    names = ", ".join(nic.name for nic in cards)
    try:
        what = f"a lease on {names}"
        poll(came, seconds, LOOK_SECONDS, what, progress=lambda spent, limit: tell(spent / limit, f"waiting for {what}"))
    except TimedOut:
        return facts
    found = read_dhcp_names(root, own)
    return replace(facts, nics=tuple(replace(nic, dhcp_name=found.get(nic.name, "")) for nic in facts.nics))
