"""The moments of a boot at which instructions are counted, found in what a machine says. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CONSOLE = {
    "Linux starts": "Linux version ",
    "initramfs starts": "Loading, please wait...",
    "root is mounted": "/scripts/init-bottom",
    "systemd starts": "Welcome to ",
    "Xen starts": "(XEN) Xen version",
}
"""Moments by a text on the serial console."""


@dataclass(frozen=True)
class Mark:
    """A moment and the instructions since power-on until then.

    :param machine: ``install`` or ``host``; each counts from its own power-on.
    """

    machine: str
    name: str
    instructions: int

    def to_json(self) -> dict[str, Any]:
        """Return the mark as the results' JSON holds it."""
        return {"machine": self.machine, "name": self.name, "instructions": self.instructions}


def of_console(text: str, seen: Sequence[str]) -> list[str]:
    """Return the moments whose text is on the console and that are not in ``seen``."""
    return [name for name, part in CONSOLE.items() if name not in seen and part in text]


def of_event(event: Mapping[str, Any]) -> str | None:
    """Return the name of the moment that an event is, None for one that is no moment: progress, and starts of steps."""
    source, kind = event.get("source"), event.get("event")
    if kind == "step" and event.get("state") == "finished":
        return f"{source}: {event['name']}"
    return f"{source} {kind}" if kind in ("started", "finished") else None


def total(marks: Sequence[Mark]) -> int:
    """Return the instructions of all machines together, each up to its last mark."""
    last = {mark.machine: mark.instructions for mark in marks}
    return sum(last.values())


def rows(marks: Sequence[Mark]) -> list[tuple[str, ...]]:
    """Return a table's rows: machine, moment, instructions since power-on, and since the mark before, in 10**9."""
    found: list[tuple[str, ...]] = []
    before: dict[str, int] = {}
    for mark in marks:
        since = mark.instructions - before.get(mark.machine, 0)
        before[mark.machine] = mark.instructions
        found.append((mark.machine, mark.name, f"{mark.instructions / 1e9:.2f}", f"{since / 1e9:.2f}"))
    return found
