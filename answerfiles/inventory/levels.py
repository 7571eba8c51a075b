"""Check defaults and groups on their own, so that a fault is found before a host uses them."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from answerfiles.error_messages import explain, value_at
from answerfiles.inventory.inventory import EXTRA, Inventory, Values, walk_strings
from answerfiles.inventory.references import is_reference
from answerfiles.inventory.templating import is_template, syntax_errors, without_nulls
from answerfiles.model import TASKS, Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Path, dotted

OF_TASKS = HostTask.model_fields.keys() - Answers.model_fields.keys()
FINAL = frozenset({"unknown-key", "uplink", "bridges", "route"})
"""Codes of faults in keys and values that stay faults, whatever other levels add."""


def level_problems(inventory: Inventory) -> list[Problem]:
    """Return the faults of defaults and groups that no host can make right."""
    levels: list[Path] = [("defaults",), *(("groups", name) for name in inventory.layer(("groups",)))]
    return [problem for level in levels for problem in _problems(inventory, level)]


def _problems(inventory: Inventory, level: Path) -> list[Problem]:
    document = inventory.document
    values = {key: value for key, value in inventory.layer(level).items() if key not in EXTRA and key not in OF_TASKS}
    problems = [
        Problem(document.place((*level, *error.path)), dotted((*level, *error.path)), error.text, "template")
        for error in syntax_errors(inventory.layer(level))
    ]
    open_ends = [path for path, text in walk_strings(values) if is_template(text) or is_reference(text)]
    values = without_nulls(values)
    if values.get("mode") in TASKS:
        del values["mode"]
    try:
        Answers.model_validate(values)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=True)
    else:
        return problems
    places: dict[str, Path] = {}

    def place(path: Path, key: bool) -> Any:
        places[dotted(path)] = path
        return document.place((*level, *path), key=key)

    for problem in explain(details, values, place, Answers):
        path = places.get(problem.field, ())
        if _is_final(problem, path, values) and not any(end[: len(path)] == path or path[: len(end)] == end for end in open_ends):
            problems.append(problem._replace(field=dotted((*level, *path))))
    return problems


def _is_final(problem: Problem, path: Path, values: Values) -> bool:
    """Return whether a fault stays one when stronger levels add keys; lists are replaced as a whole and must be complete."""
    if problem.code in FINAL:
        return True
    if any(isinstance(part, int) for part in path):
        return True
    return problem.code != "missing" and path != () and not isinstance(value_at(values, path), dict)
