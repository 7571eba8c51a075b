"""Answers from a web server, over whichever network card gets there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dom0kit import http_client
from dom0kit.errors import UserError
from dom0kit.http_client import Trust, WebError
from dom0kit.machine_identity import Identity
from installer.answer_source import wait_for_link
from installer.answer_source.volumes import Tell
from installer.answer_source.wait_for_link import Waiting
from installer.command_log import Commands
from installer.hardware.nics import Link, read_links

TICK = 1.0
"""Pause between two looks at the network cards.

Kind: pace. Reason: a look is two calls of ip(8). Expiry: the next look.
"""

Get = Callable[..., bytes]


@dataclass(frozen=True)
class Got:
    """What arrived, from where, and for which machine: its MAC address is that of the card over which the file was found."""

    data: bytes
    url: str
    identity: Identity


def fetch(
    template: str | None,
    identity: Identity,
    trust: Trust,
    commands: Commands,
    tell: Tell,
    *,
    seconds: float,
    get: Get = http_client.get,
    look: Callable[[], Sequence[Link]] | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Got:
    """Wait for carrier and address, then fetch; every card has its turn.

    :param template: the URL with its places; None: DHCP names it.
    :param identity: with a MAC address that is the one filled in, whatever card is used; without, each card's own.
    :raises UserError: when it did not come, in time or at all.
    """
    look = look or (lambda: read_links(commands.runner))
    state = Waiting(clock(), seconds)
    while True:
        links = look()
        now = clock()
        for link in wait_for_link.due(state, links, now):
            who = identity if identity.mac else replace(identity, mac=link.mac)
            try:
                return attempt(template or link.url, link, who, commands, partial(get, trust=trust))
            except WebError as error:
                commands.note(f"{link.name}: {error.message}")
                if wait_for_link.is_final(error):
                    raise
                state = wait_for_link.failed(state, link, error, clock())
        now = clock()
        if wait_for_link.left(state, now) <= 0 or wait_for_link.hopeless(state, links, now):
            raise UserError(*wait_for_link.give_up(state, links, now))
        tell((now - state.start) / seconds, wait_for_link.status(state, links, now))
        sleep(TICK)


def attempt(template: str, link: Link, who: Identity, commands: Commands, get: Get) -> Got:
    """One try over one card.

    :raises WebError: when the file does not come.
    """
    if not template:
        # Told like a refusal by a server: the lease may be renewed with it, but hardly.
        raise WebError("status", f"{link.name}: {wait_for_link.NO_URL}", "set option 224 in the DHCP server, as a text", 404)
    if missing := who.missing(template):
        names = ", ".join(missing)
        raise WebError("url", f"the address of the answers asks for {names}, which this machine does not have", "use {mac}")
    url = who.fill(template)
    commands.note(f"{link.name}: GET {http_client.shown(url)}")
    return Got(get(url), url, who)
