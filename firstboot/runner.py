"""Runs the steps that are not done yet, in order, and says how the host is."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dom0kit.errors import UserError
from dom0kit.events import Reporter, first_line
from firstboot.host import Host
from firstboot.retry import SLACK, Moment, NotAgain, first_try, left, next_text, now
from firstboot.step_records import Stamps, fingerprint
from firstboot.steps.steps import Step

Say = Callable[[str], None]


@dataclass
class Outcome:
    """How a run went: the names of the steps, and for failed ones the first line of why.

    :param later: of the failed ones those that were not tried: their time has not come.
    """

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Did everything that was asked for end well?"""
        return not self.failed and not self.blocked


@dataclass(frozen=True)
class Wish:
    """What a run shall try.

    :param due: leave out failed steps whose time has not come; a person who says ``run`` wants all of them.
    :param again: steps to try whatever is known of them.
    """

    due: bool = False
    again: Collection[str] = ()


ALL = Wish()


def is_done(step: Step, stamp: Mapping[str, Any], mark: str, boot: str, ran: Collection[str] = ()) -> bool:
    """May a stamped step be skipped: is the stamp for the answers of today, and if it is one for every boot, in this one?

    :param ran: the steps that ran just now; one for every boot follows those that it needs.
    """
    if stamp.get("answers") != mark:
        return False
    return not step.always or (stamp.get("boot") == boot and not any(need in ran for need in step.needs))


def run_steps(
    host: Host,
    reporter: Reporter,
    steps: Sequence[Step],
    *,
    ready: Callable[[], None] = lambda: None,
    say: Say = print,
    wish: Wish = ALL,
) -> Outcome:
    """Run what is not done; a step that fails stops only those that need it.

    :param ready: called once when no early step is left to try: logins may begin.
    :param say: takes the reason of a failure, for the console and the journal.
    """
    work = _Work(host, reporter, say, wish)
    waiting = [step.name for step in steps if step.early]
    if not waiting:
        ready()
    for step in steps:
        work.step(step)
        if step.name in waiting:
            waiting.remove(step.name)
            if not waiting:
                ready()
    return work.outcome


class _Work:
    """A run under way."""

    def __init__(self, host: Host, reporter: Reporter, say: Say, wish: Wish) -> None:
        self.host = host
        self.reporter = reporter
        self.say = say
        self.wish = wish
        self.stamps = Stamps(host.root)
        self.outcome = Outcome()

    def step(self, step: Step) -> None:
        """Run one step, or pass it over."""
        host, outcome = self.host, self.outcome
        if any(need in outcome.failed or need in outcome.blocked for need in step.needs):
            outcome.blocked.append(step.name)
            return
        moment = now(host)
        try:
            mark = fingerprint(host.told if step.answers else {}, step.answers, step.not_counted)
            stamp = None if step.name in self.wish.again else self.stamps.read(step.name)
            if stamp is not None and is_done(step, stamp, mark, moment.boot, outcome.done):
                if step.always:
                    host.warnings += [str(text) for text in stamp.get("warnings", ())]
                self._forget(step)  # a power cut may have come between the stamp and this
                outcome.skipped.append(step.name)
                return
            if (why := self._waits(step, moment)) is not None:
                outcome.failed[step.name] = why
                outcome.later.append(step.name)
                return
            start, told = time.monotonic(), len(host.warnings)
            with self.reporter.step(step.name):
                step.function(host)
                seconds = time.monotonic() - start
                self.stamps.done(step.name, mark, seconds, boot=moment.boot, warnings=host.warnings[told:])
        except Exception as error:
            self._failed(step, error)
        else:
            outcome.done.append(step.name)
            self._forget(step)

    def _forget(self, step: Step) -> None:
        try:
            if step.secrets:
                self.host.forget(*step.secrets)
        except (OSError, UserError) as error:
            self.say(f"{step.name} is done, but its secret is still in host.json: {error}")

    def _waits(self, step: Step, moment: Moment) -> str | None:
        """The first line of why the step failed, when its time has not come and nobody asked for it."""
        failure = self.stamps.error(step.name)
        if failure is None or not self.wish.due or step.name in self.wish.again:
            return None
        pause = left(failure, moment)
        return None if pause is not None and pause <= SLACK else str(failure.get("error", "")).partition("\n")[0]

    def _failed(self, step: Step, error: Exception) -> None:
        text, moment = _reason(error), now(self.host)
        self.outcome.failed[step.name] = first_line(error)
        pause = None
        if step.retry is not None and not isinstance(error, NotAgain):
            pause = step.retry.pause(self.stamps.row(step.name, moment) + 1, secrets.randbelow(1000) / 1000)
        plan = next_text(pause, step.name)
        self.say(f"{step.name} failed: {text}\n       {plan}")
        tries = 1
        try:
            tries = self.stamps.failed(step.name, text, moment, pause)["tries"]
        except OSError as full:
            self.say(f"and that could not be written down: {full}")
        if pause is not None:
            self.reporter.emit(
                "retrying",
                name=step.name,
                error=first_line(error),
                hint=getattr(error, "hint", ""),
                tries=tries,
                next=round(time.time() + pause, 3),
                seconds=round(pause, 1),
                text=f"tried {'once' if tries == 1 else f'{tries} times'}, {plan}",
            )


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
    stamps, moment = Stamps(host.root), now(host)
    texts, pauses = [], {}
    for step, why in outcome.failed.items():
        failure = stamps.error(step) or {}
        pauses[step] = left(failure, moment) if failure else None
        texts.append(f"{step}: {why} ({next_text(pauses[step], step)})")
    more = f"; not tried: {', '.join(outcome.blocked)}" if outcome.blocked else ""
    text = f"{host.name} is not ready: {'; '.join(texts)}{more}"
    soonest = min((pause for pause in pauses.values() if pause is not None), default=None)
    again = None if soonest is None else round(time.time() + soonest, 3)
    reporter.emit("failed", text=text, failed=list(outcome.failed), blocked=outcome.blocked, next=again)


def next_pause(host: Host, steps: Sequence[Step]) -> float | None:
    """Seconds until the first of the failed steps is due again; None when there is none, or all wait for others or a person."""
    stamps, moment = Stamps(host.root), now(host)
    bad: set[str] = set()
    failures = []
    for step in steps:
        failure = stamps.error(step.name)
        waits = any(need in bad for need in step.needs)
        if failure is not None and not waits and failure.get("boot") == moment.boot:
            failures.append(failure)
        if failure is not None or waits:
            bad.add(step.name)
    return first_try(failures, moment)


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
