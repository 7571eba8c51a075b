"""What a new rendering changes for each host, without showing secrets (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from answerfiles.error_messages import found
from answerfiles.inventory.references import is_secret
from answerfiles.yaml_positions import Path, dotted, read_document

HIDDEN = "********"


@dataclass(frozen=True)
class HostChange:
    """What becomes of one host: ``added``, ``removed`` or ``changed``, and the lines that say how."""

    name: str
    kind: str
    lines: tuple[str, ...] = ()


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[HostChange]:
    """Yield the hosts whose answers differ, in the order of their names.

    :param old: the answers of the tree that is there, as YAML, by host.
    :param new: those of the new one.
    """
    for name in sorted(old.keys() | new.keys()):
        if name not in old:
            yield HostChange(name, "added")
        elif name not in new:
            yield HostChange(name, "removed")
        elif old[name] != new[name]:
            before, after = read_document(old[name]).value, read_document(new[name]).value
            yield HostChange(name, "changed", tuple(_lines(before, after, ())))


def _lines(old: Any, new: Any, path: Path) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            if key not in new:
                yield f"- {dotted((*path, key))}: {_shown(old[key], (*path, key))}"
            elif key not in old:
                yield f"+ {dotted((*path, key))}: {_shown(new[key], (*path, key))}"
            else:
                yield from _lines(old[key], new[key], (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _lines(before, after, (*path, i))
    elif old != new:
        yield f"~ {dotted(path)}: {_shown(old, path)} -> {_shown(new, path)}"


def _shown(value: Any, path: Path) -> str:
    if is_secret(path):
        return HIDDEN
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(inner, (*path, key))}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(inner, (*path, i)) for i, inner in enumerate(value)) + "]"
    return found(value)
