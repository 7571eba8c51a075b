"""The host's name on this machine, when the answers leave it to the machine (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from answerfiles.host_naming import DHCP, NoName, fill, is_rule
from answerfiles.model import Answers
from installer.model import refusals
from installer.model.hardware import Facts
from installer.selection.nics import Uplink


@dataclass(frozen=True)
class Naming:
    """A host's name and where it comes from.

    :param source: for the plan; "" when the answers have the name itself.
    :param warning: why the fallback was used; "" if it was not.
    """

    name: str
    source: str = ""
    warning: str = ""


def sources(facts: Facts, uplinks: tuple[Uplink, ...]) -> dict[str, str]:
    """Return what a rule can be filled with; MAC address and DHCP name are those of the management network's cards."""
    cards = [nic for nic, _ in uplinks[0].cards]
    machine = facts.machine
    return {
        "serial": machine.serial,
        "uuid": machine.uuid,
        "asset": machine.asset,
        "mac": cards[0].mac if cards else "",
        DHCP: next((nic.dhcp_name for nic in cards if nic.dhcp_name), ""),
    }


def name_host(answers: Answers, facts: Facts, uplinks: tuple[Uplink, ...]) -> tuple[Naming, list[str]]:
    """Return the host's name on this machine, and problems."""
    if not is_rule(answers.host_name):
        return Naming(answers.host_name), []
    values = sources(facts, uplinks)
    try:
        return Naming(fill(answers.host_name, values), f"host_name '{answers.host_name}'"), []
    except NoName as error:
        reason = str(error)
    fallback = answers.host_name_fallback
    if fallback is None:
        return Naming(""), [refusals.NO_HOST_NAME.text(f"host_name {reason}")]
    try:
        name = fill(fallback, values)
    except NoName as error:
        return Naming(""), [refusals.NO_HOST_NAME.text(f"host_name {reason}\n  host_name_fallback {error}")]
    return Naming(name, f"host_name_fallback '{fallback}'", f"host_name {reason}; the host is named {name}"), []


def named(answers: Answers, naming: Naming) -> Answers:
    """Return the answers with the name in place of the rule: an installed host has one name."""
    return answers.model_copy(update={"host_name": naming.name, "host_name_fallback": None})
