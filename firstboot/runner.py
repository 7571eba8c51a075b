"""Run the steps that are not done yet, in order, and report the state of the host."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from dom0kit.errors import UserError
from dom0kit.events import Reporter, first_line
from firstboot.host import Host
from firstboot.retry import TIMER_TOLERANCE, Moment, NoRetry, current_moment, retry_text, seconds_left, seconds_to_first_retry
from firstboot.step_records import StepDone, StepRecords, fingerprint
from firstboot.steps.step import Step

Say = Callable[[str], None]


@dataclass
class Outcome:
    """Result of a run: names of steps, and the first line of each failure.

    :param later: failed steps that were not tried because they are not due.
    """

    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether no step failed or was blocked."""
        return not self.failed and not self.blocked


@dataclass(frozen=True)
class RunOptions:
    """What a run tries.

    :param due: skip failed steps that are not due; ``dom0ctl firstboot run`` tries all.
    :param force: steps to run in any case.
    """

    due: bool = False
    force: Collection[str] = ()


ALL = RunOptions()


def is_done(step: Step, record: StepDone, mark: str, boot: str, ran: Collection[str] = ()) -> bool:
    """Whether a recorded step can be skipped.

    The record must match the current answers and, for a step that runs in every boot, this boot.

    :param mark: hash of the current answers.
    :param ran: steps that ran just now; a step for every boot runs again after those that it needs.
    """
    if record.get("answers") != mark:
        return False
    return not step.always or (record.get("boot") == boot and not any(need in ran for need in step.needs))


def run_steps(
    host: Host,
    reporter: Reporter,
    steps: Sequence[Step],
    *,
    ready: Callable[[], None] = lambda: None,
    say: Say = print,
    options: RunOptions = ALL,
) -> Outcome:
    """Run what is not done; a step that fails stops only those that need it.

    :param ready: called once when no early step is left to try: logins may begin.
    :param say: takes the reason of a failure, for the console and the journal.
    """
    work = _Run(host, reporter, say, options)
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


class _Run:
    """A run in progress."""

    def __init__(self, host: Host, reporter: Reporter, say: Say, options: RunOptions) -> None:
        self.host = host
        self.reporter = reporter
        self.say = say
        self.options = options
        self.records = StepRecords(host.root)
        self.outcome = Outcome()

    def step(self, step: Step) -> None:
        """Run or skip one step."""
        host, outcome = self.host, self.outcome
        if any(need in outcome.failed or need in outcome.blocked for need in step.needs):
            outcome.blocked.append(step.name)
            return
        moment = current_moment(host)
        try:
            mark = fingerprint(host.host_json if step.answers else {}, step.answers, step.excluded_secrets)
            record = None if step.name in self.options.force else self.records.read(step.name)
            if record is not None and is_done(step, record, mark, moment.boot, outcome.done):
                if step.always:
                    host.warnings += [str(text) for text in record.get("warnings", ())]
                self._forget(step)  # there may have been a power cut between the record and this
                outcome.skipped.append(step.name)
                return
            if (why := self._waits(step, moment)) is not None:
                outcome.failed[step.name] = why
                outcome.later.append(step.name)
                return
            start, warned = time.monotonic(), len(host.warnings)
            with self.reporter.step(step.name):
                step.function(host)
                seconds = time.monotonic() - start
                self.records.write_done(step.name, mark, seconds, boot=moment.boot, warnings=host.warnings[warned:])
        except Exception as error:
            self._failed(step, error)
        else:
            outcome.done.append(step.name)
            self._forget(step)

    def _forget(self, step: Step) -> None:
        try:
            if step.erase_after:
                self.host.erase_secrets(*step.erase_after)
        except (OSError, UserError) as error:
            self.say(f"{step.name} is done, but its secret could not be erased from host.json: {error}")

    def _waits(self, step: Step, moment: Moment) -> str | None:
        """Return the first line of the step's failure when the step is not due; else None."""
        failure = self.records.error(step.name)
        if failure is None or not self.options.due or step.name in self.options.force:
            return None
        pause = seconds_left(failure, moment)
        return None if pause is not None and pause <= TIMER_TOLERANCE else str(failure.get("error", "")).partition("\n")[0]

    def _failed(self, step: Step, error: Exception) -> None:
        text, moment = _reason(error), current_moment(self.host)
        self.outcome.failed[step.name] = first_line(error)
        pause = None
        if step.retry is not None and not isinstance(error, NoRetry):
            pause = step.retry.pause(self.records.failures_in_boot(step.name, moment) + 1, secrets.randbelow(1000) / 1000)
        plan = retry_text(pause, step.name)
        self.say(f"{step.name} failed: {text}\n       {plan}")
        tries = 1
        try:
            tries = self.records.write_failed(step.name, text, moment, pause)["tries"]
        except OSError as full:
            self.say(f"the failure could not be recorded: {full}")
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


def emit_result(host: Host, reporter: Reporter, outcome: Outcome) -> None:
    """Emit the last event: ``finished`` when the host is up, else ``failed`` with one sentence."""
    if outcome.succeeded:
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
    records, moment = StepRecords(host.root), current_moment(host)
    texts, pauses = [], {}
    for step, why in outcome.failed.items():
        failure = records.error(step) or {}
        pauses[step] = seconds_left(failure, moment) if failure else None
        texts.append(f"{step}: {why} ({retry_text(pauses[step], step)})")
    more = f"; not tried: {', '.join(outcome.blocked)}" if outcome.blocked else ""
    text = f"{host.name} is not ready: {'; '.join(texts)}{more}"
    soonest = min((pause for pause in pauses.values() if pause is not None), default=None)
    again = None if soonest is None else round(time.time() + soonest, 3)
    reporter.emit("failed", text=text, failed=list(outcome.failed), blocked=outcome.blocked, next=again)


def seconds_to_next_retry(host: Host, steps: Sequence[Step]) -> float | None:
    """Return the seconds until the first failed step is due again.

    :returns: None when no step failed, or all failed steps wait for others or have no automatic
        retry.
    """
    records, moment = StepRecords(host.root), current_moment(host)
    bad: set[str] = set()
    failures = []
    for step in steps:
        failure = records.error(step.name)
        waits = any(need in bad for need in step.needs)
        if failure is not None and not waits and failure.get("boot") == moment.boot:
            failures.append(failure)
        if failure is not None or waits:
            bad.add(step.name)
    return seconds_to_first_retry(failures, moment)


def notify_systemd(message: str = "READY=1") -> None:
    """Send a state to the service manager that started this process, if any (sd_notify(3))."""
    place = os.environ.get("NOTIFY_SOCKET")
    if not place:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.sendto(message.encode(), "\0" + place[1:] if place.startswith("@") else place)
        except OSError as error:
            print(f"cannot notify the service manager: {error}", file=sys.stderr)
