"""Decide which network card to try when, and when to give up (pure)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from dom0kit.http_client import WebError
from installer.hardware.nics import Link

LONGEST_PAUSE = 30.0
"""Pause between two attempts over one network card, after 1, 2, 4, ... s.

Kind: pace. Reason: a server that serves a thousand hosts must not be flooded. Expiry: the next try.
"""
TRIES_WHEN_REFUSED = 4
"""Number of attempts after 'not found': the server may still be filling its folders."""
GRACE = 30.0
"""Wait for addresses of other network cards before one card's rejection is final.

Kind: protocol. Reason: a switch's port may learn for 30 s (802.1D). Expiry: the installation fails with the state of each card.
"""
NO_URL = "its DHCP server names no URL (option 224)"


@dataclass(frozen=True)
class Tried:
    """Attempts over one network card: number, end of the pause (clock seconds), last failure."""

    times: int
    again: float
    failure: WebError

    @property
    def refused(self) -> bool:
        """Return whether the server has rejected the request often enough."""
        return self.times >= TRIES_WHEN_REFUSED and is_refusal(self.failure)


@dataclass(frozen=True)
class Waiting:
    """State of the search for answers.

    :param start: clock at the start, in seconds.
    :param limit: seconds until the search fails.
    :param tried: attempts by MAC address of the network card.
    """

    start: float
    limit: float
    tried: dict[str, Tried] = field(default_factory=dict)


def is_refusal(failure: WebError) -> bool:
    """Return whether the server rejected the request (4xx); 408 and 429 request patience."""
    return failure.kind == "status" and 400 <= failure.status < 500 and failure.status not in (408, 429)


def is_final(failure: WebError) -> bool:
    """Return whether neither another attempt nor another card can help."""
    return failure.kind in ("tls", "url", "size", "protocol")


def due(state: Waiting, links: Sequence[Link], now: float) -> list[Link]:
    """Return the network cards to try now: with link and address, not pausing and not rejected."""
    ready = []
    for link in links:
        tried = state.tried.get(link.mac)
        if link.usable and (tried is None or (now >= tried.again and not tried.refused)):
            ready.append(link)
    return ready


def failed(state: Waiting, link: Link, failure: WebError, now: float) -> Waiting:
    """Return the state after a failure over a card, which pauses for 1, 2, 4, ... 30 seconds."""
    before = state.tried.get(link.mac)
    times = before.times + 1 if before else 1
    rest = min(2.0 ** (times - 1), LONGEST_PAUSE)
    return replace(state, tried={**state.tried, link.mac: Tried(times, now + rest, failure)})


def left(state: Waiting, now: float) -> float:
    """Return the seconds until the search fails."""
    return max(state.start + state.limit - now, 0.0)


def hopeless(state: Waiting, links: Sequence[Link], now: float) -> bool:
    """Return whether every usable card was rejected and the others had time to come up."""
    usable = [link for link in links if link.usable]
    if not usable or not all(link.mac in state.tried and state.tried[link.mac].refused for link in usable):
        return False
    coming = [link for link in links if link.carrier and not link.addresses]
    return not coming or now - state.start >= GRACE


def next_try(state: Waiting, links: Sequence[Link], now: float) -> float | None:
    """Return the seconds until the next attempt; None if there is none."""
    times = [tried.again - now for link in links if link.usable and (tried := state.tried.get(link.mac)) and not tried.refused]
    return max(min(times), 0.0) if times else None


def link_text(state: Waiting, link: Link) -> str:
    """Return a network card in a few words: ``eth1: 10.0.0.5, 404 from server``."""
    if link.carrier is None:
        return f"{link.name}: interface down"
    if not link.carrier:
        return f"{link.name}: no link"
    if not link.addresses:
        return f"{link.name}: no address yet"
    tried = state.tried.get(link.mac)
    return f"{link.name}: {link.addresses[0]}" + (f", {short(tried.failure)}" if tried else "")


def short(failure: WebError) -> str:
    """Return a failure in two or three words."""
    words = {"dns": "name not found", "connect": "no connection", "timeout": "no answer"}
    if NO_URL in failure.message:
        return NO_URL
    if failure.kind == "status":
        return f"{failure.status} from server"
    return words.get(failure.kind, failure.message)


def status(state: Waiting, links: Sequence[Link], now: float) -> str:
    """Return the countdown: every network card, the next attempt, the time left."""
    cards = "; ".join(link_text(state, link) for link in links) or "no network card found"
    again = next_try(state, links, now)
    soon = f"; next try in {again:.0f} s" if again is not None and again >= 0.5 else ""
    return f"{cards}{soon}, {human_left(left(state, now))} left"


def human_left(seconds: float) -> str:
    """Return the remaining time, rounded."""
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def give_up(state: Waiting, links: Sequence[Link], now: float) -> tuple[str, str]:
    """Return message and hint when the search failed."""
    cards = "; ".join(link_text(state, link) for link in links) or "no network card found"
    reasons = [tried.failure for tried in state.tried.values()]
    spent = human_left(now - state.start)
    if not reasons:
        return (
            f"no network card had a link and an address within {spent}: {cards}",
            "check cable, switch port, VLAN and DHCP server",
        )
    chosen = min(reasons, key=lambda failure: not is_refusal(failure))
    return f"could not get the answers within {spent}: {chosen.message} ({cards})", chosen.hint or "check the server and its log"
