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
    :param hosts: the hosts of an inventory that have the problem; empty when it is none of a host's.
    """

    position: Position
    field: str
    text: str
    code: str = "invalid"
    hint: str = ""
    severity: Literal["error", "warning"] = "error"
    hosts: tuple[str, ...] = ()

    def render(self, file: str) -> str:
        """Return the problem as compilers print it: ``file:line:column: field: text``, and its hint."""
        field = f"{self.field}: " if self.field else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.position.text(file)}: {self._who()}{field}{self.text}{hint}"

    def _who(self) -> str:
        if not self.hosts:
            return ""
        more = f" and {len(self.hosts) - 1} more" if len(self.hosts) > 1 else ""
        return f"host {self.hosts[0]}{more}: "

    def to_json(self, file: str) -> dict[str, str | int | list[str]]:
        """Return the problem as an object for programs."""
        return {
            "file": self.position.file or file,
            "line": self.position.line,
            "column": self.position.column,
            "path": self.field,
            "severity": self.severity,
            "code": self.code,
            "message": self.text,
            "hint": self.hint,
            "hosts": list(self.hosts),
        }
