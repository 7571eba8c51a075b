"""Render the report: one page, and one data file for each scenario. Pure functions, but for reading the templates."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from dom0kit.units import human_seconds
from qa.metadata import SETS
from qa.report import drawing, matrix
from qa.report.artifacts import ConsoleLine, MachineRun, ScenarioRun, mapping, text_of
from qa.report.timeline import STAGES, Segment, duration, lanes

TEMPLATES = Path(__file__).parent / "templates"
DATA = "report-data"
"""The folder of data files next to the page."""
MOST_CHARACTERS = 1_500_000
"""Of one console in a data file; the page links the whole log."""


@dataclass(frozen=True)
class Section:
    """A recorded scenario with its picture."""

    run: ScenarioRun
    row: matrix.Row
    timeline: drawing.Timeline
    segments: tuple[tuple[str, Segment], ...]
    failure: Mapping[str, Any]


def shortened(lines: Sequence[ConsoleLine], most: int = MOST_CHARACTERS) -> tuple[list[ConsoleLine], int]:
    """Return the first third and the last two thirds of a console that is too long, and the number of lines left out.

    :param most: characters.
    """
    sizes = [len(line.text) + 12 for line in lines]
    if sum(sizes) <= most:
        return list(lines), 0
    head, size = 0, 0
    while head < len(lines) and size + sizes[head] <= most // 3:
        size += sizes[head]
        head += 1
    tail = len(lines)
    while tail > head and size + sizes[tail - 1] <= most:
        tail -= 1
        size += sizes[tail]
    return [*lines[:head], *lines[tail:]], tail - head


def machine_data(machine: MachineRun) -> dict[str, Any]:
    """Return what the page needs to show a machine's console and screens.

    ``lines`` are seconds since power-on, text and symptom; ``frames`` seconds and file; ``gap`` is the number of lines left out
    before the line of the index ``gapAt``.
    """
    kept, left_out = shortened(machine.lines)
    cut = next((i for i, line in enumerate(kept) if left_out and line is not machine.lines[i]), -1)
    return {
        "name": machine.name,
        "log": f"console-{machine.name}.log",
        "end": round(max([machine.seconds, *(line.at for line in kept[-1:]), *(p.at for p in machine.pictures[-1:])]), 1),
        "lines": [[line.at, line.text, line.symptom] if line.symptom else [line.at, line.text] for line in kept],
        "frames": [[picture.at, picture.file] for picture in machine.pictures],
        "gap": left_out,
        "gapAt": cut,
    }


def data_script(run: ScenarioRun) -> str:
    """Return the script that gives the page a scenario's consoles and screens.

    A page from a file may load scripts and not read files, so the data is a call of a function of the page.
    """
    machines = [machine_data(machine) for machine in run.machines if machine.lines or machine.pictures]
    value = {"scenario": run.name, "machines": machines}
    # U+2028 and the like end a line of JavaScript: ASCII has none of them.
    return f"dom0kitReport({json.dumps(value, ensure_ascii=True, separators=(',', ':'))});\n"


def data_file(name: str) -> str:
    """Return the name of a scenario's data file."""
    return f"{name}.js"


def _table(run: ScenarioRun) -> Iterable[tuple[str, Segment]]:
    return ((lane.name, segment) for lane in lanes(run) for segment in lane.segments)


def section(run: ScenarioRun, row: matrix.Row) -> Section:
    """Return a scenario's section."""
    drawn = lanes(run)
    picture = drawing.timeline(drawn, duration(run, drawn))
    return Section(run, row, picture, tuple(_table(run)), {} if row.result == "passed" else failure_parts(run))


def readable(value: object, indent: str = "") -> str:
    """Return a value of JSON as lines of text: one for each item of a list, ``key: value`` for an object."""
    if isinstance(value, dict):
        lines = []
        for key, item in value.items():
            nested = isinstance(item, dict | list) and item
            text = readable(item, indent + "  ")
            lines.append(f"{indent}{key}:\n{text}" if nested else f"{indent}{key}: {text.strip()}".rstrip())
        return "\n".join(lines)
    if isinstance(value, list):
        if value and all(isinstance(item, dict) for item in value):
            return "\n".join(indent + ", ".join(f"{key} {text_of(part)}" for key, part in item.items()) for item in value)
        return "\n".join(indent + text_of(item) for item in value)
    return indent + text_of(value)


def failure_parts(run: ScenarioRun) -> dict[str, Any]:
    """Return the parts of a failure's explanation as texts by title, the sentence and the command that reproduces it first."""
    failure = run.failure
    texts = {key: readable(failure.get(key)) for key in ("step", "expected", "where", "stages")}
    parts: list[tuple[str, str]] = []
    titles = {
        "failed_units": "failed units of",
        "unit_status": "status of failed units of",
        "console_tail": "console of",
        "journal_warnings": "warnings in the journal of",
        "journal_tail": "journal of",
        "emulator": "messages of the emulator of",
    }
    for key, title in titles.items():
        for machine, lines in mapping(failure.get(key)).items():
            text = readable(lines)
            if text.strip():
                parts.append((f"{title} {machine}", text))
    since = failure.get("since_last_good")
    if since:
        parts.append(("since the last run that passed", readable(since)))
    if not failure and run.failure_text:
        parts.append(("explanation", run.failure_text))
    return {
        "sentence": run.sentence,
        "texts": {key: text for key, text in texts.items() if text},
        "reproduce": text_of(failure.get("reproduce")),
        "parts": parts,
        "error": run.error if len(run.error.strip().splitlines()) > 1 else "",
    }


def path_url(*parts: str) -> str:
    """Return a relative URL; each part is the name of a folder or file."""
    return "/".join(quote(part, safe="") for part in parts)


def _digest(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@cache
def environment() -> jinja2.Environment:
    """Return the environment that escapes everything that it is not forbidden to."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"seconds": human_seconds, "short": matrix.short_time, "fixed": lambda value: f"{value:.1f}"}
    made.globals |= {"url": path_url, "stages": STAGES, "signs": matrix.SIGNS, "data": DATA, "data_file": data_file}
    return made


def page(recorded: Sequence[ScenarioRun], found: Sequence[matrix.Row]) -> str:
    """Return the whole page; all links are relative to the folder of artifacts.

    :param found: the rows of the matrix, which also give the order of the sections.
    """
    by_name = {run.name: run for run in recorded}
    script, style = (TEMPLATES / "page.js").read_text(), (TEMPLATES / "style.css").read_text()
    words = {word for row in found for word in (*row.sets, *row.tags)}
    return environment().get_template("page.html.j2").render(
        heading=matrix.heading(found),
        totals=matrix.totals(found),
        rows=found,
        columns=max([4, *(len(row.cells) for row in found)]),
        sections=[section(by_name[row.name], row) for row in found if row.recorded],
        sets=[name for name in SETS if name in words],
        tags=sorted(words - set(SETS)),
        commits=sorted({run.commit for run in recorded if run.commit}),
        images=sorted({run.iso_sha256 for run in recorded if run.iso_sha256}),
        finished=max((run.finished for run in recorded), default=""),
        script=script,
        script_digest=_digest(script),
        style=style,
    )  # fmt: skip
