"""Match network cards to the selectors of the answers, and replace selectors by MAC addresses (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from answerfiles.checks.pci_address import plain_slot
from answerfiles.model import Answers, Bridge, Management, NicSelector
from installer.model import refusals
from installer.model.hardware import Facts, Nic

USB_FUNCTION = "does not count: a network function over USB, such as that of a management controller; a rule can choose it"


@dataclass(frozen=True)
class Uplink:
    """The physical network cards of a bridge.

    :param bridge: name of the bridge.
    :param role: ``management`` or ``bridge``.
    :param cards: network cards, each with the selector that chose it; several form a bond.
    :param bond: mode of the bond; "" without a bond.
    """

    bridge: str
    role: str
    cards: tuple[tuple[Nic, str], ...]
    bond: str = ""

    def describe(self) -> str:
        """Return the uplink in a line: ``management: eth1 52:54:00:00:00:02, chosen by driver: virtio_net``.

        A MAC address that is also the selector is printed once.
        """
        name = self.role if self.role == "management" else f"bridge {self.bridge}"
        plain = {nic.mac: f"chosen by mac: {nic.mac}" for nic, _ in self.cards}
        each = (f"{nic.name} {nic.mac}" + ("" if reason == plain[nic.mac] else f", {reason}") for nic, reason in self.cards)
        cards = "; ".join(each) or "no network card"
        return f"{name}: {f'bond ({self.bond}) of ' if self.bond else ''}{cards}"


def mismatch(nic: Nic, selector: NicSelector) -> str:
    """Return why the network card does not match the selector ("" if it matches)."""
    link = {True: "it has a link", False: "it has no link", None: "it is down, so its link is unknown"}[nic.carrier]
    checks = (
        (selector.mac is not None and nic.mac != selector.mac, f"its MAC is {nic.mac}"),
        (selector.driver is not None and nic.driver != selector.driver, f"its driver is {nic.driver or 'unknown'}"),
        (
            selector.slot is not None and (not nic.slot or plain_slot(nic.slot) != plain_slot(selector.slot)),
            f"its slot is {nic.slot or 'unknown'}",
        ),
        (selector.name is not None and nic.name != selector.name, f"its name is {nic.name}"),
        (selector.carrier is not None and nic.carrier is not selector.carrier, link),
    )
    return "; ".join(reason for failed, reason in checks if failed)


def candidates(facts: Facts, why: Callable[[Nic], str]) -> str:
    """Return a line for each network card with the reason why it does or does not match."""
    lines = [f"    {nic.describe()}: {why(nic)}" for nic in facts.nics]
    return "\n".join(lines) or "    no network card was found; the drivers may be missing"


def choose_cards(facts: Facts, selectors: tuple[NicSelector, ...], where: str) -> tuple[tuple[tuple[Nic, str], ...], list[str]]:
    """Return a network card with its selector for each selector, and problems.

    A selector that occurs n times requires n cards: exactly as many must match.
    """
    found: dict[NicSelector, list[Nic]] = {}
    problems = []
    for selector in dict.fromkeys(selectors):
        required = selectors.count(selector)
        cards = [nic for nic in facts.nics if not mismatch(nic, selector)]
        if len(cards) == required:
            found[selector] = cards
            continue
        count = {0: "no network card matches", 1: "only one network card matches"}.get(
            len(cards), f"{len(cards)} network cards match"
        )
        lines = candidates(facts, lambda nic, rule=selector: mismatch(nic, rule) or "matches")  # type: ignore[misc]
        refusal = refusals.NIC_NOT_FOUND if len(cards) < required else refusals.NIC_AMBIGUOUS
        needed = "one" if required == 1 else str(required)
        problems.append(refusal.text(f"{count} {where} ({selector}), exactly {needed} must match:\n{lines}"))
    if problems:
        return (), problems
    return tuple((found[selector].pop(0), f"chosen by {selector}") for selector in selectors), []


def choose_uplinks(facts: Facts, answers: Answers) -> tuple[tuple[Uplink, ...], list[str]]:
    """Return the network cards of the management network and of each additional bridge, and problems."""
    management = answers.network.management
    uplinks, problems = [], []
    requested: list[tuple[str, str, Management | Bridge]] = [("management", management.bridge, management)]
    requested += [("bridge", bridge.name, bridge) for bridge in answers.network.bridges]
    for role, name, uplink in requested:
        where = "network.management" if role == "management" else f"network.bridges {name}"
        cards: tuple[tuple[Nic, str], ...] = ()
        if uplink.selectors():
            cards, more = choose_cards(facts, uplink.selectors(), where)
            problems += more
        elif role == "management":
            usual = [nic for nic in facts.nics if not nic.is_usb_function]
            if len(usual) == 1:
                cards = ((usual[0], "the only network card"),)
            else:
                lines = candidates(facts, lambda nic: USB_FUNCTION if nic.is_usb_function else "candidate")
                problems.append(
                    refusals.NIC_AMBIGUOUS.text(
                        f"{where} needs mac, nic or bond, because there are {len(usual)} network cards, not one:\n{lines}"
                    )
                )
        uplinks.append(Uplink(name, role, cards, uplink.bond.mode if uplink.bond else ""))
    return tuple(uplinks), problems or [*selected_twice(uplinks), *mac_problems(uplinks, facts)]


def selected_twice(uplinks: list[Uplink]) -> list[str]:
    """Return an error for each network card that is selected more than once."""
    places: dict[str, list[str]] = {}
    names: dict[str, Nic] = {}
    for uplink in uplinks:
        for nic, _ in uplink.cards:
            places.setdefault(nic.name, []).append(uplink.bridge)
            names[nic.name] = nic
    return [
        refusals.NIC_SELECTED_TWICE.text(
            f"the network card {names[name].describe()} is selected more than once: for {' and '.join(wanted)}"
        )
        for name, wanted in places.items()
        if len(wanted) > 1
    ]


def mac_problems(uplinks: list[Uplink], facts: Facts) -> list[str]:
    """Return an error for each selected network card that the host could not recognize by its MAC address."""
    problems = []
    for nic in dict.fromkeys(nic for uplink in uplinks for nic, _ in uplink.cards):
        twins = [other for other in facts.nics if other.mac == nic.mac and other.name != nic.name]
        if not nic.permanent:
            problems.append(
                refusals.NIC_MAC_NOT_PERMANENT.text(f"the network card {nic.describe()} has no MAC address of its own")
            )
        elif twins:
            names = ", ".join(other.describe() for other in twins)
            problems.append(
                refusals.NIC_MAC_NOT_UNIQUE.text(f"the network card {nic.describe()} has the MAC address of {names} too")
            )
    return problems


def resolve(answers: Answers, uplinks: tuple[Uplink, ...]) -> Answers:
    """Return the answers with MAC addresses in place of selectors: the host is bound to these cards."""
    network = answers.network
    management = network.management.model_copy(update=macs(network.management, uplinks[0]))
    bridges = tuple(
        bridge.model_copy(update=macs(bridge, uplink)) for bridge, uplink in zip(network.bridges, uplinks[1:], strict=True)
    )
    changed = network.model_copy(update={"management": management, "bridges": bridges})
    return answers.model_copy(update={"network": changed})


def macs(requested: Management | Bridge, uplink: Uplink) -> dict[str, object]:
    """Return the fields of an uplink that identify its network cards."""
    cards = [nic.mac for nic, _ in uplink.cards]
    if requested.bond is not None:
        return {"bond": requested.bond.model_copy(update={"nics": tuple(NicSelector(mac=mac) for mac in cards)})}
    return {"mac": cards[0] if cards else None, "nic": None}
