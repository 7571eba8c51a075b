"""Answers as YAML that people read: only what the file said, warnings as comments above, what is to be done at its place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from answerfiles.field_paths import Path
from answerfiles.problem import Problem
from answerfiles.yaml_writer import comment, lines_of

ORDER = (
    "version",
    "mode",
    "host_name",
    "host_name_fallback",
    "target",
    "guests",
    "network",
    "san",
    "time",
    "keyboard",
    "root",
    "ssh",
    "scripts",
)
TODO = "TODO"
Comments = Mapping[Path, Sequence[str]]


def to_yaml(
    value: dict[str, Any],
    name: str,
    warnings: Sequence[Problem],
    todos: Sequence[tuple[Path, Problem]] = (),
    comments: Comments | None = None,
) -> str:
    """Return the file's text; reading it gives the same value.

    :param name: what the file was made of.
    :param todos: what the user has to do before the file is valid, with the part that it is about.
    :param comments: more lines by the key that they stand above; those of an absent key come at the end.
    """
    ordered = {key: value[key] for key in sorted(value, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))}
    above: dict[Path, list[str]] = {}
    for path, todo in sorted(todos, key=lambda entry: (entry[1], str(entry[0]))):
        where = _nearest(ordered, path)
        above.setdefault(where, []).append(f"{TODO} line {todo.position.line}, {_about(todo)}")
    for path, lines in (comments or {}).items():
        above.setdefault(path, []).extend(lines)
    head = [f"Converted from {name}."]
    head += [f"- line {note.position.line}, {_about(note)}" for note in warnings]
    head += above.pop((), [])
    lines = [comment("", line) for line in head]
    lines += lines_of(ordered, above)
    lines += [comment("", line) for rest in above.values() for line in rest]
    return "\n".join(lines) + "\n"


def _about(problem: Problem) -> str:
    field = f"{problem.field}: " if problem.field else ""
    return f"{field}{problem.text}{f'; {problem.hint}' if problem.hint else ''}"


def _nearest(value: dict[str, Any], path: Path) -> Path:
    """Return the key that a comment about a path stands above; empty when there is none."""
    here: Any = value
    found: Path = ()
    for part in path:
        if isinstance(here, dict) and part in here:
            here = here[part]
            found = (*found, part)
        else:
            break
    return found or path[:1]
