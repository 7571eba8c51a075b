"""The structure of an inventory: its sections and levels, what identifies each host, and the groups that it names."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError

from answerfiles import field_types, yaml_positions
from answerfiles.checks.refusal import did_you_mean, refuse
from answerfiles.error_messages import found
from answerfiles.inventory.boot_arguments import argument_problem
from answerfiles.inventory.inventory import EXTRA, IDENTITY, SECTIONS, Host, Values
from answerfiles.model import Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Document, dotted

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
NAME_HINT = "lower-case letters, digits, '-' and '.'"
MOST_MACS = 64


def listed(allowed: list[str]) -> str:
    """Return the allowed keys, for the end of a sentence."""
    return f"; allowed: {', '.join(allowed)}" if allowed else ""


def check_structure(document: Document) -> tuple[list[Host], list[Problem]]:
    """Return the sound hosts of an inventory, and every problem of its structure."""
    check = _Check(document)
    return check.all(), check.problems


class _Check:
    """Walks the file and collects problems."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = []
        self.seen: dict[tuple[str, str], tuple[str, yaml_positions.Path]] = {}
        self.answers = list(dict.fromkeys([*Answers.model_fields, *HostTask.model_fields, *EXTRA]))

    def fail(self, path: yaml_positions.Path, text: str, code: str, *, key: bool = False, hint: str = "") -> None:
        self.problems.append(Problem(self.document.place(path, key=key), dotted(path), text, code, hint))

    def mapping(self, path: yaml_positions.Path, value: Any) -> Values:
        if isinstance(value, dict):
            return value
        if value is not None:
            self.fail(path, f"found {found(value)}; allowed: keys and values", "wrong-type")
        return {}

    def keys(self, path: yaml_positions.Path, values: Values, allowed: list[str]) -> None:
        for key in values:
            if key not in allowed:
                text = f"unknown key{did_you_mean(key, allowed)}{listed(allowed)}"
                self.fail((*path, key), text, "unknown-key", key=True)

    def all(self) -> list[Host]:
        root = self.document.value
        self.keys((), root, list(SECTIONS))
        self.level(("defaults",), self.mapping(("defaults",), root.get("defaults")), self.answers)
        groups = self.mapping(("groups",), root.get("groups"))
        for name, values in groups.items():
            self.level(("groups", name), self.mapping(("groups", name), values), self.answers)
        hosts = self.mapping(("hosts",), root.get("hosts"))
        if not hosts:
            self.fail(("hosts",), "missing; it names the hosts", "missing", key=True)
        return list(filter(None, (self.host(i, name, hosts[name], groups) for i, name in enumerate(hosts))))

    def level(self, path: yaml_positions.Path, values: Values, allowed: list[str]) -> None:
        self.keys(path, values, allowed)
        if "vars" in values:
            self.mapping((*path, "vars"), values["vars"])
        if values.get("boot_arguments") is not None and (wrong := argument_problem(values["boot_arguments"])):
            self.fail((*path, "boot_arguments"), wrong[1], wrong[0])

    def host(self, index: int, name: str, value: Any, groups: Values) -> Host | None:
        path: yaml_positions.Path = ("hosts", name)
        values = self.mapping(path, value)
        before = len(self.problems)
        if not field_types.HOST_NAME.fullmatch(name) or len(name) > field_types.LONGEST_HOST_NAME:
            self.fail(path, f"found {name!r}; allowed as a host's name: {NAME_HINT}", "host-name", key=True)
        self.level(path, values, [*IDENTITY, "groups", *self.answers])
        macs = self.macs(path, values, name)
        uuid_, serial_ = (self.identity((*path, kind), kind, values.get(kind), name) for kind in ("uuid", "serial"))
        if all(values.get(kind) is None for kind in IDENTITY):
            text = "missing; at least one of mac, uuid and serial says which machine it is"
            self.fail(path, text, "missing-identity", key=True)
        named = values.get("groups") or []
        if not isinstance(named, list):
            hint = f"write groups: [{named}]" if isinstance(named, str) and named in groups else ""
            self.fail((*path, "groups"), f"found {found(named)}; allowed: a list of groups", "wrong-type", hint=hint)
            named = []
        for i, group in enumerate(named):
            if not isinstance(group, str) or group not in groups:
                near = did_you_mean(str(group), list(groups))
                text = f"found {found(group)}; no such group{near}{listed(list(groups)[:20])}"
                self.fail((*path, "groups", i), text, "unknown-group")
        if len(self.problems) > before:
            return None
        layers: tuple[yaml_positions.Path, ...] = (("defaults",), *(("groups", group) for group in named), path)
        return Host(name, index, macs, uuid_, serial_, tuple(named), layers)

    def macs(self, path: yaml_positions.Path, values: Values, name: str) -> tuple[str, ...]:
        """Check a host's MAC address, or the list of them."""
        value = values.get("mac")
        if not isinstance(value, list):
            mac = self.identity((*path, "mac"), "mac", value, name)
            return (mac,) if mac is not None else ()
        if not 1 <= len(value) <= MOST_MACS:
            self.fail((*path, "mac"), f"found {found(value)}; allowed: 1 to {MOST_MACS} MAC addresses", "list-length")
        checked = [self.identity((*path, "mac", i), "mac", entry, name) for i, entry in enumerate(value)]
        macs = [mac for mac in checked if mac is not None]
        for i, mac in enumerate(checked):
            if mac is not None and mac in checked[:i]:
                self.fail((*path, "mac", i), f"found '{mac}'; it is in the list already", "same-mac")
        return tuple(macs)

    def identity(self, path: yaml_positions.Path, kind: str, value: Any, name: str) -> str | None:
        """Check mac, uuid or serial and return it normalized; each belongs to one host."""
        if value is None and not isinstance(path[-1], int):
            return None
        try:
            checked = SPELLINGS[kind](str(value))
        except PydanticCustomError as error:
            self.fail(path, f"found {found(value)}; allowed: {error.message()}", kind)
            return None
        other, first = self.seen.setdefault((kind, checked.lower()), (name, path))
        if other != name:
            place = self.document.place(first).text(self.document.name)
            self.fail(path, f"found {found(value)}; the host {other} has the same {kind} ({place})", f"same-{kind}")
        return checked


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
