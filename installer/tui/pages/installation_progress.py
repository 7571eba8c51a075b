"""Screens from the start of the installation: progress, completion, failure (pure)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dom0kit.events import Event
from dom0kit.units import human_seconds
from installer.tui.pages.field_validators import sentence
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, NEXT, REFRESH_MILLISECONDS, WIDTH, Form, Gap, Gauge, Scroll, Text, Update
from installer.tui.toolkit.layout import wrap

SCROLL = WIDTH - 3

PROGRESS_HELP = """The system image is copied to the disk, read back and compared. This takes from half a minute to a \
few minutes. Ctrl-T shows the log with every command; pressing it twice more returns here.

No input is needed until the installation ends."""

FAILURE_HELP = """The log has details; it is shown in the second window (Ctrl-T).

'Retry' runs the installation again after you have fixed the cause. 'Change answers' returns to the summary.

'Save log' writes the log to a USB stick or sends it over the network. 'Shell' opens the third \
window for manual inspection."""


@dataclass(frozen=True)
class Progress:
    """Progress of an installation, derived from its events.

    :param steps: titles of all steps, in order.
    :param done: finished steps: (title, seconds).
    :param result: what the last event says, once it has ended well.
    :param started: start time in seconds since the epoch.
    """

    steps: tuple[str, ...]
    started: float
    done: tuple[tuple[str, float], ...] = ()
    current: str = ""
    fraction: float = 0.0
    text: str = ""
    failed: str = ""
    hint: str = ""
    warnings: tuple[str, ...] = ()
    result: str = ""
    over: bool = False

    def after(self, event: Event) -> Progress:
        """Return the progress after an event."""
        kind = event["event"]
        if kind == "step" and event["state"] == "started":
            return replace(self, current=str(event["name"]), fraction=0.0, text="")
        if kind == "step" and event["state"] == "finished":
            return replace(
                self, done=(*self.done, (str(event["name"]), float(event["seconds"]))), current="", fraction=0.0, text=""
            )
        if kind == "progress":
            return replace(self, fraction=float(event["fraction"]), text=str(event.get("text", "")))
        if kind == "failed":
            return replace(self, failed=str(event.get("text", "")), hint=str(event.get("hint", "")), over=True)
        if kind == "finished":
            found = tuple(str(w) for w in event.get("warnings", ()))
            return replace(self, warnings=found, result=str(event.get("text", "")), over=True)
        return self

    @property
    def disk_written(self) -> bool:
        """Return whether anything was written to a disk."""
        return any(name.startswith("wipe") for name in (self.current, *(name for name, _ in self.done)))

    def total_fraction(self) -> float:
        """Return the overall fraction from 0 to 1; copying and checking the image take most of the time."""
        weights = {title: 8 if "copy" in title else 3 if "check" in title else 1 for title in self.steps}
        total = sum(weights.values()) or 1
        spent = sum(weights.get(name, 0) for name, _ in self.done) + self.fraction * weights.get(self.current, 0)
        return min(spent / total, 1.0)


def progress_update(progress: Progress, now: float) -> Update:
    """Return the current content of the progress screen."""
    percent = f" {progress.fraction:.0%}" if progress.fraction else ""
    number = min(len(progress.done) + 1, len(progress.steps))
    what = f"Step {number} of {len(progress.steps)}: {progress.current}{percent}" if progress.current else "Working ..."
    rows = [f"{seconds:7.1f} s  {name}" for name, seconds in progress.done[-7:]]
    return Update(
        texts={
            "progress.now": f"{what}\n{progress.text}",
            "progress.time": f"Elapsed: {human_seconds(int(now - progress.started))}".replace(".0 s", " s"),
            "progress.done": "\n".join(rows),
        },
        gauges={"progress.bar": progress.total_fraction()},
        done=("failed" if progress.failed else NEXT) if progress.over else "",
    )


def progress(title: str) -> Form:
    """Build the progress screen.

    :param title: what is done, such as ``Installing xen1``.
    """
    return Form(
        title=title[:60],
        items=(
            Gauge("progress.bar"),
            Gap(),
            Text("Starting ...", "progress.now", rows=2),
            Gap(),
            Text("", "progress.time", rows=1),
            Gap(),
            Text("", "progress.done", rows=7),
        ),
        buttons=(("log", "Show the log (Ctrl-T)"),),
        help=PROGRESS_HELP,
        every=REFRESH_MILLISECONDS,
    )


def done(state: State, progress: Progress, seconds: float) -> Form:
    """Build the screen after a successful installation."""
    warnings = "".join(f"\n* {warning}" for warning in progress.warnings)
    address = state.text("static.address").partition("/")[0] if state.text("ip.v4") == "static" else ""
    where = f"ssh root@{address}" if address else f"ssh root@{state.text('name.host')} (or the address shown on its console)"
    return Form(
        title="The host is installed",
        items=(
            Text(f"{state.text('name.host')} has been installed in {human_seconds(int(seconds))}.".replace(".0 s", " s")),
            Gap(),
            Text("Remove the installation medium, then reboot. The first boot takes about a minute longer than later ones."),
            Gap(),
            Text(f"Then log in: {where}"),
            *((Gap(), Text("\n".join(wrap(f"Warnings:{warnings}")[:6]))) if warnings else ()),
        ),
        buttons=(("reboot", "Reboot now"), ("poweroff", "Power off"), ("shell", "Shell")),
        help="'Reboot now' boots the new host from its disk. 'Shell' opens the third window; Ctrl-T returns here.",
    )


def failure(progress: Progress, *, kept: bool = False) -> Form:
    """Build the screen after a failed installation, or after the work on a host that is kept."""
    hint = progress.hint or "See the log in the second window (Ctrl-T)."
    where = progress.current or "preparation"
    lost = "The disk is not bootable." if progress.disk_written else "No disk was changed."
    lost = "The host starts the image that it started before." if kept else lost
    text = "\n".join(wrap(f"{sentence(progress.failed)}\n\nHint: {sentence(hint)}", SCROLL))
    return Form(
        title="The work on the host failed" if kept else "The installation failed",
        items=(
            Text(f"Failed step: {where}. {lost}"),
            Gap(),
            Scroll(text, height=min(10, max(3, len(text.splitlines())))),
        ),
        buttons=(("retry", "Retry"), (BACK, "Change answers"), ("save", "Save log"), ("shell", "Shell"), ("reboot", "Reboot")),
        help=FAILURE_HELP,
        default="retry",
    )
