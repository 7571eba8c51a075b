"""The page ``answers.md``: its tables of all settings, generated from the model."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

from answerfiles.model import Answers, HostTask
from answerfiles.model_introspection import Shape, rows
from reference_pages.page import cell, renewed

BEGIN = "<!-- made by 'make docs' from the model: begin -->"
END = "<!-- made by 'make docs' from the model: end -->"


def default_text(default: Any) -> str:
    """Return a default as YAML; "" for a record, whose fields have their own."""
    if default is None or default == ():
        return "not set"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return "see below" if isinstance(default, BaseModel) else f"`{default}`"


def allowed_text(shape: Shape) -> str:
    """Return the values that a field takes, for its cell."""
    return re.sub(r"(?<!\w)'([^']*)'", r"`\1`", shape.allowed())


def record_in(shape: Shape) -> type[BaseModel] | None:
    """Return the record that a field holds: alone, in a list, or as an alternative to keywords."""
    inner = shape.item or shape
    return next((branch.record for branch in (inner, *inner.branches.values()) if branch.record), None)


TASK_HEAD = """## Fields of a host task

With `mode: upgrade`, `rollback` or `reset` a file has these fields alone: the host keeps its own settings. [Upgrade a
host](../how-to/upgrade-a-host.md#from-outside) is the guide.
"""


def tables() -> str:
    """Every field of an installation, then every field of a task; a record that comes again is shown once."""
    homes: dict[type[BaseModel], str] = {}
    return f"{tables_of(Answers, homes)}\n{TASK_HEAD}\n{tables_of(HostTask, homes)}"


def tables_of(model: type[BaseModel], homes: dict[type[BaseModel], str]) -> str:
    """Every field of a record, a table for each record in it.

    :param homes: where records are shown already; those of this one are added.
    """
    sections: dict[str, list[str]] = {"": []}
    skipped: list[str] = []
    for path, shape, field in rows(model):
        if any(path.startswith(prefix) for prefix in skipped):
            continue
        meaning, record = field.description or "", record_in(shape)
        here = f"{path}[]" if shape.item else path
        if record in homes:
            skipped.append(f"{here}.")
            meaning += f"; fields as in `{homes[record]}`"
        elif record is not None:
            homes[record] = here
        default = "required" if field.is_required() else default_text(field.default)
        row = f"| `{path}` | {cell(allowed_text(shape))} | {default} | {cell(meaning)} |"
        sections.setdefault(path.split(".")[0].removesuffix("[]") if "." in path else "", []).append(row)
    lines = []
    for name, body in sections.items():
        lines += [f"### {name or 'At the top'}", "", "| field | allowed | default | meaning |", "|---|---|---|---|", *body, ""]
    return "\n".join(lines)


def page(text: str) -> str:
    """Return the page with its reference renewed; the text around it stays.

    :raises UserError: when the page has no place for it.
    """
    return renewed(text, BEGIN, tables(), END, "reference")
