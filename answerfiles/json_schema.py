"""The model as JSON Schema, for editors."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from answerfiles.model import TASKS, Answers, HostTask

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer file.

    It knows keys, types, words and ranges; what settings must fit together is known to ``dom0kit answers check`` alone.
    """
    install, task = record_schema(Answers), record_schema(HostTask)
    return {
        "$schema": DIALECT,
        "title": "Answers of dom0kit",
        "description": "An installation, or a task for a host that is on the disks. 'dom0kit answers check' says more than this "
        "schema can.",
        "type": "object",
        "if": {"properties": {"mode": {"enum": list(TASKS)}}, "required": ["mode"]},
        "then": {key: value for key, value in task.items() if key != "$defs"},
        "else": {key: value for key, value in install.items() if key != "$defs"},
        "$defs": install["$defs"] | task["$defs"],
    }


def record_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a record, without title and description."""
    made = model.model_json_schema()
    _tidy(made)
    return {key: value for key, value in made.items() if key not in ("title", "description")}


def _tidy(value: Any) -> None:
    """Take out what pydantic puts in for Python alone: titles made of names, and limits under Python's names."""
    if isinstance(value, list):
        for entry in value:
            _tidy(entry)
    if not isinstance(value, dict):
        return
    for inner in value.get("properties", {}).values():
        inner.pop("title", None)
    if value.get("default", 0) is None:
        del value["default"]
    if isinstance(value.get("default"), dict):
        # A record's default is made of its fields' own defaults, which stand there.
        del value["default"]
    if "ge" in value:
        least = value.pop("ge")
        for branch in value.get("anyOf", []):
            if branch.get("type") == "integer":
                branch["minimum"] = least
    for entry in value.values():
        _tidy(entry)


def schema_text() -> str:
    """Return the text of ``docs/reference/answers.schema.json``."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
