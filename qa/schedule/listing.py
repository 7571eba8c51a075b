"""The table of scenarios that ``dom0kit qa --list`` prints, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dom0kit.units import table
from qa import history
from qa.metadata import SETS, Metadata


def records(scenarios: Sequence[Metadata], runs: Sequence[history.Run]) -> list[dict[str, Any]]:
    """Return what is known about each scenario, for JSON."""
    found = []
    for item in scenarios:
        last = next(reversed(history.of(runs, item.name)), None)
        passed, total = history.record(runs, item.name)
        found.append(
            {
                "name": item.name,
                "sets": item.sets,
                "tags": sorted(item.tags),
                "firmware": item.firmware,
                "machines": item.machines,
                "memory_mib": item.memory_mib,
                "cores": item.cores,
                "minutes": round(history.expected_minutes(runs, item.name, item.minutes), 1),
                "stage": item.stage,
                "lab": item.lab,
                "needs": list(item.needs),
                "last": {"result": last.result, "finished": last.finished, "commit": last.commit} if last else None,
                "passed": passed,
                "runs": total,
            }
        )
    return found


def listing(scenarios: Sequence[Metadata], runs: Sequence[history.Run], sets: Sequence[str] = ()) -> str:
    """Return the table for a terminal and a line with the sums; a sentence when no scenario is left."""
    if not scenarios:
        return f"no scenario is in the set {' or '.join(sets)}" if sets else "no scenario has these tags"
    rows: list[tuple[str, ...]] = []
    for value in records(scenarios, runs):
        tags = [tag for tag in value["tags"] if tag not in SETS]
        rows.append(
            (
                value["name"],
                " ".join([name for name in value["sets"] if name != "nightly"] + tags),
                value["firmware"],
                f"{value['memory_mib']} MiB",
                str(value["machines"]),
                f"{value['minutes']:g} min",
                value["last"]["result"] if value["last"] else "-",
                f"{value['passed']} of {value['runs']}" if value["runs"] else "-",
            )
        )
    total = sum(history.expected_minutes(runs, item.name, item.minutes) for item in scenarios)
    head = ("scenario", "sets and tags", "firmware", "memory", "machines", "expected", "last", "passed")
    return f"{table(head, rows)}\n{len(scenarios)} scenarios, {total:.0f} min one after the other"
