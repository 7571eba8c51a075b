"""YAML read into plain values, with the place of every key and value kept.

Differs from YAML 1.1 where that surprises: ``52:54:00:12:34:56`` and ``1_000`` are text, so are ``yes``, ``no``,
dates and fractions; ``true``, ``false``, ``null`` and whole decimal numbers are what they look like. Duplicate keys
and aliases are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

Path = tuple[str | int, ...]

_DEEPEST = 50


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file, both counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """Something in the file that YAML allows or not, but we do not."""

    position: Position
    path: Path
    text: str


@dataclass
class Document:
    """The value of a file, and where everything in it is."""

    value: Any = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def place(self, path: Path, *, key: bool = False) -> Position:
        """Where a path's key or value is; that of the nearest parent when the path itself is missing."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            part = path[:length]
            if part in first:
                return first[part]
            if part in second:
                return second[part]
        return Position(1, 1)


class _Loader(yaml.SafeLoader):
    """Composes nodes; its resolvers know less than YAML 1.1."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("null", r"~|null|", ["~", "n", ""]),
    ("bool", r"true|false", list("tf")),
    ("int", r"0|-?[1-9][0-9]*", list("-0123456789")),
):
    # yaml has no types for this class method's first list argument.
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"^(?:{_pattern})$"), _first)  # type: ignore[no-untyped-call]


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1) if mark is not None else Position(1, 1)


def _scalar(node: yaml.ScalarNode) -> Any:
    kind = node.tag.rpartition(":")[2]
    text: str = node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text == "true"
    return int(text) if kind == "int" and len(text) < 100 else text


def _pairs(node: yaml.MappingNode, path: Path, document: Document) -> Iterator[tuple[str, yaml.Node]]:
    seen: dict[str, Position] = {}
    for key_node, value_node in node.value:
        place = _position(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(place, path, "a key must be a word, not a list or a mapping"))
            continue
        key = key_node.value
        if key in seen:
            text = f"the key '{key}' is there twice, first on line {seen[key].line}"
            document.faults.append(Fault(place, (*path, key), text))
            continue
        seen[key] = place
        document.keys[(*path, key)] = place
        yield key, value_node


def _build(node: yaml.Node, path: Path, document: Document, open_nodes: tuple[int, ...], used: set[int]) -> Any:
    place = _position(node.start_mark)
    document.values[path] = place
    if id(node) in used or len(open_nodes) > _DEEPEST:
        document.faults.append(Fault(place, path, "aliases and very deep nesting are not allowed, write the value out"))
        return None
    used.add(id(node))
    inner = (*open_nodes, id(node))
    if isinstance(node, yaml.MappingNode):
        return {key: _build(value, (*path, key), document, inner, used) for key, value in _pairs(node, path, document)}
    if isinstance(node, yaml.SequenceNode):
        return [_build(value, (*path, i), document, inner, used) for i, value in enumerate(node.value)]
    assert isinstance(node, yaml.ScalarNode)
    return _scalar(node)


def read_document(text: str) -> Document:
    """Read one YAML document.

    :returns: its value, places and faults; a syntax error is a fault too, and then the value is None.
    """
    document = Document()
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        # The snippet that the error carries could hold a secret: only its words are taken.
        said = ", ".join(part for part in (error.context, error.problem) if part)
        document.faults.append(Fault(_position(error.problem_mark or error.context_mark), (), f"this is not YAML: {said}"))
        return document
    except (yaml.YAMLError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(getattr(error, "reason", "unreadable"))
        document.faults.append(Fault(Position(1, 1), (), f"this is not YAML: {said}"))
        return document
    if node is None:
        document.faults.append(Fault(Position(1, 1), (), "the file is empty"))
        return document
    document.value = _build(node, (), document, (), set())
    return document
