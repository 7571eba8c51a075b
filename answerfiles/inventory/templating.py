"""From an inventory's layers to the values of one host: merged and computed by jinja2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from answerfiles import yaml_positions
from answerfiles.inventory import address_functions
from answerfiles.inventory.exports import Data
from answerfiles.inventory.inventory import EXTRA, IDENTITY, Host, Inventory, Values, walk_strings
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Document, Position, dotted

ONE_EXPRESSION = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}", re.S)

# Answers are text and numbers, no HTML; the sandbox keeps an inventory from reaching into Python.
_JINJA = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
_JINJA.globals.update(address_functions.FUNCTIONS)
_JINJA.filters.update(address_functions.FILTERS)


class ComputeError(Exception):
    """A value that cannot be computed: where it stands among the host's values, and why."""

    def __init__(self, path: yaml_positions.Path, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


def merge(lower: Any, upper: Any) -> Any:
    """Merge mappings deeply, drop what is null above, and replace anything else; neither argument is changed."""
    if isinstance(lower, dict) and isinstance(upper, dict):
        merged = dict(lower)
        for key, value in upper.items():
            merged[key] = merge(merged[key], value) if key in merged else value
            if value is None:
                # What a weaker layer sets is dropped: the setting has its default again.
                del merged[key]
        return merged
    return upper


def without_nulls(values: Any) -> Any:
    """Return values without what is null: it drops what weaker levels set, also when none of them does."""
    if isinstance(values, dict):
        return {key: without_nulls(value) for key, value in values.items() if value is not None}
    return values


def merged(inventory: Inventory, host: Host) -> Values:
    """Return a host's values: defaults, then its groups in order, then its own."""
    values: Values = {}
    for layer in host.layers:
        values = merge(values, inventory.layer(layer))
    return values


class HostDocument(Document):
    """A host's merged values, whose places are those in the inventory: where the strongest layer that has a key has it."""

    def __init__(self, inventory: Inventory, host: Host, value: Any) -> None:
        super().__init__(value=value)
        self._inventory = inventory
        self._host = host

    def place(self, path: yaml_positions.Path, key: bool = False) -> Position:
        """Return where a path of the answers is in the inventory."""
        document = self._inventory.document
        for length in range(len(path), 0, -1):
            for layer in reversed(self._host.layers):
                full = (*layer, *path[:length])
                if full in document.keys or full in document.values:
                    return document.place(full, key=key)
        return document.place(self._host.layers[-1], key=True)

    def problem(self, path: yaml_positions.Path, text: str, code: str, hint: str = "") -> Problem:
        """Return a problem of this host."""
        return Problem(self.place(path), dotted(path), text, code, hint)


@lru_cache(maxsize=65536)
def _compiled(text: str) -> tuple[bool, Any]:
    """Compile a template, once for all hosts.

    A text that is one expression alone keeps its type: a number stays a number.
    """
    if found := ONE_EXPRESSION.fullmatch(text.strip()):
        return True, _JINJA.compile_expression(found[1], undefined_to_none=False)
    return False, _JINJA.from_string(text)


def is_template(value: Any) -> bool:
    """Return whether a value is a text that jinja2 computes."""
    return isinstance(value, str) and ("{{" in value or "{%" in value) and not isinstance(value, Data)


def computed(value: Any, context: Values, errors: list[ComputeError], path: yaml_positions.Path = ()) -> Any:
    """Return a tree of values with every expression replaced by its result.

    :param errors: those that cannot be computed are added.
    """
    if isinstance(value, dict):
        return {key: computed(inner, context, errors, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [computed(inner, context, errors, (*path, i)) for i, inner in enumerate(value)]
    if not is_template(value):
        return str(value) if isinstance(value, Data) else value
    try:
        alone, template = _compiled(value)
        result = template(**context) if alone else template.render(**context)
        # An undefined name shows itself only when it is used.
        return plain(result) if alone else result
    except (TemplateError, ArithmeticError, TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
        said = str(error) or type(error).__name__
        errors.append(ComputeError(path, f"{value.strip()!r} cannot be computed: {said}"))
        return value


def syntax_errors(value: Any, path: yaml_positions.Path = ()) -> Iterator[ComputeError]:
    """Every expression of a tree of values that is none, whatever the names in it mean."""
    for inner, text in walk_strings(value, path):
        if is_template(text):
            try:
                _compiled(text)
            except TemplateError as error:
                yield ComputeError(inner, f"{text.strip()!r} cannot be computed: {error}")


def plain(value: Any) -> Any:
    """Return a result of Jinja as a YAML value.

    :raises TypeError: for anything that YAML has not.
    """
    if isinstance(value, bool | int | str) or value is None:
        str(value)
        return value
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, StrictUndefined):
        str(value)
    raise TypeError(f"the result is a {type(value).__name__}, not text, a number, a list or keys and values")


def context_of(host: Host) -> Values:
    """Return what templates of a host can name, but for ``vars``."""
    return {
        "host": {
            "name": host.name,
            "short": host.name.partition(".")[0],
            "index": host.index,
            "mac": host.mac,
            "macs": list(host.macs),
            "uuid": host.uuid,
            "serial": host.serial,
            "groups": list(host.groups),
        },
        "vars": {},
    }


def host_values(inventory: Inventory, host: Host, errors: list[ComputeError]) -> tuple[Values, str]:
    """Return a host's answers as plain values, and its additional kernel arguments.

    :param errors: expressions that fail are added; their texts stay in the values as they are.
    """
    values = merged(inventory, host)
    context = context_of(host)
    context["vars"] = computed(values.get("vars") or {}, context, errors, ("vars",))
    if errors:
        return {}, ""
    answers = without_nulls({key: value for key, value in values.items() if key not in (*IDENTITY, *EXTRA, "groups")})
    answers = {"version": 1, "host_name": host.name, **computed(answers, context, errors)}
    arguments = computed(values.get("boot_arguments") or "", context, errors, ("boot_arguments",))
    return answers, str(arguments)
