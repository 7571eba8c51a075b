"""Runs the steps that are not done yet, in order, and says how the host is."""

from __future__ import annotations

import os
import socket
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dom0kit.errors import UserError
from dom0kit.events import Reporter, first_line
from firstboot.host import Host
from firstboot.stamps import Stamps, fingerprint
from firstboot.steps import Step

Say = Callable[[str], None]


@dataclass
class Outcome:
    """How a run went: the names of the steps, and for failed ones the first line of why."""

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Did everything that was asked for end well?"""
        return not self.failed and not self.blocked


def is_done(step: Step, stamp: Mapping[str, Any] | None, mark: str) -> bool:
    """May the step be skipped: it is stamped, for the answers of today, and not one for every boot?"""
    return not step.always and stamp is not None and stamp.get("answers") == mark


def run_steps(
    host: Host, reporter: Reporter, steps: Sequence[Step], *, ready: Callable[[], None] = lambda: None, say: Say = print
) -> Outcome:
    """Run what is not done; a step that fails stops only those that need it.

    :param ready: called once when no early step is left to try: logins may begin.
    :param say: takes the reason of a failure, for the console and the journal.
    """
    outcome = Outcome()
    waiting = [step.name for step in steps if step.early]
    if not waiting:
        ready()
    for step in steps:
        _run_step(host, reporter, step, outcome, say)
        if step.name in waiting:
            waiting.remove(step.name)
            if not waiting:
                ready()
    return outcome


def _run_step(host: Host, reporter: Reporter, step: Step, outcome: Outcome, say: Say) -> None:
    if any(need in outcome.failed or need in outcome.blocked for need in step.needs):
        outcome.blocked.append(step.name)
        return
    stamps = Stamps(host.root)
    try:
        mark = fingerprint(host.told if step.answers else {}, step.answers)
        if is_done(step, stamps.read(step.name), mark):
            outcome.skipped.append(step.name)
            return
        start = time.monotonic()
        with reporter.step(step.name):
            step.function(host)
            stamps.done(step.name, mark, time.monotonic() - start)
    except Exception as error:
        text = _reason(error)
        outcome.failed[step.name] = first_line(error)
        say(f"{step.name} failed: {text}")
        try:
            stamps.failed(step.name, text)
        except OSError as full:
            say(f"and that could not be written down: {full}")
    else:
        outcome.done.append(step.name)


def _reason(error: Exception) -> str:
    if isinstance(error, UserError | OSError):
        return str(error)
    return "a bug in dom0kit\n" + "".join(traceback.format_exception(error))


def report(host: Host, reporter: Reporter, outcome: Outcome) -> None:
    """The last event: ``finished`` when the host is up, or ``failed`` with one sentence."""
    if outcome.well:
        address = host.address()
        text = f"{host.name} is up at {address or 'no address'}, dom0kit {host.version}"
        reporter.emit(
            "finished",
            text="; ".join([text, *host.warnings]),
            host=host.name,
            version=host.version,
            address=address,
            xen=host.on_xen,
            warnings=host.warnings,
            ran=outcome.done,
        )
        return
    text = "; ".join(f"{step}: {why}" for step, why in outcome.failed.items())
    more = f"; not tried: {', '.join(outcome.blocked)}" if outcome.blocked else ""
    reporter.emit("failed", text=f"{host.name} is not ready: {text}{more}", failed=list(outcome.failed), blocked=outcome.blocked)


def tell_systemd(message: str = "READY=1") -> None:
    """Send a state to the service manager that started this process, if one did (sd_notify(3))."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(message.encode(), "\0" + place[1:] if place.startswith("@") else place)
        except OSError as error:
            print(f"the service manager does not listen: {error}", file=sys.stderr)
