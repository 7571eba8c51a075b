"""An explained failure as a block of text for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa.failure.evidence import GAP, MachineEvidence
from qa.failure.explain import Failure

WIDTH = 180
"""Longest line that is shown; the whole one is in the artifacts."""
CONSOLE, STATUS, WARNINGS, JOURNAL, COMMITS = 20, 14, 15, 15, 10


def _last(lines: Sequence[str], number: int) -> list[str]:
    return [line[:WIDTH] for line in lines[-number:]]


def _part(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  {line}".rstrip() for line in lines)] if lines else []


def machine_lines(machine: MachineEvidence) -> list[str]:
    """Return what is shown of one machine."""
    state = "running" if machine.running else "ended"
    end = machine.console_end
    upto = "" if end is None else f", to {end:.0f} s after power-on"
    shown = machine.console_tail if GAP in machine.console_tail else machine.console_tail[-CONSOLE:]
    lines = _part(f"console of {machine.name} ({state}{upto})", _last(shown, len(shown)))
    if machine.guest:
        units = [line for status in machine.guest.failed_units.values() for line in _last(status, STATUS)]
        lines += _part(f"failed units of {machine.name} (by {machine.way})", units or ["none"])
        lines += _part(f"warnings in the journal of {machine.name}", _last(machine.guest.warnings, WARNINGS))
        lines += _part(f"journal of {machine.name}", _last(machine.guest.journal, JOURNAL))
    elif machine.running:
        lines += ["", f"{machine.name} did not report its journal: {machine.way[:WIDTH]}"]
    return lines + _part(f"QEMU's messages about {machine.name}", _last(machine.emulator, CONSOLE))


def since_lines(since: Mapping[str, Any]) -> list[str]:
    """Return what is shown of the changes since the last run that passed."""
    if not since:
        return ["", "this scenario has not passed before with these artifacts"]
    lines = [f"commit {str(since.get('commit', ''))[:12] or 'unknown'}, {since.get('finished', '')}"]
    commits = list(since.get("commits", []))
    lines += [f"commit   {line}" for line in commits[:COMMITS]]
    lines += [f"commit   and {len(commits) - COMMITS} more"] if len(commits) > COMMITS else []
    lines += ["no commit in between"] if not commits else []
    lines += ["there are uncommitted changes"] if since.get("uncommitted_changes") else []
    lines += ["the same ISO"] if since.get("same_iso") else []
    for kind, names in since.get("packages", {}).items():
        lines += [f"package  {kind}: {name}" for name in names[:COMMITS]]
        lines += [f"package  {kind}: {len(names) - COMMITS} more"] if len(names) > COMMITS else []
    lines += [f"slower   {s['what']}: {s['then']:.0f} s then, {s['now']:.0f} s now" for s in since.get("slower", [])]
    if skipped := since.get("not_reached"):
        lines.append(f"phases that were not reached: {', '.join(skipped)}")
    return _part("since the last run that passed", [line[:WIDTH] for line in lines])


def block(failure: Failure, *, seconds: float, record: str, artifacts: str) -> str:
    """Return the block; its first line is the sentence that names the fault.

    :param seconds: duration of the scenario.
    :param record: such as ``48 of 50``: how many of the last runs passed.
    :param artifacts: the folder of the scenario's artifacts.
    """
    head = [
        failure.sentence,
        f"  scenario   {failure.scenario}: {failure.result} after {seconds:.0f} s; passed before: {record}",
        f"  step       {failure.step}",
        *([f"  expected   {failure.expected[:WIDTH]}"] if failure.expected else []),
        *(f"  where      {line[:WIDTH]}" for line in failure.where),
        *([f"  stages     {', '.join(failure.stages)}"] if failure.stages else []),
        "  reproduce  " + failure.reproduce,
    ]
    body = [line for machine in failure.machines for line in machine_lines(machine)]
    shots = [f"{artifacts}/{shot}" for machine in failure.machines for shot in machine.screenshots]
    detail = [line for line in failure.error.strip().splitlines()[1:] if line.strip()]
    return "\n".join(
        [
            *head,
            *_part("the scenario's error", _last(failure.error.strip().splitlines()[:12], 12) if detail else []),
            *body,
            *_part("screens", shots),
            *since_lines(failure.since_last_good),
            "",
            f"more in {artifacts}/failure.json",
        ]
    )
