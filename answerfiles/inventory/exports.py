"""Inventories that other programs export as JSON: ``ansible-inventory --list``, and NetBox's devices and interfaces."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from answerfiles.inventory.inventory import Values
from answerfiles.yaml_positions import Document, Path

ANSWERS = "dom0kit"
"""The variable whose keys are those of a host or a group; ``dom0kit_KEY`` is short for one of them."""
NOT_A_NAME = re.compile(r"[^a-z0-9.-]+")


class Data(str):
    """A text of an export: never a template, whatever it holds."""

    __slots__ = ()


def recognize(value: Any) -> Callable[[Document], Document] | None:
    """Return the function that makes an inventory of an export; None when the value is none."""
    if isinstance(value, dict) and isinstance(value.get("_meta"), dict) and "hostvars" in value["_meta"]:
        return from_ansible
    rows = _rows(value)[1]
    if rows and all(isinstance(row, dict) for row in rows):
        if all("device_type" in row and "name" in row for row in rows):
            return from_netbox_devices
        if all("mac_address" in row and "device" in row for row in rows):
            return from_netbox_interfaces
    return None


def _rows(value: Any) -> tuple[Path, list[Any]]:
    """Return the rows of NetBox's REST API: the pages' ``results``, or a list of its own."""
    if isinstance(value, dict) and isinstance(value.get("results"), list):
        return ("results",), value["results"]
    return (), value if isinstance(value, list) else []


class _Export:
    """An inventory in the making: its values, and where each was in the export."""

    def __init__(self, document: Document) -> None:
        self.source = document
        self.made = Document(value={"groups": {}, "hosts": {}}, faults=document.faults, name=document.name)

    def put(self, target: Path, origin: Path, value: Any) -> None:
        """Set a value, whose places are those of the export."""
        here = self.made.value
        for part in target[:-1]:
            here = here.setdefault(part, {})
        here[target[-1]] = value
        self._places(target, origin, value)

    def at(self, target: Path, origin: Path) -> None:
        """Say where a key of the inventory is in the export."""
        self.made.keys[target] = self.source.place(origin, key=True)
        self.made.values[target] = self.source.place(origin)

    def _places(self, target: Path, origin: Path, value: Any) -> None:
        self.at(target, origin)
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in inner:
            self._places((*target, key), (*origin, key), part)

    def variables(self, target: Path, origin: Path, values: Values) -> None:
        """Divide variables into answers, and values for templates."""
        for key, value in values.items():
            if key == ANSWERS and isinstance(value, dict):
                for name, inner in value.items():
                    self.put((*target, name), (*origin, key, name), inner)
            elif key.startswith(f"{ANSWERS}_"):
                self.put((*target, key.removeprefix(f"{ANSWERS}_")), (*origin, key), value)
            else:
                self.put((*target, "vars", key), (*origin, key), as_data(value))


def as_data(value: Any) -> Any:
    """Return a tree of values whose texts are no templates."""
    if isinstance(value, dict):
        return {key: as_data(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_data(inner) for inner in value]
    return Data(value) if isinstance(value, str) else value


def host_name(name: Any) -> str:
    """Return a name of an export as an inventory's host has it: in lower case, without blanks."""
    return NOT_A_NAME.sub("-", str(name).strip().lower())


def from_ansible(document: Document) -> Document:
    """Make an inventory of ``ansible-inventory --list``, with or without ``--export``.

    Only hosts that have answers or an identity are hosts here: Ansible's inventory also has other machines.
    """
    export = _Export(document)
    value = document.value
    hostvars = value["_meta"]["hostvars"] if isinstance(value["_meta"]["hostvars"], dict) else {}
    groups: dict[str, list[str]] = {}
    for name, group in value.items():
        if name in ("_meta", "all", "ungrouped") or not isinstance(group, dict):
            continue
        export.put(("groups", name), (name,), {})
        if isinstance(group.get("vars"), dict):
            export.variables(("groups", name), (name, "vars"), group["vars"])
        for host in _members(value, name, set()):
            groups.setdefault(host, []).append(name)
    shared = value.get("all", {}).get("vars") if isinstance(value.get("all"), dict) else None
    if isinstance(shared, dict):
        export.variables(("defaults",), ("all", "vars"), shared)
    for name, variables in hostvars.items():
        origin: Path = ("_meta", "hostvars", name)
        if not isinstance(variables, dict) or not any(key == ANSWERS or key.startswith(f"{ANSWERS}_") for key in variables):
            continue
        target: Path = ("hosts", host_name(name))
        export.put(target, origin, {})
        export.variables(target, origin, variables)
        if name in groups and "groups" not in export.made.value["hosts"][target[1]]:
            export.put((*target, "groups"), origin, groups[name])
    return export.made


def _members(value: Values, group: str, seen: set[str]) -> list[str]:
    """Return the hosts of a group and of the groups in it."""
    if group in seen or not isinstance(value.get(group), dict):
        return []
    seen.add(group)
    hosts = [str(host) for host in value[group].get("hosts") or []]
    for child in value[group].get("children") or []:
        hosts += [host for host in _members(value, str(child), seen) if host not in hosts]
    return hosts


def from_netbox_devices(document: Document) -> Document:
    """Make an inventory of NetBox's ``/api/dcim/devices/``.

    A device is a host by its serial number; site, role and tags are its groups; all it has is ``vars.netbox``.
    """
    export = _Export(document)
    above, rows = _rows(document.value)
    for i, row in enumerate(rows):
        origin: Path = (*above, i)
        target: Path = ("hosts", host_name(row["name"]))
        export.put(target, origin, {})
        context = row.get("config_context")
        answers = context.get(ANSWERS) if isinstance(context, dict) else None
        export.variables(target, (*origin, "config_context"), {ANSWERS: answers or {}})
        host = export.made.value["hosts"][target[1]]
        if row.get("serial") and "serial" not in host:
            export.put((*target, "serial"), (*origin, "serial"), row["serial"])
        groups = [(*origin, key) for key in ("site", "role") if _slug(row.get(key))]
        names = [_slug(row[str(path[-1])]) for path in groups] + [_slug(tag) for tag in row.get("tags") or []]
        for name in dict.fromkeys(filter(None, names)):
            if name not in export.made.value["groups"]:
                export.put(("groups", name), origin, {})
        if "groups" not in host:
            export.put((*target, "groups"), origin, list(dict.fromkeys(filter(None, names))))
        export.put((*target, "vars", "netbox"), origin, as_data(row))
    return export.made


def _slug(value: Any) -> str:
    return str(value.get("slug") or "") if isinstance(value, dict) else ""


def from_netbox_interfaces(document: Document) -> Document:
    """Make MAC addresses of NetBox's ``/api/dcim/interfaces/``: those of its devices that are no management controllers'."""
    export = _Export(document)
    above, rows = _rows(document.value)
    macs: dict[str, list[tuple[str, Path]]] = {}
    for i, row in enumerate(rows):
        device = row["device"].get("name") if isinstance(row["device"], dict) else None
        if device and row["mac_address"] and not row.get("mgmt_only"):
            macs.setdefault(host_name(device), []).append((str(row["mac_address"]), (*above, i, "mac_address")))
    for name, found in macs.items():
        target: Path = ("hosts", name)
        export.put(target, found[0][1][:-1], {})
        export.put((*target, "mac"), found[0][1], list(dict.fromkeys(mac for mac, _ in found)))
        for i, (_, origin) in enumerate(found):
            export.at((*target, "mac", i), origin)
    return export.made
