"""Which network card to try when, and when to give up: decided here from plain values, acted upon elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dom0kit.http_client import WebError
from installer.hardware.nics import Link

LONGEST_PAUSE = 30.0
"""Pause between two tries over one network card, after 1, 2, 4, ... s.

Kind: pace. Reason: a server that serves a thousand hosts must not be flooded. Expiry: the next try.
"""
TRIES_WHEN_REFUSED = 4
"""A server that says that the file is not there may still be filling its folders; it is asked so often in all."""
GRACE = 30.0
"""Wait for addresses of other cards before the refusal of one counts for all.

Kind: protocol. Reason: a switch's port may learn for 30 s (802.1D). Expiry: the installation fails with the state of each card.
"""
NO_URL = "its DHCP server names no URL (option 224)"


@dataclass(frozen=True)
class Tried:
    """How it went over one card so far: how often, until when to rest (seconds of the clock), and the last failure."""

    times: int
    again: float
    failure: WebError

    @property
    def refused(self) -> bool:
        """Whether the server is there and does not have the file, often enough."""
        return self.times >= TRIES_WHEN_REFUSED and is_refusal(self.failure)


@dataclass(frozen=True)
class Waiting:
    """The state of the search for answers.

    :param start: the clock when it began, in seconds.
    :param limit: seconds until it is given up.
    :param tried: by the card's MAC address.
    """

    start: float
    limit: float
    tried: dict[str, Tried] = field(default_factory=dict)


def is_refusal(failure: WebError) -> bool:
    """A status of 4xx: the network is well, the file is not for us. 408 and 429 ask for patience."""
    return failure.kind == "status" and 400 <= failure.status < 500 and failure.status not in (408, 429)


def is_final(failure: WebError) -> bool:
    """Whether no other try and no other card would help."""
    return failure.kind in ("tls", "url", "size", "protocol")


def due(state: Waiting, links: Sequence[Link], now: float) -> list[Link]:
    """The cards to try now: with carrier and address, not resting and not refused."""
    ready = []
    for link in links:
        tried = state.tried.get(link.mac)
        if link.usable and (tried is None or (now >= tried.again and not tried.refused)):
            ready.append(link)
    return ready


def failed(state: Waiting, link: Link, failure: WebError, now: float) -> Waiting:
    """The state after a failure over a card: it rests 1, 2, 4, ... 30 seconds."""
    before = state.tried.get(link.mac)
    times = before.times + 1 if before else 1
    rest = min(2.0 ** (times - 1), LONGEST_PAUSE)
    return replace(state, tried={**state.tried, link.mac: Tried(times, now + rest, failure)})


def left(state: Waiting, now: float) -> float:
    """Seconds until it is given up."""
    return max(state.start + state.limit - now, 0.0)


def hopeless(state: Waiting, links: Sequence[Link], now: float) -> bool:
    """Whether every card that could work was refused, and the others had time to come up."""
    usable = [link for link in links if link.usable]
    if not usable or not all(link.mac in state.tried and state.tried[link.mac].refused for link in usable):
        return False
    coming = [link for link in links if link.carrier and not link.addresses]
    return not coming or now - state.start >= GRACE


def next_try(state: Waiting, links: Sequence[Link], now: float) -> float | None:
    """Seconds until a card is tried again; None when there is none to wait for."""
    times = [tried.again - now for link in links if link.usable and (tried := state.tried.get(link.mac)) and not tried.refused]
    return max(min(times), 0.0) if times else None


def link_text(state: Waiting, link: Link) -> str:
    """One card in a few words: ``eth1: 10.0.0.5, 404 from server``."""
    if link.carrier is None:
        return f"{link.name}: not up"
    if not link.carrier:
        return f"{link.name}: no cable"
    if not link.addresses:
        return f"{link.name}: no address yet"
    tried = state.tried.get(link.mac)
    return f"{link.name}: {link.addresses[0]}" + (f", {short(tried.failure)}" if tried else "")


def short(failure: WebError) -> str:
    """A failure in two or three words."""
    words = {"dns": "name not found", "connect": "no connection", "timeout": "no answer"}
    if NO_URL in failure.message:
        return NO_URL
    if failure.kind == "status":
        return f"{failure.status} from server"
    return words.get(failure.kind, failure.message)


def status(state: Waiting, links: Sequence[Link], now: float) -> str:
    """The countdown for a person: every card, the next try, the time left."""
    cards = "; ".join(link_text(state, link) for link in links) or "no network card found"
    again = next_try(state, links, now)
    soon = f"; next try in {again:.0f} s" if again is not None and again >= 0.5 else ""
    return f"{cards}{soon}, {human_left(left(state, now))} left"


def human_left(seconds: float) -> str:
    """The time left, coarse."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def give_up(state: Waiting, links: Sequence[Link], now: float) -> tuple[str, str]:
    """The sentence and the hint when nothing came."""
    cards = "; ".join(link_text(state, link) for link in links) or "no network card found"
    reasons = [tried.failure for tried in state.tried.values()]
    spent = human_left(now - state.start)
    if not reasons:
        return (
            f"no network card had cable and address within {spent}: {cards}",
            "look at cable, switch port, VLAN and DHCP server",
        )
    chosen = min(reasons, key=lambda failure: not is_refusal(failure))
    return f"the answers did not come within {spent}: {chosen.message} ({cards})", chosen.hint or "look at the server and its log"
