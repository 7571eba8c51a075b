"""What has changed between two looks at the multipath maps, and the maps for a person. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dom0kit.linux.multipath_maps import TITLES, Map, queueing, rows, title
from dom0kit.units import human_bytes, table
from firstboot.multipath_monitor.rescan import Sizes, size_line


@dataclass(frozen=True)
class Change:
    """What happened to a map.

    :param kind: ``lost`` (a path), ``returned`` (a path), ``down`` (the last path), ``degraded`` (fewer than known before).
    :param left: paths that can carry data now; ``expected``: the most there ever were.
    """

    kind: str
    wwid: str
    path: str
    left: int
    expected: int

    @property
    def bad(self) -> bool:
        """Whether somebody should do something."""
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
    """How many paths each disk should have: the most that were ever seen."""
    grown = dict(expected)
    for item in maps:
        grown[item.wwid] = max(grown.get(item.wwid, 0), len(item.good))
    return grown


def changes(before: Mapping[str, Map] | None, now: Iterable[Map], expected: Mapping[str, int]) -> list[Change]:
    """What has changed.

    :param before: maps by WWID at the last look; None at the first, which only tells of what is missing.
    :param expected: see :func:`grow`, with ``now`` in it.
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
    """How many paths of each disk carry data, and how many should."""
    return {item.wwid: (len(item.good), max(expected.get(item.wwid, 0), len(item.paths))) for item in maps}


def summary(found: Mapping[str, tuple[int, int]]) -> str:
    """All disks in one line, for the status; empty without maps."""
    if not found:
        return ""
    bad = [f"{wwid} has {good} of {wanted}" for wwid, (good, wanted) in found.items() if good < wanted]
    return "; ".join(bad) if bad else f"all there: {', '.join(f'{wwid} has {good}' for wwid, (good, _) in found.items())}"


def render(maps: Iterable[Map], expected: Mapping[str, int], sizes: Mapping[str, Sizes]) -> str:
    """The maps with their groups and paths, for a person.

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
