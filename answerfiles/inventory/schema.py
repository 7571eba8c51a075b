"""Inventories as JSON Schema, for editors: that of answers with every key optional, and templates and null for values."""

from __future__ import annotations

import json
from typing import Any

from answerfiles.inventory.structure import MOST_MACS, SERIAL, UUID
from answerfiles.json_schema import DIALECT, record_schema
from answerfiles.model import TASKS, Answers, HostTask

REF = "#/$defs/"
TEMPLATE = "Template"
LEVEL, HOST = "Level", "Host"


def inventory_schema() -> dict[str, Any]:
    """Return the JSON Schema of an inventory and of the files that it includes.

    What must fit together, and be unique in the site, is known to ``dom0kit answers check`` alone.
    """
    whole, task = record_schema(Answers), record_schema(HostTask)
    records = {name: _optional(record) for name, record in whole["$defs"].items()}
    modes = {**whole["properties"]["mode"], "enum": ["install", *TASKS]}
    modes.pop("const", None)
    answers = _optional({"properties": task["properties"] | whole["properties"] | {"mode": modes}})["properties"]
    extra = {
        "vars": {"type": ["object", "null"], "description": "values for templates, as {{ vars.NAME }}"},
        "boot_arguments": {"type": ["string", "null"], "description": "additional kernel arguments of the installer"},
    }
    return {
        "$schema": DIALECT,
        "title": "Inventory of dom0kit",
        "description": "Defaults, groups and hosts of a site. 'dom0kit answers check' says more than this schema can.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "include": {
                "description": "files, folders and patterns to read as well; relative names start at this file",
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
            },
            "defaults": {"description": "what all hosts have", **_or_nothing(LEVEL)},
            "groups": {
                "description": "what the hosts of a group have; stronger than defaults",
                "type": ["object", "null"],
                "additionalProperties": _or_nothing(LEVEL),
            },
            "hosts": {
                "description": "each host by its name; stronger than its groups",
                "type": ["object", "null"],
                "additionalProperties": {"$ref": REF + HOST},
            },
        },
        "$defs": {
            TEMPLATE: {"type": "string", "pattern": "\\{[{%]", "description": "text that jinja2 computes for each host"},
            LEVEL: {"type": "object", "additionalProperties": False, "properties": answers | extra},
            HOST: {
                "type": "object",
                "additionalProperties": False,
                "properties": _identity() | answers | extra,
                "anyOf": [{"required": ["mac"]}, {"required": ["uuid"]}, {"required": ["serial"]}],
            },
            **records,
        },
    }


def _identity() -> dict[str, Any]:
    mac = {"type": "string", "pattern": r"^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$"}
    return {
        "mac": {
            "description": "MAC address of a network card that the machine boots from, or a list of them",
            "anyOf": [mac, {"type": "array", "items": mac, "minItems": 1, "maxItems": MOST_MACS}],
        },
        "uuid": {
            "description": "the output of dmidecode -s system-uuid",
            "type": "string",
            "pattern": f"^{UUID.pattern.replace('a-f', 'A-Fa-f')}$",
        },
        "serial": {
            "description": "the output of dmidecode -s system-serial-number",
            "anyOf": [{"type": "string", "pattern": f"^{SERIAL.pattern}$"}, {"type": "integer"}],
        },
        "groups": {
            "description": "the host's groups, weakest first",
            "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}],
        },
    }


def _or_nothing(name: str) -> dict[str, Any]:
    return {"anyOf": [{"$ref": REF + name}, {"type": "null"}]}


def _optional(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record's schema with every key optional and every value open to templates."""
    made = {key: value for key, value in record.items() if key != "required"}
    if "properties" in made:
        made["properties"] = {name: _open(value) for name, value in made["properties"].items()}
    return made


def _open(value: dict[str, Any]) -> dict[str, Any]:
    """Return a value's schema that takes a template and null as well."""
    about: dict[str, Any] = {key: value[key] for key in ("description", "default") if key in value}
    inner = {key: part for key, part in value.items() if key not in about}
    if "items" in inner:
        inner["items"] = {"anyOf": [inner["items"], {"$ref": REF + TEMPLATE}]}
    if "prefixItems" in inner:
        inner["prefixItems"] = [{"anyOf": [item, {"$ref": REF + TEMPLATE}]} for item in inner["prefixItems"]]
    parts = inner["anyOf"] if set(inner) == {"anyOf"} else [inner]
    known = [part for part in parts if part != {"type": "null"}]
    return {**about, "anyOf": [*known, {"$ref": REF + TEMPLATE}, {"type": "null"}]}


def inventory_schema_text() -> str:
    """Return the text of ``docs/reference/inventory.schema.json``."""
    return json.dumps(inventory_schema(), indent=2, ensure_ascii=False) + "\n"
