"""The screen with the pool's answer. Pure."""

from __future__ import annotations

from dom0kit.units import counted
from installer.tui.pages import field_validators
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, REFRESH_MILLISECONDS, Form, Gap, Text
from pool.driver import PoolAnswer

ANSWER_ROWS = 11
CLOCK_WORTH_TELLING = 2.0
"""Seconds."""

ANSWER_HELP = """The pool was asked whether it would take this host, with the very name, address and version that it will come \
with. Nothing is changed by that, neither here nor there.

When it would not, the reason stands here with what to do. Mend it and choose 'Ask again', or go back and change the answer. \
'Join later' installs a host that stands alone; it can join with 'dom0ctl pool join'."""


def answer(state: State) -> Form:
    """What the pool says; live."""
    if state.text("pool.kind") != "join":
        told = "This host will stand alone. It can join later: dom0ctl pool join"
        return Form(title="Answer of the pool", items=(Text(told),), help=ANSWER_HELP, default=NEXT)
    return Form(
        title="Answer of the pool",
        items=(
            Text("The pool is asked whether it would take this host."),
            Gap(),
            Text("Asking ...", "pool.join.server", rows=ANSWER_ROWS),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("again", "Ask again"), ("later", "Join later")),
        help=ANSWER_HELP,
        every=REFRESH_MILLISECONDS,
    )


def answer_text(said: PoolAnswer) -> str:
    """The pool's answer in words."""
    if not said.welcome:
        lines = ["[!!] The pool would not take this host:" if said.pool else "[!!] This does not work:"]
        for problem in said.problems:
            lines.append(f"* {field_validators.sentence(problem.text)}")
            lines += [f"  {field_validators.sentence(problem.hint)}"] if problem.hint else []
        return "\n".join(lines)
    hosts = counted(said.hosts, "host")
    told = [
        ("Pool", f"{said.pool}, {hosts}" if said.hosts else said.pool),
        ("Master", f"{said.master} ({said.address})" if said.address else said.master),
        ("Version", said.version),
    ]
    lines = ["[ok] The pool would take this host.", "", *(f"{label + ':':<9} {text}" for label, text in told if text)]
    if abs(said.clock) >= CLOCK_WORTH_TELLING:
        way = "ahead of" if said.clock > 0 else "behind"
        lines.append(f"{'Clock:':<9} this machine is {abs(said.clock):.0f} s {way} the pool")
    return "\n".join(lines)


def no_join(state: State) -> bool:
    """Skipped unless a pool is to be joined."""
    return state.text("pool.kind") != "join"
