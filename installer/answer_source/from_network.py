"""Fetch answers from a web server over any network card that reaches it."""

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
"""Pause between two checks of the network cards.

Kind: pace. Reason: a check is two calls of ip(8). Expiry: the next check.
"""

Get = Callable[..., bytes]


@dataclass(frozen=True)
class Got:
    """Fetched file with its URL and the identity it was fetched for: the MAC address is that of the network card used."""

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
    """Wait for link and address, then fetch the file over each network card in turn.

    :param template: URL with placeholders; "" for the one from DHCP.
    :param identity: if it has a MAC address, that is filled in for all cards; otherwise each card's own.
    :raises UserError: when it cannot be fetched in time.
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
    """Try once over one network card.

    :raises WebError: when the file cannot be fetched.
    """
    if not template:
        # Reported like a rejection by a server: a renewed lease might have the option, but hardly.
        raise WebError(
            "status", f"{link.name}: {wait_for_link.NO_URL}", "set option 224 on the DHCP server to the URL as text", 404
        )
    if missing := who.missing(template):
        names = ", ".join(missing)
        raise WebError(
            "url", f"the URL of the answers requires {names}, which this machine does not have", "use {mac} in the URL"
        )
    url = who.fill(template)
    commands.note(f"{link.name}: GET {http_client.shown(url)}")
    return Got(get(url), url, who)
