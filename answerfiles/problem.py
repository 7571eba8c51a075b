"""One error or warning about a file: where it is, what is wrong, and its stable code."""

from __future__ import annotations

from typing import Literal, NamedTuple

from answerfiles.yaml_positions import Position


class Problem(NamedTuple):
    """One error or warning of a file.

    :param field: the setting as a dotted path; empty for the whole file.
    :param text: what was found and what is allowed.
    :param code: a stable identifier for programs, as ``unknown-key``.
    :param hint: what to do, beginning with a verb; may be empty.
    """

    position: Position
    field: str
    text: str
    code: str = "invalid"
    hint: str = ""
    severity: Literal["error", "warning"] = "error"

    def render(self, file: str) -> str:
        """Return the problem as compilers print it: ``file:line:column: field: text``, and its hint."""
        field = f"{self.field}: " if self.field else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{file}:{self.position.line}:{self.position.column}: {field}{self.text}{hint}"

    def to_json(self, file: str) -> dict[str, str | int]:
        """Return the problem as an object for programs."""
        return {
            "file": file,
            "line": self.position.line,
            "column": self.position.column,
            "path": self.field,
            "severity": self.severity,
            "code": self.code,
            "message": self.text,
            "hint": self.hint,
        }
