"""Order of the screens, and navigation between them (pure)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from installer.tui.pages import disks, host, kept_host, network, packages, pool, pool_preflight, summary, welcome
from installer.tui.state import State
from installer.tui.toolkit.forms import Form, Problem, Values


@dataclass(frozen=True)
class Step:
    """Describe one screen of the flow.

    :param form: builds the form from the state.
    :param submit: returns the new state, or the problems that the user must correct first.
    :param skip: whether the screen is left out.
    """

    name: str
    form: Callable[[State], Form]
    submit: Callable[[State, Values], State | list[Problem]]
    skip: Callable[[State], bool]


def store_values(state: State, values: Values) -> State:
    """Store the values as they are: every possible input is valid."""
    return state.with_values(values)


def never_skip(state: State) -> bool:
    """Return False: the screen is skipped only if its answer is preset."""
    return False


FLOW = (
    #    name        form                 submit                 skip
    Step("keyboard", welcome.keyboard, welcome.submit_keyboard, never_skip),
    Step("what", welcome.what, store_values, never_skip),
    Step("host", kept_host.host, kept_host.submit, kept_host.skip),
    Step("warnings", welcome.warnings, store_values, welcome.skip_warnings),
    Step("packages", packages.packages, store_values, never_skip),
    Step("disk", disks.target, disks.submit_target, never_skip),
    Step("mirror", disks.mirror, disks.submit_mirror, disks.skip_mirror),
    Step("guests", disks.guests, disks.submit_guests, never_skip),
    Step("more", disks.more, disks.submit_more, disks.skip_more),
    Step("card", network.card, network.submit_card, never_skip),
    Step("bond", network.bond, network.submit_bond, network.skip_bond),
    Step("ip", network.ip, network.submit_ip, never_skip),
    Step("static4", network.static4, network.submit_static4, network.skip_static4),
    Step("static6", network.static6, network.submit_static6, network.skip_static6),
    Step("test", lambda state: summary.network_test(), store_values, never_skip),
    Step("names", network.names, network.submit_names, never_skip),
    Step("region", host.region, store_values, never_skip),
    Step("city", host.city, host.submit_city, never_skip),
    Step("root", host.root, host.submit_root, never_skip),
    Step("pool", pool.pool, pool.submit_pool, never_skip),
    Step("pool-create", pool.create, pool.submit_create, pool.skip_create),
    Step("pool-token", pool.token, pool.submit_token, pool.skip_token),
    Step("pool-xapi", pool.xapi, pool.submit_xapi, pool.skip_xapi),
    Step("pool-answer", pool_preflight.answer, store_values, pool_preflight.skip_join),
    Step("summary", summary.summary, summary.submit_summary, never_skip),
    Step("confirm", summary.confirm, summary.submit_confirm, never_skip),
)
FOR_A_KEPT_HOST = frozenset({"keyboard", "what", "host"})
"""The screens for a host on the disks that is upgraded: it has its own settings."""
NAMES = tuple(step.name for step in FLOW)


def step(name: str) -> Step:
    """Return the screen with a name."""
    return FLOW[NAMES.index(name)]


def is_skipped(state: State, name: str) -> bool:
    """Return whether a screen is skipped: its answer is preset, or other answers make it pointless."""
    if state.offer is not None and name not in FOR_A_KEPT_HOST:
        return True
    return name in state.preset or step(name).skip(state)


def next_screen(state: State, name: str) -> str | None:
    """Return the name of the screen after ``name``; None after the last. "" stands before the first."""
    later = NAMES[NAMES.index(name) + 1 :] if name else NAMES
    return next((other for other in later if not is_skipped(state, other)), None)


def previous_screen(state: State, name: str) -> str | None:
    """Return the name of the screen before ``name``; None before the first."""
    earlier = NAMES[: NAMES.index(name)]
    return next((other for other in reversed(earlier) if not is_skipped(state, other)), None)
