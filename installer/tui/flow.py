"""The screens in their order, and how one comes to the next. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from installer.tui.pages import disks, host, network, packages, pool, pool_preflight, summary, welcome
from installer.tui.state import State
from installer.tui.toolkit.forms import Form, Problem, Values


@dataclass(frozen=True)
class Step:
    """A screen.

    :param form: what it shows.
    :param take: what becomes of the state, or what must be mended first.
    :param skip: whether it is left out.
    """

    name: str
    form: Callable[[State], Form]
    take: Callable[[State, Values], State | list[Problem]]
    skip: Callable[[State], bool]


def keep(state: State, values: Values) -> State:
    """Everything that can be typed or chosen is right."""
    return state.having(values)


def never(state: State) -> bool:
    """Skipped only when its answer is known from elsewhere."""
    return False


FLOW = (
    #    name        what it shows        what it does with it   skipped when
    Step("keyboard", welcome.keyboard, welcome.take_keyboard, never),
    Step("what", welcome.what, keep, never),
    Step("warnings", welcome.warnings, keep, welcome.no_warnings),
    Step("packages", packages.packages, keep, never),
    Step("disk", disks.target, disks.take_target, never),
    Step("mirror", disks.mirror, disks.take_mirror, disks.no_mirror),
    Step("guests", disks.guests, disks.take_guests, never),
    Step("more", disks.more, keep, disks.no_more),
    Step("card", network.card, network.take_card, never),
    Step("bond", network.bond, network.take_bond, network.no_bond),
    Step("ip", network.ip, network.take_ip, never),
    Step("static4", network.static4, network.take_static4, network.no_static4),
    Step("static6", network.static6, network.take_static6, network.no_static6),
    Step("test", lambda state: summary.network_test(), keep, never),
    Step("names", network.names, network.take_names, never),
    Step("region", host.region, keep, never),
    Step("city", host.city, host.take_city, never),
    Step("root", host.root, host.take_root, never),
    Step("pool", pool.pool, pool.take_pool, never),
    Step("pool-create", pool.create, pool.take_create, pool.no_create),
    Step("pool-token", pool.token, pool.take_token, pool.no_token),
    Step("pool-xapi", pool.xapi, pool.take_xapi, pool.no_xapi),
    Step("pool-answer", pool_preflight.answer, keep, pool_preflight.no_join),
    Step("summary", summary.summary, summary.take_summary, never),
    Step("confirm", summary.confirm, summary.take_confirm, never),
)
NAMES = tuple(step.name for step in FLOW)


def step(name: str) -> Step:
    """A screen by its name."""
    return FLOW[NAMES.index(name)]


def left_out(state: State, name: str) -> bool:
    """Whether a screen is not shown: its answer is known, or it makes no sense after other answers."""
    return name in state.preset or step(name).skip(state)


def following(state: State, name: str) -> str | None:
    """The screen after one; None after the last. The screen before the first is the empty name."""
    later = NAMES[NAMES.index(name) + 1 :] if name else NAMES
    return next((other for other in later if not left_out(state, other)), None)


def preceding(state: State, name: str) -> str | None:
    """The screen before one; None before the first."""
    earlier = NAMES[: NAMES.index(name)]
    return next((other for other in reversed(earlier) if not left_out(state, other)), None)
