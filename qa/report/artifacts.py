"""Read the folder of artifacts into records. Keys and files that an older run did not write are empty here."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa.result_files import EXPLANATION_JSON, EXPLANATION_TEXT
from qa.scans.console_scan import findings

LINE = re.compile(r" *([0-9]+(?:\.[0-9]+)?) \| ?(.*)")
"""A line of ``console-MACHINE.log``: seconds since power-on, text."""
PICTURES = (".png",)


@dataclass(frozen=True)
class ConsoleLine:
    """A line on a console: ``at`` in seconds since power-on; ``symptom`` is what :mod:`qa.scans.console_scan` found, or ""."""

    at: float
    text: str
    symptom: str = ""


@dataclass(frozen=True)
class Picture:
    """A recorded picture of the screen: ``at`` in seconds since power-on; ``file`` relative to the scenario's folder."""

    at: float
    file: str


@dataclass(frozen=True)
class MachineRun:
    """What is known of one machine.

    :param started_at: seconds since the scenario's start; 0 when that is not recorded.
    :param ended_at: the same; the last sign of the machine when that is not recorded.
    :param machine_seconds: seconds in which the emulator got the processor when it wanted it.
    """

    name: str
    firmware: str = ""
    started_at: float = 0.0
    ended_at: float = 0.0
    cpu_seconds: float = 0.0
    machine_seconds: float = 0.0
    lines: tuple[ConsoleLine, ...] = ()
    events: tuple[Mapping[str, Any], ...] = ()
    pictures: tuple[Picture, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return max(0.0, self.ended_at - self.started_at)


@dataclass(frozen=True)
class Phase:
    """A part of a scenario; ``started_at`` in seconds since its start, None when that is not recorded."""

    name: str
    started_at: float | None
    seconds: float


@dataclass(frozen=True)
class ScenarioRun:
    """The last recorded run of one scenario.

    :param name: the name of its folder.
    :param result: ``passed``, ``failed``, ``starved`` or ``interrupted``.
    :param failure: ``failure.json``; empty when there is none.
    :param failure_text: ``failure.txt``; empty when there is none.
    :param screenshots: names of pictures that the scenario itself took.
    :param files: paths of all other files, relative to its folder; those of a first attempt are in one of their own.
    """

    name: str
    result: str
    error: str = ""
    seconds: float = 0.0
    started: str = ""
    finished: str = ""
    commit: str = ""
    iso_sha256: str = ""
    machines: tuple[MachineRun, ...] = ()
    phases: tuple[Phase, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    failure: Mapping[str, Any] = field(default_factory=dict)
    failure_text: str = ""
    screenshots: tuple[str, ...] = ()
    files: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The sentence that names the fault."""
        return text_of(self.failure.get("sentence")) or (self.error.strip().splitlines() or [""])[0]

    @property
    def machine_seconds(self) -> float:
        """Machine time of all machines in seconds."""
        return sum(machine.machine_seconds for machine in self.machines)


def text_of(value: object) -> str:
    """Return a value of JSON as text; "" for null."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True)


def number(value: object) -> float:
    """Return a value of JSON as a number; 0 when it is none."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else 0.0  # type: ignore[arg-type]


def mapping(value: object) -> Mapping[str, Any]:
    """Return a value of JSON as an object; an empty one when it is none."""
    return value if isinstance(value, dict) else {}


def records(value: object) -> list[Mapping[str, Any]]:
    """Return the objects in a list of JSON; none when it is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def read_text(path: Path) -> str:
    """Return a file's text; "" when it is missing."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def read_json(path: Path) -> Mapping[str, Any]:
    """Return the object in a file; an empty one when it is missing or damaged."""
    try:
        return mapping(json.loads(read_text(path)))
    except ValueError:
        return {}


def read_lines(path: Path) -> list[Mapping[str, Any]]:
    """Return the objects in a file with one of them a line; damaged lines are left out."""
    found = []
    for line in read_text(path).splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return records(found)


def console(text: str) -> list[ConsoleLine]:
    """Return the lines of a console's log."""
    found, at = [], 0.0
    for line in text.split("\n"):
        parts = LINE.fullmatch(line)
        at, content = (float(parts[1]), parts[2]) if parts else (at, line)
        if parts or content:
            seen = findings(content)
            found.append(ConsoleLine(at, content, seen[0].kind if seen else ""))
    return found


def _pictures(folder: Path, machine: str) -> list[Picture]:
    frames = f"frames-{machine}"
    found = [Picture(number(r.get("at")), f"{frames}/{r.get('file')}") for r in read_lines(folder / frames / "frames.jsonl")]
    return [picture for picture in found if (folder / picture.file).is_file()]


def _machine(folder: Path, name: str, recorded: Mapping[str, Any], *, logs: bool) -> MachineRun:
    lines = console(read_text(folder / f"console-{name}.log")) if logs else []
    events = read_lines(folder / f"events-{name}.jsonl") if logs else []
    pictures = _pictures(folder, name) if logs else []
    started = number(recorded.get("started_at"))
    last = max([line.at for line in lines] + [number(event.get("at")) for event in events], default=0.0)
    return MachineRun(
        name=name,
        firmware=text_of(recorded.get("firmware")),
        started_at=started,
        ended_at=max(number(recorded.get("ended_at")), started + last),
        cpu_seconds=number(recorded.get("cpu_seconds")),
        machine_seconds=number(recorded.get("machine_seconds")),
        lines=tuple(lines),
        events=tuple(events),
        pictures=tuple(pictures),
    )


def _machines(folder: Path, recorded: list[Mapping[str, Any]]) -> list[MachineRun]:
    """Return the recorded machines, then those of which there is only a console.

    A name that several machines of a scenario had one after the other has one console: that of the last one.
    """
    names = [text_of(record.get("name")) for record in recorded]
    last = {name: index for index, name in enumerate(names)}
    found = [_machine(folder, n, r, logs=last[n] == i) for i, (n, r) in enumerate(zip(names, recorded, strict=True))]
    logs = sorted(folder.glob("console-*.log"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    others = [path.name.removeprefix("console-").removesuffix(".log") for path in logs]
    return found + [_machine(folder, name, {}, logs=True) for name in others if name not in names]


def _phases(result: Mapping[str, Any], timings: Mapping[str, Any]) -> list[Phase]:
    if "phases" in result:
        return [
            Phase(text_of(r.get("name")), number(r.get("started_at")), number(r.get("seconds")))
            for r in records(result["phases"])
        ]
    return [Phase(name, None, number(seconds)) for name, seconds in mapping(timings.get("phases")).items()]


def _files(folder: Path) -> list[str]:
    """Return the paths of all files in a scenario's folder, relative to it, but for recorded screens."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path.as_posix() for path in found if not any(part.startswith("frames-") for part in path.parts[:-1]))


def scenario_run(folder: Path) -> ScenarioRun:
    """Return what a scenario's folder holds."""
    result, timings = read_json(folder / "result.json"), read_json(folder / "timings.json")
    files = _files(folder)
    shots = result.get("screenshots")
    known = [text_of(shot) for shot in shots] if isinstance(shots, list) else []
    pictures = [name for name in files if name.endswith(PICTURES) and "/" not in name]
    return ScenarioRun(
        name=folder.name,
        result=text_of(result.get("result")) or "interrupted",
        error=text_of(result.get("error")),
        seconds=number(result.get("seconds")),
        started=text_of(result.get("started")),
        finished=text_of(result.get("finished")),
        commit=text_of(result.get("commit")),
        iso_sha256=text_of(mapping(result.get("iso")).get("sha256")),
        machines=tuple(_machines(folder, records(result.get("machines")))),
        phases=tuple(_phases(result, timings)),
        steps={name: number(seconds) for name, seconds in mapping(timings.get("steps")).items()},
        failure=read_json(folder / EXPLANATION_JSON),
        failure_text=read_text(folder / EXPLANATION_TEXT),
        # In the order in which they were taken.
        screenshots=tuple(dict.fromkeys([*(name for name in known if name in pictures), *pictures])),
        files=tuple(name for name in files if not name.endswith(PICTURES)),
    )


def scenario_folders(artifacts: Path) -> list[Path]:
    """Return the folders of scenarios whose run came to its end."""
    return sorted(path.parent for path in artifacts.glob("*/result.json"))


def read(artifacts: Path, names: Iterable[str] | None = None) -> list[ScenarioRun]:
    """Return the last run of each scenario, by name.

    :param names: only these.
    """
    wanted = None if names is None else set(names)
    return [scenario_run(folder) for folder in scenario_folders(artifacts) if wanted is None or folder.name in wanted]
