"""Evidence about one machine at a failure: its step, console, events, screens, and its guest's own report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa.failure.guest_state import GuestState
from qa.scans.console_scan import Finding, findings
from qa.vm.channels import Message
from qa.vm.machine import Machine

CONSOLE_LINES, EMULATOR_LINES = 40, 10
BEFORE, AFTER = 8, 16
"""Lines of a console that are shown before and after the line that names a fault, when it is not among the last ones."""
ALL = 10**6
DIAGNOSIS = "E9Z"
"""Prefix of the diagnosis's output on the console; :data:`qa.scans.console_scan.ALLOWED` has it, too."""
GAP = "        | …"


@dataclass(frozen=True)
class Step:
    """A step of the installer or of first boot that has not finished; ``at`` in seconds since power-on."""

    source: str
    name: str
    at: float | None

    def __str__(self) -> str:
        since = "" if self.at is None else f", which started {self.at:.0f} s after power-on"
        return f"{self.source} step '{self.name}'{since}"


@dataclass(frozen=True)
class MachineEvidence:
    """The evidence about one machine.

    :param running: whether it ran when the failure happened.
    :param console_tail: the last lines, each with the seconds since power-on before it.
    :param events: the last events, each with ``at`` in seconds since power-on.
    :param guest: the guest's report, None when there is none.
    :param way: ``ssh`` or ``serial console``; otherwise the reason why there is no report.
    :param emulator: QEMU's last messages.
    """

    name: str
    running: bool = False
    console_tail: list[str] = field(default_factory=list)
    events: list[Message] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    screenshots: list[str] = field(default_factory=list)
    guest: GuestState | None = None
    way: str = ""
    emulator: list[str] = field(default_factory=list)

    @property
    def step(self) -> Step | None:
        """Return the step that started last and has not finished."""
        return open_step(self.events)

    @property
    def last_step(self) -> str:
        """Return the name of the last step, "" when there was none."""
        names = [f"{e.get('source')} step '{e.get('name')}'" for e in self.events if e.get("event") == "step"]
        return names[-1] if names else ""

    @property
    def console_end(self) -> float | None:
        """Return the time of the console's last line in seconds since power-on."""
        return console_time(self.console_tail[-1]) if self.console_tail else None


def open_step(events: Sequence[Message]) -> Step | None:
    """Return the step that started last, when it has not finished."""
    found = None
    for event in events:
        if event.get("event") != "step":
            continue
        source, name = str(event.get("source")), str(event.get("name"))
        if event.get("state") == "started":
            at = event.get("at")
            found = Step(source, name, float(at) if isinstance(at, int | float) else None)
        elif found and (found.source, found.name) == (source, name):
            found = None
    return found


def console_time(line: str) -> float | None:
    """Return the seconds since power-on that a line of the console's log begins with."""
    try:
        return float(line.partition("|")[0])
    except ValueError:
        return None


def read_events(path: Path) -> list[Message]:
    """Return the events that were logged; lines that are no JSON objects are left out."""
    found: list[Message] = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            event: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            found.append(event)
    return found


def tail(path: Path, lines: int) -> list[str]:
    """Return the last lines of a file that are not empty; none when it does not exist."""
    text = path.read_text(errors="replace") if path.exists() else ""
    return [line for line in text.splitlines() if line.partition("|")[2 if " | " in line else 0].strip()][-lines:]


def excerpt(lines: Sequence[str], text: str, number: int = CONSOLE_LINES) -> list[str]:
    """Return the last lines, and before them the lines around the one that holds a text when it is not among the last.

    :param lines: of the console's log.
    :param text: of the finding's line; "" when there is none.
    """
    last = len(lines) - number
    place = next((i for i, line in enumerate(lines) if text.strip() and text.strip() in line), len(lines))
    if place >= last:
        return list(lines[-number:])
    end = min(place + AFTER, last)
    gap = [GAP] if end < last else []
    return [*lines[max(place - BEFORE, 0) : end], *gap, *lines[-number:]]


def of_machine(machine: Machine, *, running: bool, guest: GuestState | None, way: str) -> MachineEvidence:
    """Return the evidence about a machine from its logs and its guest's report."""
    found = findings(machine.console_text if machine.started else "")
    console = tail(machine.artifact("console", "log"), ALL)
    fault = next((finding.line for finding in found if finding.fatal), "")
    return MachineEvidence(
        machine.name,
        running=running,
        console_tail=excerpt([line for line in console if f" | {DIAGNOSIS}|" not in line], fault),
        events=read_events(machine.artifact("events", "jsonl")),
        findings=found,
        screenshots=[path.name for path in machine.screenshots],
        guest=guest,
        way=way,
        emulator=tail(machine.artifact("qemu", "log"), EMULATOR_LINES),
    )
