"""The inventory: one YAML file of defaults, groups and hosts, read whole or refused with every error and its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from answerfiles import field_types, yaml_positions
from answerfiles.checks.refusal import did_you_mean, refuse
from answerfiles.error_messages import found
from answerfiles.model import Answers
from answerfiles.problem import Problem
from answerfiles.validation import AnswersError
from answerfiles.yaml_positions import Document, dotted
from dom0kit.errors import UserError

MOST_SHOWN = 40
"""Errors in one message; of a mistake that a thousand hosts share, the first forty are listed."""
SECTIONS = ("defaults", "groups", "hosts")
IDENTITY = ("mac", "uuid", "serial")
EXTRA = ("vars", "boot_arguments")
"""Keys in addition to answers, at every level: values for Jinja, and additional kernel arguments."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
NAME_HINT = "lower-case letters, digits, '-' and '.'"

Values = dict[str, Any]


@dataclass(frozen=True)
class Host:
    """One host of the inventory, before its values are merged and computed.

    :param index: its place in the file, from 0.
    :param layers: where its values come from, weakest first: paths in the document.
    """

    name: str
    index: int
    mac: str | None
    uuid: str | None
    serial: str | None
    groups: tuple[str, ...]
    layers: tuple[yaml_positions.Path, ...]

    def identities(self) -> list[tuple[str, str]]:
        """Return what identifies the machine, as kind and value; its boot files are named for these."""
        pairs = (("mac", self.mac), ("uuid", self.uuid), ("serial", self.serial))
        return [(kind, value) for kind, value in pairs if value is not None]


@dataclass
class Inventory:
    """A sound inventory."""

    path: Path
    document: Document
    hosts: list[Host] = field(default_factory=list)

    def layer(self, path: yaml_positions.Path) -> Values:
        """Return the values at a path of the file; empty when there are none."""
        value = self.document.value
        for part in path:
            value = value.get(part) if isinstance(value, dict) else None
        return value if isinstance(value, dict) else {}


class InventoryError(AnswersError):
    """An inventory's errors, cut to a readable number."""

    def __init__(self, file: str, problems: list[Problem], hint: str = "") -> None:
        super().__init__(file, problems, hint)
        count = len(problems)
        lines = [f"{file} has {count} error{'s' if count != 1 else ''}, nothing was written"]
        lines += [f"  {problem.render(file)}" for problem in self.problems[:MOST_SHOWN]]
        if count > MOST_SHOWN:
            lines.append(f"  and {count - MOST_SHOWN} more")
        self.message = "\n".join(lines)
        self.args = (self.message,)


def read_inventory(path: Path) -> Inventory:
    """Read an inventory and check everything but the answers themselves.

    :raises InventoryError: with every problem at once.
    :raises UserError: when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: byte {error.start}") from error
    except OSError as error:
        raise UserError(f"cannot read the inventory {path}: {error.strerror}") from error
    return parse_inventory(text, path)


def parse_inventory(text: str, path: Path) -> Inventory:
    """Read an inventory from a text; ``path`` is its name in errors and where ``file:`` references start.

    :raises InventoryError: with every problem at once.
    """
    document = yaml_positions.read_document(text)
    problems = [Problem(fault.position, dotted(fault.path), fault.text, fault.code) for fault in document.faults]
    inventory = Inventory(path, document)
    if isinstance(document.value, dict):
        check = _Check(document, problems)
        inventory.hosts = check.all()
    elif not problems:
        problems.append(Problem(document.place(()), "", f"found {found(document.value)}; allowed: {', '.join(SECTIONS)}"))
    if problems:
        raise InventoryError(str(path), problems)
    return inventory


def listed(allowed: list[str]) -> str:
    """Return the allowed keys, for the end of a sentence."""
    return f"; allowed: {', '.join(allowed)}" if allowed else ""


class _Check:
    """Walks the file and collects problems."""

    def __init__(self, document: Document, problems: list[Problem]) -> None:
        self.document = document
        self.problems = problems
        self.seen: dict[tuple[str, str], str] = {}

    def fail(self, path: yaml_positions.Path, text: str, *, key: bool = False) -> None:
        self.problems.append(Problem(self.document.place(path, key=key), dotted(path), text))

    def mapping(self, path: yaml_positions.Path, value: Any) -> Values:
        if isinstance(value, dict):
            return value
        if value is not None:
            self.fail(path, f"found {found(value)}; allowed: keys and values")
        return {}

    def keys(self, path: yaml_positions.Path, values: Values, allowed: list[str]) -> None:
        for key in values:
            if key not in allowed:
                self.fail((*path, key), f"unknown key{did_you_mean(key, allowed)}{listed(allowed)}", key=True)

    def all(self) -> list[Host]:
        root = self.document.value
        self.keys((), root, list(SECTIONS))
        answers = [*Answers.model_fields, *EXTRA]
        self.level(("defaults",), self.mapping(("defaults",), root.get("defaults")), answers)
        groups = self.mapping(("groups",), root.get("groups"))
        for name, values in groups.items():
            self.level(("groups", name), self.mapping(("groups", name), values), answers)
        hosts = self.mapping(("hosts",), root.get("hosts"))
        if not hosts:
            self.fail(("hosts",), "missing; it names the hosts", key=True)
        allowed = [*IDENTITY, "groups", *answers]
        return list(filter(None, (self.host(i, name, hosts[name], list(groups), allowed) for i, name in enumerate(hosts))))

    def level(self, path: yaml_positions.Path, values: Values, allowed: list[str]) -> None:
        self.keys(path, values, allowed)
        if "vars" in values:
            self.mapping((*path, "vars"), values["vars"])
        extra = values.get("boot_arguments")
        if extra is not None and (
            not isinstance(extra, str) or not extra.isprintable() or set(extra) & set("\"'\\$;{}<>|&") - set("{}")
        ):
            self.fail(
                (*path, "boot_arguments"),
                "allowed: kernel arguments on one line, without quotes and the characters $ ; < > | & \\",
            )

    def host(self, index: int, name: str, value: Any, groups: list[str], allowed: list[str]) -> Host | None:
        path: yaml_positions.Path = ("hosts", name)
        values = self.mapping(path, value)
        before = len(self.problems)
        if not field_types.HOST_NAME.fullmatch(name) or len(name) > field_types.LONGEST_HOST_NAME:
            self.fail(path, f"found {name!r}; allowed as a host's name: {NAME_HINT}", key=True)
        self.level(path, values, allowed)
        known = {kind: self.identity(path, kind, values, name) for kind in IDENTITY}
        if not any(kind in values for kind in IDENTITY):
            self.fail(path, "missing; at least one of mac, uuid and serial says which machine it is", key=True)
        named = values.get("groups", [])
        if not isinstance(named, list):
            self.fail((*path, "groups"), f"found {found(named)}; allowed: a list of groups")
            named = []
        for i, group in enumerate(named):
            if group not in groups:
                near = did_you_mean(str(group), groups)
                self.fail((*path, "groups", i), f"found {found(group)}; no such group{near}{listed(groups[:20])}")
        if len(self.problems) > before:
            return None
        layers: tuple[yaml_positions.Path, ...] = (("defaults",), *(("groups", group) for group in named), path)
        return Host(name, index, known["mac"], known["uuid"], known["serial"], tuple(named), layers)

    def identity(self, path: yaml_positions.Path, kind: str, values: Values, name: str) -> str | None:
        """Check mac, uuid or serial and return it normalized; each belongs to one host."""
        if kind not in values:
            return None
        try:
            value = SPELLINGS[kind](str(values[kind]))
        except PydanticCustomError as error:
            self.fail((*path, kind), f"found {found(values[kind])}; allowed: {error.message()}")
            return None
        other = self.seen.setdefault((kind, value.lower()), name)
        if other != name:
            self.fail((*path, kind), f"found {found(values[kind])}; the host {other} has the same {kind}")
        return value


def uuid(value: str) -> str:
    """Check a machine's UUID, as in /sys/class/dmi/id/product_uuid; return it in lower case."""
    if not UUID.fullmatch(value.lower()):
        raise refuse("uuid", "a UUID as dmidecode -s system-uuid prints it")
    return value.lower()


def serial(value: str) -> str:
    """Check a machine's serial number; it is part of file names and URLs."""
    if not SERIAL.fullmatch(value):
        raise refuse("serial", "a serial number of letters, digits, '.', '_', '+' and '-'; for others use mac or uuid")
    return value


SPELLINGS: dict[str, Callable[[str], str]] = {"mac": field_types.mac, "uuid": uuid, "serial": serial}


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
