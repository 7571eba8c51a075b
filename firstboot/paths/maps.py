"""Multipath maps as multipathd shows them, and what has changed between two looks. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dom0kit.units import table

GOOD_CHECKS = frozenset({"ready", "ghost"})
UNDEFINED = frozenset({"", "[undef]", "##", "[unknown]"})


@dataclass(frozen=True)
class Path:
    """One way to a disk.

    :param dev: the kernel's name, ``sda``.
    :param dm: what device-mapper thinks of it: ``active``, ``failed``.
    :param check: what multipathd's checker found: ``ready``, ``ghost`` (standby), ``faulty``, ``shaky``...
    :param adapter: the host bus adapter, as a PCI address.
    :param port: the array's port, as a WWPN.
    """

    dev: str
    dm: str
    check: str
    adapter: str = ""
    port: str = ""

    @property
    def good(self) -> bool:
        """Whether it can carry data, now or after the array has switched over."""
        return self.dm == "active" and self.check in GOOD_CHECKS


@dataclass(frozen=True)
class Group:
    """Paths of one priority; with ALUA, the ports of one state. ``state``: ``active``, ``enabled`` or ``disabled``."""

    priority: int
    state: str
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Map:
    """A disk with its paths.

    :param queueing: what happens when no path is left: ``on``, ``off`` or ``12 chk`` (see no_path_retry in multipath.conf(5)).
    :param handler: the kernel's device handler: ``1 alua``, ``1 rdac``, ``0``.
    """

    wwid: str
    name: str
    vendor: str
    product: str
    handler: str
    queueing: str
    groups: tuple[Group, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """All paths."""
        return tuple(path for group in self.groups for path in group.paths)

    @property
    def good(self) -> tuple[Path, ...]:
        """Those that can carry data."""
        return tuple(path for path in self.paths if path.good)


def parse_maps(text: str) -> tuple[Map, ...]:
    """The answer of multipathd to ``show maps json``.

    :raises ValueError: when it is none.
    """
    value = json.loads(text)
    if not isinstance(value, dict) or not isinstance(value.get("maps", []), list):
        raise ValueError("multipathd's answer is no list of maps")
    return tuple(sorted((_map(item) for item in value.get("maps", [])), key=lambda item: item.wwid))


def _word(item: Mapping[str, Any], key: str) -> str:
    text = str(item.get(key, "")).strip()
    return "" if text in UNDEFINED else text


def _map(item: Mapping[str, Any]) -> Map:
    groups = tuple(
        Group(int(group.get("pri", 0)), _word(group, "dm_st"), tuple(_path(path) for path in group.get("paths", [])))
        for group in item.get("path_groups", [])
    )
    return Map(
        wwid=_word(item, "uuid"),
        name=_word(item, "name"),
        vendor=_word(item, "vend"),
        product=_word(item, "prod"),
        handler=_word(item, "hwhandler"),
        queueing=_word(item, "queueing"),
        groups=groups,
    )


def _path(item: Mapping[str, Any]) -> Path:
    return Path(
        _word(item, "dev"), _word(item, "dm_st"), _word(item, "chk_st"), _word(item, "host_adapter"), _word(item, "target_wwpn")
    )


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


def summary(maps: Iterable[Map], expected: Mapping[str, int]) -> str:
    """All disks in one line, for the status; empty without maps."""
    maps = tuple(maps)
    if not maps:
        return ""
    bad = [f"{m.wwid} has {len(m.good)} of {expected.get(m.wwid, len(m.paths))}" for m in maps if lacks(m, expected)]
    return "; ".join(bad) if bad else f"all there: {', '.join(f'{m.wwid} has {len(m.good)}' for m in maps)}"


def lacks(item: Map, expected: Mapping[str, int]) -> bool:
    """Whether a disk has fewer paths than it should."""
    return len(item.good) < max(expected.get(item.wwid, 0), len(item.paths))


def render(maps: Iterable[Map], expected: Mapping[str, int]) -> str:
    """The maps with their groups and paths, for a person."""
    blocks = []
    for item in maps:
        name = "" if item.name == item.wwid else f" ({item.name})"
        handler = {"1 alua": ", ALUA", "1 rdac": ", RDAC", "1 emc": ", EMC"}.get(item.handler, "")
        count = f"{len(item.good)} of {expected.get(item.wwid, len(item.paths))} paths"
        head = f"{item.wwid}{name}: {item.vendor} {item.product}{handler}, {count}"
        rows: list[tuple[str, ...]] = [
            (str(number), str(group.priority), group.state, path.dev, path.check, path.dm, path.adapter, path.port)
            for number, group in enumerate(item.groups, 1)
            for path in group.paths
        ]
        titles = ("group", "priority", "state", "path", "check", "kernel", "adapter", "port")
        blocks.append(f"{head}\nwithout a path: {queueing(item.queueing)}\n{table(titles, rows)}")
    return "\n\n".join(blocks)


def queueing(word: str) -> str:
    """What happens without a path, in words."""
    if word.endswith("chk"):
        return f"requests wait for {word.split(maxsplit=1)[0]} checks, then they fail"
    return {"on": "requests wait for ever", "off": "requests fail at once", "-": "the array's default"}.get(
        word, word or "unknown"
    )
