"""Introspection of the model: the keys of a record, the values of a field, the places of secrets.

Reader, schema and reference page ask here, so that nothing is listed twice.
"""

from __future__ import annotations

import ipaddress
import types
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo

from answerfiles.field_types import Kind
from answerfiles.secret import PasswordHash, Secret
from answerfiles.yaml_positions import Path
from dom0kit.units import human_bytes

PLAIN: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    str: "text",
    Secret: "text, or a reference: file:PATH or env:NAME",
    PasswordHash: "a hash, or a reference: file:PATH or env:NAME",
    ipaddress.IPv4Interface: "an IPv4 address with its network's length, as 192.0.2.10/24",
    ipaddress.IPv6Interface: "an IPv6 address with its network's length, as 2001:db8::10/64",
}


@dataclass(frozen=True, eq=False)
class Shape:
    """A type of the model without ``Annotated`` and ``None`` around it, and its annotations."""

    type: Any
    metadata: tuple[Any, ...] = ()

    @property
    def record(self) -> type[BaseModel] | None:
        """The record, when it is one."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @cached_property
    def fields(self) -> dict[str, Shape]:
        """A record's fields; empty for anything else."""
        record = self.record
        return {name: shape_of_field(field) for name, field in record.model_fields.items()} if record else {}

    @cached_property
    def branches(self) -> dict[str, Shape]:
        """The branches of a tagged union by tag; empty for anything else."""
        if get_origin(self.type) not in (Union, types.UnionType):
            return {}
        shapes = [shape(part) for part in get_args(self.type)]
        return {tag.tag: branch for branch in shapes for tag in branch.metadata if isinstance(tag, Tag)}

    @cached_property
    def item(self) -> Shape | None:
        """Return the shape of a list's entries; None for anything else."""
        return shape(get_args(self.type)[0]) if get_origin(self.type) is tuple else None

    @property
    def words(self) -> tuple[Any, ...]:
        """The values that may be written as they are."""
        if get_origin(self.type) is Literal:
            return get_args(self.type)
        if self.type is bool:
            return (True, False)
        return tuple(word for branch in self.branches.values() for word in branch.words)

    @property
    def is_secret(self) -> bool:
        """Return whether the value is a secret."""
        return isinstance(self.type, type) and issubclass(self.type, Secret)

    @cached_property
    def holds_secret(self) -> bool:
        """Return whether the value is a secret or has one anywhere inside."""
        inner = [*self.fields.values(), *self.branches.values(), *([self.item] if self.item else [])]
        return self.is_secret or any(part.holds_secret for part in inner)

    def limit(self, kind: Any, name: str) -> Any:
        """Return a constraint of the type, as ``limit(annotated_types.Ge, "ge")``; None without one."""
        return next((getattr(found, name) for found in reversed(self.metadata) if isinstance(found, kind)), None)

    def allowed(self) -> str:
        """Return the allowed values in words."""
        for found in self.metadata:
            if isinstance(found, Kind):
                least = self.limit(annotated_types.Ge, "ge")
                return found.text + (f", at least {human_bytes(least)}" if least is not None else "")
        if self.branches:
            return " or ".join(branch.allowed() for branch in self.branches.values())
        if get_origin(self.type) is Literal:
            return _or([repr(word) for word in get_args(self.type)])
        if self.item is not None:
            return f"a list{self._length()}, each {_each(self.item)}"
        if self.record is not None:
            return "keys and values"
        empty = self.type is str and self.limit(annotated_types.MinLen, "min_length")
        text = "text that is not empty" if empty else PLAIN.get(self.type, "text")
        low, high = self.limit(annotated_types.Ge, "ge"), self.limit(annotated_types.Le, "le")
        return text + (f" from {low} to {high}" if high is not None else f" from {low} on" if low is not None else "")

    def _length(self) -> str:
        arguments = get_args(self.type)
        if Ellipsis not in arguments:
            return f" of exactly {len(arguments)}"
        low, high = self.limit(annotated_types.MinLen, "min_length"), self.limit(annotated_types.MaxLen, "max_length")
        return f" of {low} to {high}" if low is not None and high is not None else ""


def _each(item: Shape) -> str:
    return "with keys and values" if item.record is not None else item.allowed()


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def shape(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """Return the shape of a type annotation."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        flat = [part for found in more for part in (found.metadata if isinstance(found, FieldInfo) else [found])]
        return shape(inner, (*flat, *metadata))
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if len(parts) == 1:
            return shape(parts[0], metadata)
    return Shape(annotation, metadata)


def shape_of_field(field: FieldInfo) -> Shape:
    """Return the shape of a field."""
    return shape(field.annotation, tuple(field.metadata))


@cache
def shape_of_model(model: type[BaseModel]) -> Shape:
    """Return the shape of a whole file."""
    return Shape(model)


@dataclass(frozen=True)
class Spot:
    """Return the path in the file, and the shapes along it, for one of pydantic's locations.

    ``parent`` is the record that has, or should have, the last key; ``shape`` is None for unknown keys.
    """

    path: Path
    parent: Shape | None
    shape: Shape | None

    @property
    def may_hold_secret(self) -> bool:
        """Return whether the value could be a secret, as values of unknown keys could be."""
        return self.shape is None or self.shape.holds_secret


def find(model: type[BaseModel], loc: Path) -> Spot:
    """Follow a location of pydantic's through the model; it also names branches of unions, which no file has."""
    here: Shape = shape_of_model(model)
    parent: Shape | None = None
    whole = here
    path: list[str | int] = []
    for part in loc:
        if here.branches:
            # The union stays the shape of this place, the branch is where the next part is looked up.
            here = here.branches.get(str(part), here)
        elif here.record is not None:
            path.append(part)
            parent = here
            if part not in here.fields:
                return Spot(tuple(path), parent, None)
            here = whole = here.fields[str(part)]
        elif here.item is not None and isinstance(part, int):
            path.append(part)
            here = whole = here.item
    return Spot(tuple(path), parent, whole)


def rows(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, Shape, FieldInfo]]:
    """Every field below a record in the order of the model, as dotted path, shape and definition."""
    for name, field in model.model_fields.items():
        here = shape_of_field(field)
        path = f"{prefix}{name}"
        yield path, here, field
        inner = here
        if inner.item is not None:
            path, inner = f"{path}[]", inner.item
        for branch in (inner, *inner.branches.values()):
            if branch.record is not None:
                yield from rows(branch.record, f"{path}.")
