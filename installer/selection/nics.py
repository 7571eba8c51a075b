"""Which network cards the answers mean, and the answers with every rule turned into a MAC address. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from answerfiles.model import Answers, Bridge, Management, NicSelector
from installer.model.hardware import Facts, Nic


@dataclass(frozen=True)
class Uplink:
    """A bridge's way to the cables, resolved.

    :param bridge: the bridge's name.
    :param role: ``management`` or ``bridge``.
    :param cards: each with the rule that chose it; several are a bond.
    :param bond: the bond's mode; empty without a bond.
    """

    bridge: str
    role: str
    cards: tuple[tuple[Nic, str], ...]
    bond: str = ""

    def describe(self) -> str:
        """The uplink in a line: ``management: eth1 52:54:00:00:00:02, chosen by driver: virtio_net``.

        A card that was chosen by its MAC address alone has that one named once.
        """
        name = self.role if self.role == "management" else f"bridge {self.bridge}"
        plain = {nic.mac: f"chosen by mac: {nic.mac}" for nic, _ in self.cards}
        each = (f"{nic.name} {nic.mac}" + ("" if reason == plain[nic.mac] else f", {reason}") for nic, reason in self.cards)
        cards = "; ".join(each) or "no network card"
        return f"{name}: {f'bond ({self.bond}) of ' if self.bond else ''}{cards}"


def plain_slot(text: str) -> str:
    """A PCI address with its domain, in lower case."""
    lower = text.lower()
    return lower if lower.count(":") > 1 else f"0000:{lower}"


def why_not(nic: Nic, selector: NicSelector) -> str:
    """Why a card is not the one that was asked for; empty when it is."""
    cable = {True: "it has a cable", False: "it has no cable", None: "it is not up, so nobody knows of a cable"}[nic.carrier]
    checks = (
        (selector.mac is not None and nic.mac != selector.mac, f"its MAC is {nic.mac}"),
        (selector.driver is not None and nic.driver != selector.driver, f"its driver is {nic.driver or 'unknown'}"),
        (
            selector.slot is not None and (not nic.slot or plain_slot(nic.slot) != plain_slot(selector.slot)),
            f"its slot is {nic.slot or 'unknown'}",
        ),
        (selector.name is not None and nic.name != selector.name, f"its name is {nic.name}"),
        (selector.carrier is not None and nic.carrier is not selector.carrier, cable),
    )
    return "; ".join(reason for failed, reason in checks if failed)


def candidates(facts: Facts, why: Callable[[Nic], str]) -> str:
    """Every card with the reason why it is or is not taken, a line each."""
    lines = [f"    {nic.describe()}: {why(nic)}" for nic in facts.nics]
    return "\n".join(lines) or "    this machine has none, or their drivers are missing"


def choose_cards(facts: Facts, selectors: tuple[NicSelector, ...], where: str) -> tuple[tuple[tuple[Nic, str], ...], list[str]]:
    """A card with its reason for each selector, and problems.

    A selector that is there twice asks for two cards: exactly as many must match.
    """
    found: dict[NicSelector, list[Nic]] = {}
    problems = []
    for selector in dict.fromkeys(selectors):
        asked = selectors.count(selector)
        cards = [nic for nic in facts.nics if not why_not(nic, selector)]
        if len(cards) == asked:
            found[selector] = cards
            continue
        count = {0: "no network card matches", 1: "only one network card matches"}.get(
            len(cards), f"{len(cards)} network cards match"
        )
        lines = candidates(facts, lambda nic, rule=selector: why_not(nic, rule) or "matches")  # type: ignore[misc]
        problems.append(f"{count} {where} ({selector}), exactly {'one' if asked == 1 else asked} must:\n{lines}")
    if problems:
        return (), problems
    return tuple((found[selector].pop(0), f"chosen by {selector}") for selector in selectors), []


def choose_uplinks(facts: Facts, answers: Answers) -> tuple[tuple[Uplink, ...], list[str]]:
    """The cards of the management network, then of each further bridge; and problems that list every candidate."""
    management = answers.network.management
    uplinks, problems = [], []
    asked: list[tuple[str, str, Management | Bridge]] = [("management", management.bridge, management)]
    asked += [("bridge", bridge.name, bridge) for bridge in answers.network.bridges]
    for role, name, uplink in asked:
        where = "network.management" if role == "management" else f"network.bridges {name}"
        cards: tuple[tuple[Nic, str], ...] = ()
        if uplink.selectors():
            cards, more = choose_cards(facts, uplink.selectors(), where)
            problems += more
        elif role == "management":
            if len(facts.nics) == 1:
                cards = ((facts.nics[0], "the only network card"),)
            else:
                count, lines = len(facts.nics), candidates(facts, lambda nic: "could be it")
                problems.append(f"{where} needs mac, nic or bond, because there are {count} network cards, not one:\n{lines}")
        uplinks.append(Uplink(name, role, cards, uplink.bond.mode if uplink.bond else ""))
    return tuple(uplinks), problems or twice(uplinks)


def twice(uplinks: list[Uplink]) -> list[str]:
    """Cards that are wanted more than once."""
    places: dict[str, list[str]] = {}
    names: dict[str, Nic] = {}
    for uplink in uplinks:
        for nic, _ in uplink.cards:
            places.setdefault(nic.name, []).append(uplink.bridge)
            names[nic.name] = nic
    return [
        f"the network card {names[name].describe()} is wanted more than once: for {' and '.join(wanted)}"
        for name, wanted in places.items()
        if len(wanted) > 1
    ]


def resolve(answers: Answers, uplinks: tuple[Uplink, ...]) -> Answers:
    """The answers with a MAC address in place of every rule: the host is bound to its cards from here on."""
    network = answers.network
    management = network.management.model_copy(update=macs(network.management, uplinks[0]))
    bridges = tuple(
        bridge.model_copy(update=macs(bridge, uplink)) for bridge, uplink in zip(network.bridges, uplinks[1:], strict=True)
    )
    changed = network.model_copy(update={"management": management, "bridges": bridges})
    return answers.model_copy(update={"network": changed})


def macs(asked: Management | Bridge, uplink: Uplink) -> dict[str, object]:
    """The fields of an uplink that name its cards."""
    cards = [nic.mac for nic, _ in uplink.cards]
    if asked.bond is not None:
        return {"bond": asked.bond.model_copy(update={"nics": tuple(NicSelector(mac=mac) for mac in cards)})}
    return {"mac": cards[0] if cards else None, "nic": None}
