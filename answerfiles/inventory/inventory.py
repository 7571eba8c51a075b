"""The inventory: defaults, groups and hosts of one site, read whole or refused with every error and its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerfiles import yaml_positions
from answerfiles.problem import Problem
from answerfiles.validation import AnswersError
from answerfiles.yaml_positions import Document

MOST_SHOWN = 40
"""Errors in one message; of a mistake that a thousand hosts share, the first forty are listed."""
SECTIONS = ("include", "defaults", "groups", "hosts")
IDENTITY = ("mac", "uuid", "serial")
EXTRA = ("vars", "boot_arguments")
"""Keys in addition to answers, at every level: values for Jinja, and additional kernel arguments."""

Values = dict[str, Any]


@dataclass(frozen=True)
class Host:
    """One host of the inventory, before its values are merged and computed.

    :param index: its place among all hosts, from 0.
    :param macs: every MAC address that it may boot from; the first is the one that templates get.
    :param layers: where its values come from, weakest first: paths in the document.
    """

    name: str
    index: int
    macs: tuple[str, ...]
    uuid: str | None
    serial: str | None
    groups: tuple[str, ...]
    layers: tuple[yaml_positions.Path, ...]

    @property
    def mac(self) -> str | None:
        """Return the first MAC address; None without any."""
        return self.macs[0] if self.macs else None

    def identities(self) -> list[tuple[str, str]]:
        """Return what identifies the machine, as kind and value; its boot files are named for these."""
        pairs = [*(("mac", mac) for mac in self.macs), ("uuid", self.uuid), ("serial", self.serial)]
        return [(kind, value) for kind, value in pairs if value is not None]


@dataclass
class Inventory:
    """A sound inventory.

    :param document: defaults, groups and hosts of all files; positions in other files than ``path`` have their names.
    :param files: every file that was read, the inventory itself first.
    """

    path: Path
    document: Document
    hosts: list[Host] = field(default_factory=list)
    files: tuple[Path, ...] = ()

    def layer(self, path: yaml_positions.Path) -> Values:
        """Return the values at a path of the file; empty when there are none."""
        value = self.document.value
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}


class InventoryError(AnswersError):
    """An inventory's errors, cut to a readable number."""

    def __init__(self, file: str, problems: list[Problem], hint: str = "", *, effect: str = "") -> None:
        super().__init__(file, problems, hint)
        count = len(self.problems)
        lines = [f"{file} has {count} error{'s' if count != 1 else ''}{effect}"]
        lines += [f"  {problem.render(file)}" for problem in self.problems[:MOST_SHOWN]]
        if count > MOST_SHOWN:
            lines.append(f"  and {count - MOST_SHOWN} more")
        self.message = "\n".join(lines)
        self.args = (self.message,)


def walk_strings(value: Any, path: yaml_positions.Path = ()) -> Iterator[tuple[yaml_positions.Path, str]]:
    """Every text in a tree of values with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk_strings(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from walk_strings(inner, (*path, i))
    elif isinstance(value, str):
        yield path, value
