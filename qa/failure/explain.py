"""The explanation of a failure from the error and the evidence: cause, step, expectation. Pure."""

from __future__ import annotations

import linecache
import re
import traceback
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from qa.errors import MachineStarved, ScenarioFailed
from qa.failure.evidence import MachineEvidence
from qa.failure.guest_state import unit_reason
from qa.scans.console_scan import Finding
from qa.vm.channels import Message

PROJECT = Path(__file__).resolve().parent.parent.parent
KERNEL_TIME = re.compile(r"^(?:\[ *\d+\.\d+\]|\(XEN\)) +(?:\[[^\]]*\] +)?")
FINDINGS = re.compile(r"^\S+: (\d+) findings\n +([^\n]+)")
"""Beginning of the error of :meth:`qa.scenario.Scenario.final_check`."""
FAILED_UNIT = re.compile(r"Failed to start (\S+\.\w+)(?: - ([^.]*))?|Dependency failed for (\S+\.\w+)")
WAITED = re.compile(r"^(?:no |the machine does not end|the machine ended before|QEMU ended before)")
"""Beginnings of the errors of waits."""
POLL = ("qa/vm/polling.py", "poll")
"""The function that waits; its variables ``what`` and ``limit`` name the awaited thing and the limit."""
CHECKS = ("need", "need_in", "check", "expect", "pump", "_check", "_run", "run_and_drain", "execute")
CHECK_FILES = ("qa/vm/polling.py", "qa/vm/machine_time.py", "qa/vm/guest.py", "qa/vm/waits.py")
"""Functions and files that only raise, or wait for others: the explanation shows the line that calls them."""


@dataclass(frozen=True)
class Failure:
    """An explained failure; see :meth:`to_json`.

    :param sentence: names the cause.
    :param step: phase of the scenario and step of the product.
    :param expected: the condition that did not come true.
    :param where: file, line and code, from the scenario's function to the check.
    """

    scenario: str
    result: str
    sentence: str
    step: str
    expected: str
    where: list[str]
    reproduce: str
    machines: Sequence[MachineEvidence] = ()
    stages: Sequence[str] = ()
    since_last_good: dict[str, Any] = field(default_factory=dict)
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``failure.json``."""
        guests = {m.name: m.guest for m in self.machines if m.guest}
        return {
            "scenario": self.scenario,
            "result": self.result,
            "sentence": self.sentence,
            "step": self.step,
            "expected": self.expected,
            "where": self.where,
            "reproduce": self.reproduce,
            "console_tail": {m.name: m.console_tail for m in self.machines},
            "events_tail": {m.name: m.events[-8:] for m in self.machines},
            "failed_units": {name: [f"{u}: {unit_reason(s)}" for u, s in g.failed_units.items()] for name, g in guests.items()},
            "unit_status": {name: dict(g.failed_units) for name, g in guests.items()},
            "journal_warnings": {name: g.warnings for name, g in guests.items()},
            "journal_tail": {name: g.journal for name, g in guests.items()},
            "guests": {m.name: {"running": m.running, "asked": m.way} for m in self.machines},
            "emulator": {m.name: m.emulator for m in self.machines if m.emulator},
            "screenshots": [shot for m in self.machines for shot in m.screenshots],
            "stages": list(self.stages),
            "since_last_good": self.since_last_good,
            "error": self.error,
        }


def text_of(error: BaseException) -> str:
    """Return an exception as text, with its type unless it is a scenario's own."""
    text = str(error).strip()
    return text if isinstance(error, ScenarioFailed) or not text else f"{type(error).__name__}: {text}"


def finding_sentence(machine: str, finding: Finding) -> str:
    """Return the sentence for a line of a console that no healthy machine prints."""
    line = KERNEL_TIME.sub("", finding.line.strip())
    unit = FAILED_UNIT.search(line)
    if unit:
        about = f": {unit[2]}" if unit[2] else ""
        return f"the unit {unit[1] or unit[3]} failed on {machine}{about}"
    return f"{finding.kind} on {machine}: {line}"


def unit_sentence(machines: Sequence[MachineEvidence]) -> str:
    """Return the sentence for units that have failed, "" when there is none."""
    for machine in machines:
        units = machine.guest.failed_units if machine.guest else {}
        if len(units) == 1:
            [(unit, status)] = units.items()
            reason = unit_reason(status)
            return f"the unit {unit} failed on {machine.name}" + (f" ({reason})" if reason else "")
        if units:
            return f"the units {', '.join(units)} failed on {machine.name}"
    return ""


def event_sentence(machine: str, event: Message) -> str:
    """Return the sentence for an event of kind ``failed``."""
    text = str(event.get("text") or event.get("error") or event).strip().splitlines()[0]
    return f"{event.get('source', '?')} failed on {machine}: {text}"


def sentence(
    error: str,
    machines: Sequence[MachineEvidence],
    *,
    starved: bool = False,
    allowed: Collection[str] = (),
    failed_events: Sequence[tuple[str, Message]] = (),
) -> str:
    """Return the sentence that names the cause.

    A panic comes first; then a failure that the product itself reported; then a failed unit, if the scenario timed out or
    checked for failed units; otherwise the scenario's assertion.

    :param error: the exception's text.
    :param starved: the scenario ended because its machines got no processor time.
    :param allowed: kinds of findings that this scenario provokes.
    :param failed_events: each unexpected ``failed`` event with its machine.
    """
    first = (error.strip().splitlines() or ["no reason was given"])[0].strip()
    if starved:
        return first
    found = [(m.name, finding) for m in machines for finding in m.findings if finding.kind not in allowed]
    for name, finding in found:
        if finding.fatal:
            return finding_sentence(name, finding)
    if failed_events:
        return event_sentence(*failed_events[0])
    summary = FINDINGS.match(error.strip())
    waited = bool(WAITED.match(first))
    if waited or summary or "failed unit" in first:
        reason = unit_sentence(machines)
        if not reason and found:
            reason = finding_sentence(*found[0])
        if reason:
            return f"{reason}; {first}" if waited else reason
    if summary:
        more = int(summary[1]) - 1
        return summary[2].strip() + (f" (and {more} more)" if more else "")
    return first.removesuffix(":")


def frames(error: BaseException) -> Iterator[tuple[FrameType, int, str]]:
    """Yield each frame of the exception's way through this project, from the outermost: frame, line number, path."""
    for frame, number in traceback.walk_tb(error.__traceback__):
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(PROJECT) and ".venv" not in path.parts:
            yield frame, number, str(path.relative_to(PROJECT))


def waited_for(error: BaseException) -> str:
    """Return what the scenario waited for when the exception was raised, "" when it did not wait."""
    found = ""
    for frame, _, path in frames(error):
        if (path, frame.f_code.co_name) == POLL:
            found = f"{frame.f_locals['what']} (limit: {frame.f_locals['limit']:.0f} s of machine time)"
    return found


def where(error: BaseException) -> list[str]:
    """Return the scenario's line, and that of the check when it is another one, as ``qa/checks/host_checks.py:151: need(…)``."""
    lines = [
        (path, f"{path}:{number}: {linecache.getline(frame.f_code.co_filename, number).strip()}")
        for frame, number, path in frames(error)
        if frame.f_code.co_name not in CHECKS and path not in CHECK_FILES
    ]
    in_scenario = [line for path, line in lines if path.startswith("qa/scenarios/")]
    ends = [*in_scenario[-1:], *(line for _, line in lines[-1:])]
    return list(dict.fromkeys(ends))


def expected(error: BaseException) -> str:
    """Return the condition that did not come true."""
    waited = waited_for(error)
    if waited:
        return waited
    lines = where(error)
    return f"the check at {lines[-1]}" if lines else ""


def step_text(phase: str, finished: Sequence[str], machines: Sequence[MachineEvidence]) -> str:
    """Return the current step of the scenario and of the product.

    :param phase: the scenario's phase in which the failure happened, "" when it was in none.
    :param finished: the phases that were over.
    """
    parts = [f"phase '{phase}'" if phase else f"after phase '{finished[-1]}'" if finished else "before the first phase"]
    running = [m for m in machines if m.running] or list(machines)[-1:]
    for machine in running:
        if machine.step:
            parts.append(f"{machine.name}: {machine.step}")
        elif machine.last_step:
            parts.append(f"{machine.name}: the last step was {machine.last_step}, which finished")
    return "; ".join(parts)


def is_starved(error: BaseException | None) -> bool:
    """Return whether the machines got too little processor time for a result about the product."""
    return isinstance(error, MachineStarved)
