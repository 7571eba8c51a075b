"""Problems as text for programs: JSON, and the annotations of GitHub's workflows (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterable

from answerfiles.checking.files import Checked


def as_json(results: Iterable[Checked]) -> str:
    """Return a JSON list with one object for each problem, each on a line."""
    rows = [json.dumps(problem.to_json(checked.name), ensure_ascii=False) for checked in results for problem in checked.problems]
    return "[\n" + ",\n".join(rows) + "\n]\n" if rows else "[]\n"


def as_github(results: Iterable[Checked]) -> str:
    """Return workflow commands that GitHub shows as annotations of a pull request's lines."""
    lines = []
    for checked in results:
        for problem in checked.problems:
            position = problem.position
            where = {
                "file": position.file or checked.name,
                "line": str(position.line),
                "col": str(position.column),
                "title": problem.code,
            }
            properties = ",".join(f"{key}={_property(value)}" for key, value in where.items())
            message = problem.render(checked.name).removeprefix(f"{position.text(checked.name)}: ")
            lines.append(f"::{problem.severity} {properties}::{_data(message)}\n")
    return "".join(lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
