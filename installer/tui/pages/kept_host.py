"""Screens for a host on the disks that is upgraded: what would be done, and its end (pure)."""

from __future__ import annotations

from dom0kit.units import human_seconds
from installer.tui.pages.installation_progress import Progress
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, WIDTH, Form, Gap, Problem, Scroll, Text, Values
from installer.tui.toolkit.layout import wrap

SCROLL = WIDTH - 3
HELP = """What would be done with this host, and what stays as it is. Nothing has been written yet.

The image that the host has now stays on its disk, with its state. Guests' volumes are not opened. If the host is not \
healthy with the new image, or does not come up, it returns to the image that it has now.

Choose 'Back' to do something else."""


def skip(state: State) -> bool:
    """Return whether no host on the disks was chosen."""
    return state.offer is None


def host(state: State) -> Form:
    """Build the screen that says what would be done."""
    offer = state.offer
    possible = offer is not None and offer.possible
    lines = wrap(offer.text if offer is not None else "", SCROLL)
    said = "Nothing is erased. This would be done:" if possible else "This host cannot be upgraded now:"
    return Form(
        title=f"The host {offer.host_name}"[:60] if offer is not None else "The host",
        items=(Text(said), Gap(), Scroll("\n".join(lines), height=13)),
        buttons=((NEXT, "Do it" if possible else "Next"), (BACK, "Back")),
        help=HELP,
        default=BACK,
    )


def submit(state: State, values: Values) -> State | list[Problem]:
    """Go on only with a host that can be upgraded."""
    if state.offer is not None and state.offer.possible:
        return state
    return [Problem("", "This host cannot be upgraded now. Choose Back for something else.")]


def done(host_name: str, progress: Progress, seconds: float) -> Form:
    """Build the screen after the work."""
    warnings = "".join(f"\n* {warning}" for warning in progress.warnings)
    return Form(
        title="The host is ready",
        items=(
            Text("\n".join(wrap(f"{progress.result or host_name}.")[:4])),
            Gap(),
            Text(f"It took {human_seconds(int(seconds))}.".replace(".0 s", " s")),
            Gap(),
            Text("Remove the medium, then reboot: the host's disk is started."),
            *((Gap(), Text("\n".join(wrap(f"Warnings:{warnings}")[:6]))) if warnings else ()),
        ),
        buttons=(("reboot", "Reboot now"), ("poweroff", "Power off"), ("shell", "Shell")),
        help="'Reboot now' starts the host from its disk. 'Shell' opens the third window; Ctrl-T returns here.",
    )
