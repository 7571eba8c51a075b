"""``dom0kit qa shell``, ``dom0kit qa attach`` and ``--stop-on-failure``: argument checks and start."""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from qa import selection
from qa.failure.recorder import FailureRecorder
from qa.failure.reproduce import check_iso
from qa.interactive import stop
from qa.interactive.attach import attach
from qa.interactive.options import ATTACH
from qa.interactive.shell import BEFORE, ShellWatcher
from qa.result_files import iso_digest
from qa.scenario import Scenario, Settings

FOLDER = "shell"
"""Folder below the artifacts for interactive runs, whose results do not count."""


def need_terminal(what: str, *, terminal: bool | None = None) -> None:
    """Refuse to wait for a user when standard input is no terminal.

    :raises UserError: when standard input is no terminal.
    """
    if not (sys.stdin.isatty() if terminal is None else terminal):
        raise UserError(f"{what} needs a terminal: standard input is no terminal", "run it on a terminal, without a pipe")


def last_phases(artifacts: Path, scenario: str) -> list[dict[str, Any]]:
    """Return the phases of the scenario's last run, or of the last one that passed, whichever has more."""
    found: list[list[dict[str, Any]]] = [[]]
    for folder in (artifacts, artifacts / "good", artifacts / FOLDER):
        try:
            found.append(list(json.loads((folder / scenario / "result.json").read_text()).get("phases", [])))
        except (OSError, ValueError):
            continue
    return max(found, key=len)


def steps_text(scenario: str, phases: Sequence[dict[str, Any]]) -> str:
    """Return the phases as a table for ``--list-steps``.

    :raises UserError: when no run is recorded.
    """
    if not phases:
        raise UserError(f"no run of {scenario} is recorded", f"run: dom0kit qa {scenario}")
    return "\n".join(f"{p['started_at']:8.1f} s  {p['seconds']:7.1f} s  {p['name']}" for p in phases)


def check_step(step: str, phases: Sequence[dict[str, Any]]) -> None:
    """Refuse a step that the recorded phases do not have; accept any step when no run is recorded.

    :raises UserError: for an unknown phase.
    """
    names = [p["name"] for p in phases]
    name = step.removeprefix(BEFORE)
    if step and names and name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        raise UserError(f"there is no phase {name!r}", f"{f'did you mean {near[0]!r}? ' if near else ''}see --list-steps")


def add_watchers(scenario: Scenario, settings: Settings) -> FailureRecorder:
    """Attach the watchers that the settings ask for to a scenario; return the failure recorder."""
    recorder = FailureRecorder(scenario, may_type=not settings.interactive)
    if settings.interactive == "stop":
        recorder.on_failure = lambda error: stop.hold(scenario, recorder, error)
    scenario.watchers.append(recorder)
    if settings.interactive == "shell":
        scenario.watchers.append(ShellWatcher(scenario, settings.step))
    return recorder


def prepare(arguments: argparse.Namespace, settings: Settings) -> None:
    """Check the options that accompany a run: the ISO's digest, a terminal for interactive use.

    :raises UserError: for another ISO, a missing terminal, or more than one scenario.
    """
    if arguments.iso_sha256 and settings.iso.is_file():
        check_iso(settings.iso, iso_digest(settings.iso), arguments.iso_sha256)
    if (arguments.step or arguments.list_steps) and arguments.scenarios[:1] != ["shell"]:
        hint = "use for example: dom0kit qa shell install-bios --list-steps"
        raise UserError("--step and --list-steps require the word shell", hint)
    if arguments.stop_on_failure:
        if len(arguments.scenarios) != 1 or arguments.sets or arguments.tags or arguments.retry_failed or arguments.budget:
            hint = "use for example: dom0kit qa install-bios --stop-on-failure"
            raise UserError("--stop-on-failure takes exactly one scenario", hint)
        need_terminal("--stop-on-failure")
        settings.interactive = "stop"


def run(arguments: argparse.Namespace, settings: Settings) -> int:
    """Run ``attach SOCKET`` or ``shell SCENARIO``; return the exit code.

    :raises UserError: for wrong arguments.
    """
    word, *rest = arguments.scenarios
    if len(rest) != 1:
        raise UserError(
            f"'{word}' takes one {'socket' if word == ATTACH else 'scenario'}",
            f"use for example: dom0kit qa {word} {'/var/tmp/…/serial' if word == ATTACH else 'install-bios'}",
        )
    if word == ATTACH:
        return attach(Path(rest[0]))
    [name] = rest
    selected = selection.collect([name])
    phases = last_phases(settings.artifacts, name)
    if arguments.list_steps:
        print(steps_text(name, phases))
        return 0
    check_step(arguments.step, phases)
    need_terminal("dom0kit qa shell")
    settings.check(selected.programs, lab=selected.lab)
    own = replace(settings, artifacts=settings.artifacts / FOLDER, interactive="shell", step=arguments.step)
    return min(selection.run_pytest(selection.Selection(own, [name])), 1)
