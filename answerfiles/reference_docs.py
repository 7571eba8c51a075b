"""Write the JSON schema and the reference of the answers: ``python -m answerfiles.reference_docs docs/reference``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from answerfiles.generated_part import renewed
from answerfiles.inventory.schema import inventory_schema_text
from answerfiles.json_schema import schema_text
from answerfiles.model import Answers
from answerfiles.model_introspection import Shape, rows
from dom0kit.errors import UserError
from dom0kit.fs import write_atomic

BEGIN = "<!-- made by 'make docs' from the model: begin -->"
END = "<!-- made by 'make docs' from the model: end -->"


def cell(text: str) -> str:
    """Escape a text for a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")


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


def tables() -> str:
    """Every field, a table for each top-level record; a record that comes again is shown once."""
    sections: dict[str, list[str]] = {"": []}
    homes: dict[type[BaseModel], str] = {}
    skipped: list[str] = []
    for path, shape, field in rows(Answers):
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


def main(arguments: list[str]) -> int:
    """Write both files into the folder that is named."""
    if len(arguments) != 1:
        print("usage: python -m answerfiles.reference_docs FOLDER", file=sys.stderr)
        return 2
    folder = Path(arguments[0])
    try:
        made = page((folder / "answers.md").read_text())
        write_atomic(folder / "answers.md", made)
        write_atomic(folder / "answers.schema.json", schema_text())
        write_atomic(folder / "inventory.schema.json", inventory_schema_text())
    except (OSError, UserError) as error:
        print(f"answerfiles.reference_docs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
