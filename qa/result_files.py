"""Records of a scenario's run: ``result.json`` and ``timings.json`` among its artifacts."""

from __future__ import annotations

import time
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dom0kit.errors import UserError
from dom0kit.fs import sha256_file, write_json
from dom0kit.process import run
from qa.vm.machine import Machine

if TYPE_CHECKING:
    from qa.scenario import Scenario

PROJECT = Path(__file__).parent.parent
EXPLANATION_JSON, EXPLANATION_TEXT = "failure.json", "failure.txt"
"""Names of the explanation's files among the artifacts of a failed scenario."""


def utc_now() -> str:
    """Return the time as ``2026-01-31T12:00:00Z``."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def machine_record(machine: Machine, began: float) -> dict[str, Any]:
    """Return the record of a machine; times in seconds since ``began``, the scenario's start.

    ``cpu_seconds`` is QEMU's processor time; ``machine_seconds`` the time in which QEMU got the processor when it wanted it.
    """
    return {
        "name": machine.name,
        "firmware": machine.spec.firmware,
        "memory_mib": machine.spec.memory,
        "started_at": round(machine.began - began, 1),
        "ended_at": round(machine.began - began + machine.seconds, 1),
        "cpu_seconds": round(machine.cpu_seconds, 1),
        "machine_seconds": round(machine.seconds - machine.starved_seconds, 1),
    }


def record(scenario: Scenario, result: str, error: str, seconds: float) -> None:
    """Write ``result.json`` and ``timings.json``.

    :param result: ``passed``, ``failed``, ``starved`` or ``interrupted``.
    :param error: the reason; its first line names the fault.
    """
    phases = {phase.name: phase.seconds for phase in scenario.phases}
    timings = {"phases": phases, "steps": scenario.steps(), "seconds": round(seconds, 1)}
    write_json(scenario.folder / "timings.json", timings)
    started = [machine for machine in scenario.machines if machine.started]
    iso = scenario.settings.iso
    value = {
        "scenario": scenario.name,
        "result": result,
        "error": error,
        "seconds": round(seconds, 1),
        "started": scenario.started,
        "finished": utc_now(),
        "commit": commit(),
        "iso": {"path": str(iso), "sha256": iso_digest(iso)},
        "accelerator": " ".join(scenario.settings.accelerator),
        "machines": [machine_record(machine, scenario.began) for machine in started],
        "phases": [asdict(phase) for phase in scenario.phases],
        "stages": scenario.stages,
        "screenshots": [path.name for machine in scenario.machines for path in machine.screenshots],
        "notes": scenario.notes,
    }
    write_json(scenario.folder / "result.json", value)


@cache
def commit() -> str:
    """Return the commit of the checkout, with ``-dirty`` when files differ from it; "" outside of a checkout."""
    try:
        head = run(["git", "rev-parse", "HEAD"], cwd=PROJECT).output.strip()
        dirty = run(["git", "status", "--porcelain"], cwd=PROJECT).output.strip()
    except UserError:
        return ""
    return f"{head}-dirty" if dirty else head


_DIGESTS: dict[tuple[Path, int], str] = {}


def iso_digest(iso: Path) -> str:
    """Return the ISO's SHA-256, read once for each state of the file."""
    key = (iso, iso.stat().st_mtime_ns)
    if key not in _DIGESTS:
        _DIGESTS[key] = sha256_file(iso)
    return _DIGESTS[key]
