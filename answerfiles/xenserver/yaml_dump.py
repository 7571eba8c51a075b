"""Answers as YAML that people read: only what the file said, warnings as comments above."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from answerfiles.problem import Problem

ORDER = (
    "version",
    "mode",
    "host_name",
    "host_name_fallback",
    "target",
    "guests",
    "network",
    "time",
    "keyboard",
    "root",
    "ssh",
    "scripts",
)


def to_yaml(value: dict[str, Any], name: str, warnings: Sequence[Problem]) -> str:
    """Return the file's text; reading it gives the same value.

    :param name: what the file was made of.
    """
    lines = [f"# Converted from {_printable(name)}."]
    lines += [f"# - line {note.position.line}, {note.field}: {_printable(note.text)}" for note in warnings]
    ordered = {key: value[key] for key in sorted(value, key=lambda key: ORDER.index(key) if key in ORDER else len(ORDER))}
    text = yaml.dump(ordered, Dumper=_Dumper, sort_keys=False, default_flow_style=False, width=120, allow_unicode=True)
    return "\n".join(lines) + "\n" + text


class _Dumper(yaml.SafeDumper):
    """Quotes every text that could be read as something else, by this reader or by another one."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)
