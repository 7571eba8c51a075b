"""Screen with the result of the pool's admission check (pure)."""

from __future__ import annotations

from dom0kit.units import counted
from installer.tui.pages import field_validators
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, REFRESH_MILLISECONDS, Form, Gap, Text
from pool.driver import PoolAnswer

ANSWER_ROWS = 11
CLOCK_DIFFERENCE_SHOWN = 2.0
"""Clock difference in seconds from which it is shown."""

ANSWER_HELP = """The pool was asked whether it accepts this host, with the name, address and version that it will \
join with. The check changes nothing, neither here nor in the pool.

If the pool rejects the host, the reasons are listed with hints. Fix them and choose 'Check again', or go back and change the \
answers. 'Join later' installs a standalone host that can join with 'dom0ctl pool join'."""


def answer(state: State) -> Form:
    """Build the screen with the result of the admission check, refreshed while it runs."""
    if state.text("pool.kind") != "join":
        text = "This host will be a standalone host. It can join a pool later: dom0ctl pool join"
        return Form(title="Pool admission check", items=(Text(text),), help=ANSWER_HELP, default=NEXT)
    return Form(
        title="Pool admission check",
        items=(
            Text("The pool checks whether it accepts this host."),
            Gap(),
            Text("Contacting the pool ...", "pool.join.server", rows=ANSWER_ROWS),
        ),
        buttons=((NEXT, "Next"), (BACK, "Back"), ("again", "Check again"), ("later", "Join later")),
        help=ANSWER_HELP,
        every=REFRESH_MILLISECONDS,
    )


def answer_text(answer: PoolAnswer) -> str:
    """Return the result of the admission check as text."""
    if not answer.accepted:
        lines = ["[!!] The pool rejects this host:" if answer.pool else "[!!] The admission check failed:"]
        for problem in answer.problems:
            lines.append(f"* {field_validators.sentence(problem.text)}")
            lines += [f"  {field_validators.sentence(problem.hint)}"] if problem.hint else []
        return "\n".join(lines)
    hosts = counted(answer.hosts, "host")
    rows = [
        ("Pool", f"{answer.pool}, {hosts}" if answer.hosts else answer.pool),
        ("Master", f"{answer.master} ({answer.address})" if answer.address else answer.master),
        ("Version", answer.version),
    ]
    lines = ["[ok] The pool accepts this host.", "", *(f"{label + ':':<9} {text}" for label, text in rows if text)]
    if abs(answer.clock) >= CLOCK_DIFFERENCE_SHOWN:
        direction = "ahead of" if answer.clock > 0 else "behind"
        lines.append(f"{'Clock:':<9} this machine is {abs(answer.clock):.0f} s {direction} the pool")
    return "\n".join(lines)


def skip_join(state: State) -> bool:
    """Return whether no pool is to be joined."""
    return state.text("pool.kind") != "join"
