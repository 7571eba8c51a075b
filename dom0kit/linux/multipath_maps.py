"""Multipath maps as multipathd shows them. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

GOOD_CHECKS = frozenset({"ready", "ghost"})
TITLES = ("group", "priority", "state", "path", "check", "kernel", "adapter", "port")
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
        """Return whether it can carry data, now or after the array has switched over."""
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
    :param device: the kernel's name of the map, ``dm-0``.
    :param handler: the kernel's device handler: ``1 alua``, ``1 rdac``, ``0``.
    """

    wwid: str
    name: str
    vendor: str
    product: str
    handler: str
    queueing: str
    groups: tuple[Group, ...]
    device: str = ""

    @property
    def paths(self) -> tuple[Path, ...]:
        """All paths."""
        return tuple(path for group in self.groups for path in group.paths)

    @property
    def good(self) -> tuple[Path, ...]:
        """Return the paths that can carry data."""
        return tuple(path for path in self.paths if path.good)


def parse_maps(text: str) -> tuple[Map, ...]:
    """Parse multipathd's reply to ``show maps json``.

    :raises ValueError: when the text is not such a reply.
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
        device=_word(item, "sysfs"),
    )


def _path(item: Mapping[str, Any]) -> Path:
    return Path(
        _word(item, "dev"), _word(item, "dm_st"), _word(item, "chk_st"), _word(item, "host_adapter"), _word(item, "target_wwpn")
    )


def rows(item: Map) -> list[tuple[str, ...]]:
    """Return a map's paths as rows of a table, under :data:`TITLES`."""
    return [
        (str(number), str(group.priority), group.state, path.dev, path.check, path.dm, path.adapter, path.port)
        for number, group in enumerate(item.groups, 1)
        for path in group.paths
    ]


def title(item: Map) -> str:
    """Return the disk's array and how its ports are distinguished, in a few words."""
    name = "" if item.name == item.wwid else f" ({item.name})"
    handler = {"1 alua": ", ALUA", "1 rdac": ", RDAC", "1 emc": ", EMC"}.get(item.handler, "")
    return f"{item.wwid}{name}: {item.vendor} {item.product}{handler}"


def queueing(word: str) -> str:
    """Return what the map does with I/O while it has no path."""
    if word.endswith("chk"):
        return f"requests wait for {word.split(maxsplit=1)[0]} checks, then they fail"
    return {"on": "requests wait for ever", "off": "requests fail at once", "-": "the array's default"}.get(
        word, word or "unknown"
    )
