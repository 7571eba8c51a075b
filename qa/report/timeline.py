"""What a machine was doing when, from the times of its console and its events. Pure functions.

>>> from qa.report.artifacts import ConsoleLine
>>> [(s.name, s.start, s.end) for s in stages([ConsoleLine(2.0, "GNU GRUB  version 2.12")], [], 5.0)]
[('firmware', 0.0, 2.0), ('boot loader', 2.0, 5.0)]
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qa.report.artifacts import ConsoleLine, MachineRun, ScenarioRun, number, text_of

STAGES = {
    "firmware": "firmware",
    "loader": "boot loader",
    "xen": "Xen",
    "kernel": "kernel",
    "initramfs": "initramfs",
    "system": "start of the system",
    "installer": "installer",
    "firstboot": "first boot",
    "running": "running",
    "ending": "shut down",
}
"""Each stage of a machine with its name, in the order of a boot. A step has the kind of its stage, and ``-step``."""
BEGINNING = {"firmware"}
BEFORE_KERNEL = {"firmware", "loader", "xen"}
MARKS: tuple[tuple[str, re.Pattern[str], set[str]], ...] = (
    # Each stage with the line that begins it, and the stages in which that line says so: a running host prints lines of Xen, too.
    ("firmware", re.compile(r"reboot: (Restarting system|machine restart)|\(XEN\).*rebooting machine"), set(STAGES) - BEGINNING),
    ("loader", re.compile(r"GNU GRUB|Welcome to GRUB|^ *Booting `|^Loading (Xen|Linux)\b|iPXE initialising"), BEGINNING),
    ("xen", re.compile(r"^\(XEN\) "), {"firmware", "loader"}),
    ("kernel", re.compile(r"\] Linux version "), BEFORE_KERNEL),
    ("initramfs", re.compile(r"^Loading, please wait|\] Run /init as init process|^Begin: "), {"kernel"}),
    ("system", re.compile(r"systemd\[1\]: systemd \d|^Welcome to Debian"), {"kernel", "initramfs"}),
    ("running", re.compile(r"\blogin: *$|\blogin: "), {"system"}),
    ("ending", re.compile(r"reboot: Power down|Reached target (shutdown|poweroff|reboot)\.target"), {"system", "running"}),
)
SOURCES = ("installer", "firstboot")


@dataclass(frozen=True)
class Segment:
    """A part of a lane; times in seconds.

    :param kind: a key of :data:`STAGES`, one of them with ``-step``, or ``phase``.
    :param state: ``failed`` or ``unfinished``; mostly empty.
    """

    kind: str
    name: str
    start: float
    end: float
    state: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.end - self.start

    def moved(self, seconds: float) -> Segment:
        """Return the segment so many seconds later."""
        return Segment(self.kind, self.name, self.start + seconds, self.end + seconds, self.state)


@dataclass(frozen=True)
class Lane:
    """A row of a timeline: the stages of a machine with the steps in them, or the phases of a scenario.

    :param offset: the machine's power-on in seconds since the scenario's start; the segments' times are since that start.
    :param machine: the machine's name; "" for the lane of phases.
    """

    name: str
    segments: tuple[Segment, ...]
    offset: float = 0.0
    machine: str = ""


def _marks(lines: Iterable[ConsoleLine], events: Iterable[Mapping[str, Any]]) -> list[tuple[float, str]]:
    """Return the beginning of each stage in seconds since power-on."""
    noted = []
    for event in events:
        source, kind = text_of(event.get("source")), event.get("event")
        if "at" not in event or source not in SOURCES:
            continue
        if kind == "started":
            noted.append((number(event["at"]), source))
        elif kind in ("finished", "failed"):
            noted.append((number(event["at"]), "ending" if source == "installer" else "running"))
    noted.sort(key=lambda mark: mark[0])
    marks, now, place = [(0.0, "firmware")], "firmware", 0
    for line in lines:
        while place < len(noted) and noted[place][0] <= line.at:
            marks.append(noted[place])
            now, place = noted[place][1], place + 1
        found = next((kind for kind, pattern, after in MARKS if now in after and pattern.search(line.text)), None)
        if found:
            marks.append((line.at, found))
            now = found
    return marks + noted[place:]


def stages(lines: Sequence[ConsoleLine], events: Sequence[Mapping[str, Any]], end: float) -> list[Segment]:
    """Return the stages of a machine, one after the other from power-on to its end.

    :param end: of the machine, in seconds since power-on.
    """
    marks = _marks(lines, events)
    ends = [at for at, _ in marks[1:]] + [max(end, marks[-1][0])]
    return [Segment(kind, STAGES[kind], at, stop) for (at, kind), stop in zip(marks, ends, strict=True) if stop > at]


def steps(events: Iterable[Mapping[str, Any]], end: float) -> list[Segment]:
    """Return the steps of installer and first boot; one that did not end lasts until the machine's end."""
    found: list[Segment] = []
    open_steps: dict[tuple[str, str], float] = {}
    for event in events:
        source, name = text_of(event.get("source")), text_of(event.get("name"))
        if event.get("event") != "step" or "at" not in event or source not in SOURCES:
            continue
        at, key = number(event["at"]), (source, name)
        if event.get("state") == "started":
            open_steps[key] = at
        elif event.get("state") in ("finished", "failed"):
            state = "failed" if event["state"] == "failed" else ""
            found.append(Segment(f"{source}-step", name, open_steps.pop(key, at - number(event.get("seconds"))), at, state))
    found += [Segment(f"{source}-step", name, at, max(at, end), "unfinished") for (source, name), at in open_steps.items()]
    return found


def machine_lane(machine: MachineRun) -> Lane:
    """Return the lane of a machine."""
    end = machine.seconds
    parts = [*stages(machine.lines, machine.events, end), *steps(machine.events, end)] if end else []
    title = f"{machine.name} ({machine.firmware})" if machine.firmware else machine.name
    return Lane(title, tuple(part.moved(machine.started_at) for part in parts), machine.started_at, machine.name)


def lanes(run: ScenarioRun) -> list[Lane]:
    """Return the lanes of a scenario: its phases, then each machine."""
    phases = [
        Segment("phase", phase.name, phase.started_at, phase.started_at + phase.seconds)
        for phase in run.phases
        if phase.started_at is not None
    ]
    above = [Lane("scenario", tuple(phases))] if phases else []
    return [*above, *(lane for machine in run.machines if (lane := machine_lane(machine)).segments)]


def duration(run: ScenarioRun, drawn: Iterable[Lane]) -> float:
    """Return the length of a scenario's timeline in seconds."""
    return max([run.seconds, *(segment.end for lane in drawn for segment in lane.segments)])
