"""Changes between two states of the multipath maps, and the maps as text. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dom0kit.linux.multipath_maps import TITLES, Map, queueing, rows, title
from dom0kit.units import human_bytes, table
from firstboot.multipath_monitor.rescan import Sizes, size_line


@dataclass(frozen=True)
class Change:
    """A change of a map.

    :param kind: ``lost`` (a path), ``returned`` (a path), ``down`` (the last path), ``degraded``
        (fewer paths than before).
    :param left: paths that can carry data now.
    :param expected: the most paths there ever were.
    """

    kind: str
    wwid: str
    path: str
    left: int
    expected: int

    @property
    def bad(self) -> bool:
        """Whether the change needs attention."""
        return self.kind != "returned"

    @property
    def text(self) -> str:
        """The change as a sentence."""
        rest = f"{self.left} of {self.expected} paths are left"
        if self.kind == "down":
            return f"disk {self.wwid} has lost its last path{f', {self.path}' if self.path else ''}: it cannot be reached"
        if self.kind == "degraded":
            return f"disk {self.wwid} has {self.left} of {self.expected} paths"
        if self.kind == "returned":
            return f"disk {self.wwid}: path {self.path} has returned, {self.left} of {self.expected} paths carry data"
        return f"disk {self.wwid} has lost its path {self.path}: {rest}"


def grow(expected: Mapping[str, int], maps: Iterable[Map]) -> dict[str, int]:
    """Return the expected number of paths of each disk: the most that were ever observed."""
    grown = dict(expected)
    for item in maps:
        grown[item.wwid] = max(grown.get(item.wwid, 0), len(item.good))
    return grown


def changes(before: Mapping[str, Map] | None, now: Iterable[Map], expected: Mapping[str, int]) -> list[Change]:
    """Return what has changed.

    :param before: previous maps by WWID; None at the first check, which reports only missing paths.
    :param expected: see :func:`grow`, including ``now``.
    """
    found = []
    for item in now:
        old = None if before is None else before.get(item.wwid)
        wanted = expected.get(item.wwid, len(item.good))
        here = {path.dev for path in item.good}
        if old is None:
            if len(here) < wanted:
                found.append(Change("degraded" if here else "down", item.wwid, "", len(here), wanted))
            continue
        there = {path.dev for path in old.good}
        kind = "lost" if here else "down"
        found += [Change(kind, item.wwid, dev, len(here), wanted) for dev in sorted(there - here)]
        found += [Change("returned", item.wwid, dev, len(here), wanted) for dev in sorted(here - there)]
    return found


def counts(maps: Iterable[Map], expected: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return the working and expected paths of each disk."""
    return {item.wwid: (len(item.good), max(expected.get(item.wwid, 0), len(item.paths))) for item in maps}


def summary(found: Mapping[str, tuple[int, int]]) -> str:
    """Return all disks in one line for the status; empty without maps."""
    if not found:
        return ""
    bad = [f"{wwid} has {good} of {wanted}" for wwid, (good, wanted) in found.items() if good < wanted]
    return "; ".join(bad) if bad else f"all there: {', '.join(f'{wwid} has {good}' for wwid, (good, _) in found.items())}"


def render(maps: Iterable[Map], expected: Mapping[str, int], sizes: Mapping[str, Sizes]) -> str:
    """Return the maps with their groups and paths as text.

    :param sizes: by WWID.
    """
    blocks = []
    for item in maps:
        size = sizes[item.wwid]
        good, wanted = counts([item], expected)[item.wwid]
        lines = [
            f"{title(item)}, {human_bytes(size.map)}, {good} of {wanted} paths",
            f"without a path: {queueing(item.queueing)}",
            *([size_line(size)] if size_line(size) else []),
            table(TITLES, rows(item)),
        ]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
