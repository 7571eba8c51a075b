"""Read facts in the format of ``dom0kit facts --json``."""

from __future__ import annotations

import dataclasses
import json
import types
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from dom0kit.errors import UserError
from dom0kit.fs import read_limited
from dom0kit.units import MIB
from installer.model.hardware import Facts

LARGEST = 64 * MIB
HINT = "collect the facts with 'dom0kit facts --json > host.json' and the same version of dom0kit"


class _Wrong(Exception):
    pass


def facts_from_json(value: Any, name: str = "the facts") -> Facts:
    """Build facts from plain values, the inverse of :meth:`Facts.to_json`.

    The records of ``installer.model.hardware`` say themselves what they hold; a field with a default may be absent.

    :raises UserError: when the values are not valid facts.
    """
    try:
        facts = _read(Facts, value, "")
    except _Wrong as error:
        raise UserError(f"{name} are not valid: {error}", HINT) from None
    assert isinstance(facts, Facts)
    if facts.firmware not in ("bios", "uefi"):
        raise UserError(f"{name} are not valid: firmware is {facts.firmware!r}, not bios or uefi", HINT)
    return facts


def read_facts(path: Path) -> Facts:
    """Read facts from a file.

    :raises UserError: when it cannot be read or is not valid.
    """
    try:
        value = json.loads(read_limited(path, LARGEST).decode())
    except OSError as error:
        raise UserError(f"cannot read the facts {path}: {error.strerror}", HINT) from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"the facts {path} are not JSON: {error}", HINT) from error
    return facts_from_json(value, f"the file of facts {path}")


def _hints(record: type[Any]) -> dict[str, Any]:
    return get_type_hints(record)


def _read(kind: Any, value: Any, path: str) -> Any:
    """Convert a value to a type that ``installer.model.hardware`` uses."""
    if get_origin(kind) in (Union, types.UnionType):
        if value is None and type(None) in get_args(kind):
            return None
        return _read(next(part for part in get_args(kind) if part is not type(None)), value, path)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _record(kind, value, path)
    if get_origin(kind) is tuple:
        return _tuple(get_args(kind), value, path)
    if get_origin(kind) is dict:
        if not isinstance(value, dict):
            raise _Wrong(f"{path or 'it'} is not an object")
        return {str(key): _read(get_args(kind)[1], inner, f"{path}.{key}") for key, inner in value.items()}
    if type(value) is not kind:
        raise _Wrong(f"{path or 'it'} is {_said(value)}, not of the type {getattr(kind, '__name__', kind)}")
    return value


def _record(kind: type[Any], value: Any, path: str) -> Any:
    if not isinstance(value, dict):
        raise _Wrong(f"{path or 'it'} is {_said(value)}, not an object")
    fields = {field.name: field for field in dataclasses.fields(kind) if field.init}
    for name in value:
        if name not in fields:
            raise _Wrong(f"{f'{path}.' if path else ''}{name} is unknown")
    given: dict[str, Any] = {}
    for name, field in fields.items():
        inner = f"{path}.{name}" if path else name
        if name in value:
            given[name] = _read(_hints(kind)[name], value[name], inner)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise _Wrong(f"{inner} is missing")
    return kind(**given)


def _tuple(kinds: tuple[Any, ...], value: Any, path: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _Wrong(f"{path or 'it'} is {_said(value)}, not a list")
    each = [kinds[0]] * len(value) if Ellipsis in kinds else list(kinds)
    if len(each) != len(value):
        raise _Wrong(f"{path} has {len(value)} entries, not {len(each)}")
    return tuple(_read(kind, inner, f"{path}[{i}]") for i, (kind, inner) in enumerate(zip(each, value, strict=True)))


def _said(value: Any) -> str:
    return repr(value)[:40] if not isinstance(value, dict | list) else "an object" if isinstance(value, dict) else "a list"
