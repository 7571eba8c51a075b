"""From an inventory's layers to the values of one host: merged, computed by jinja2, secret references read."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from answerfiles import yaml_positions
from answerfiles.inventory.inventory import EXTRA, IDENTITY, Host, Inventory, Values
from answerfiles.problem import Problem
from answerfiles.secret import REFERENCE
from answerfiles.yaml_positions import Document, Position, dotted
from dom0kit.errors import UserError

ONE_EXPRESSION = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}", re.S)
LONGEST_SECRET = 64 * 1024

# Answers are text and numbers, no HTML; the sandbox keeps an inventory from reaching into Python.
_JINJA = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)


class ComputeError(Exception):
    """A value that cannot be computed: where it stands among the host's values, and why."""

    def __init__(self, path: yaml_positions.Path, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text


def merge(lower: Any, upper: Any) -> Any:
    """Merge mappings deeply and replace anything else; neither argument is changed."""
    if isinstance(lower, dict) and isinstance(upper, dict):
        merged = dict(lower)
        for key, value in upper.items():
            merged[key] = merge(merged[key], value) if key in merged else value
        return merged
    return upper


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

    def problem(self, path: yaml_positions.Path, text: str) -> Problem:
        """Return a problem of this host."""
        return Problem(self.place(path), dotted(path), text)


@lru_cache(maxsize=65536)
def _compiled(text: str) -> tuple[bool, Any]:
    """Compile a template, once for all hosts.

    A text that is one expression alone keeps its type: a number stays a number.
    """
    if found := ONE_EXPRESSION.fullmatch(text.strip()):
        return True, _JINJA.compile_expression(found[1], undefined_to_none=False)
    return False, _JINJA.from_string(text)


def computed(value: Any, context: Values, path: yaml_positions.Path = ()) -> Any:
    """Return a tree of values with every expression replaced by its result.

    :raises ComputeError: for the first that cannot be computed.
    """
    if isinstance(value, dict):
        return {key: computed(inner, context, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [computed(inner, context, (*path, i)) for i, inner in enumerate(value)]
    if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
        return value
    try:
        alone, template = _compiled(value)
        result = template(**context) if alone else template.render(**context)
        # An undefined name shows itself only when it is used.
        return plain(result) if alone else result
    except (TemplateError, ArithmeticError, TypeError, ValueError, AttributeError, LookupError) as error:
        said = str(error) or type(error).__name__
        raise ComputeError(path, f"{value.strip()!r} cannot be computed: {said}") from error


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


def host_values(inventory: Inventory, host: Host) -> tuple[Values, str]:
    """Return a host's answers as plain values, and its additional kernel arguments.

    :raises ComputeError: when an expression fails.
    """
    values = merged(inventory, host)
    context: Values = {
        "host": {
            "name": host.name,
            "short": host.name.partition(".")[0],
            "index": host.index,
            "mac": host.mac,
            "uuid": host.uuid,
            "serial": host.serial,
            "groups": list(host.groups),
        },
    }
    context["vars"] = {}
    context["vars"] = computed(values.get("vars") or {}, context, ("vars",))
    answers = {key: value for key, value in values.items() if key not in (*IDENTITY, *EXTRA, "groups")}
    answers = computed(answers, context)
    answers = {"version": 1, "host_name": host.name, **answers}
    arguments = computed(values.get("boot_arguments") or "", context, ("boot_arguments",))
    return answers, str(arguments)


class References:
    """Reads ``env:NAME`` and ``file:PATH``, each once; files relative to a folder, the last line break left out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, str] = {}

    def read(self, reference: str) -> str:
        """Return the value that a reference names.

        :raises UserError: when it is not there or is no text.
        """
        if reference not in self._known:
            kind, _, rest = reference.partition(":")
            self._known[reference] = self._environment(rest) if kind == "env" else self._file(rest)
        return self._known[reference]

    @staticmethod
    def _environment(name: str) -> str:
        if not os.environ.get(name):
            raise UserError(f"the environment variable {name} is not set or empty")
        return os.environ[name]

    def _file(self, name: str) -> str:
        path = self.folder / name
        try:
            with path.open("rb") as file:
                data = file.read(LONGEST_SECRET + 1)
            text = data.decode("utf-8")
        except OSError as error:
            raise UserError(f"the file {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"the file {path} is not text in UTF-8") from error
        if len(data) > LONGEST_SECRET:
            raise UserError(f"the file {path} is larger than {LONGEST_SECRET} bytes")
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise UserError(f"the file {path} is empty")
        return text


def is_reference(value: Any) -> bool:
    """Return whether a value is a text such as ``env:NAME`` or ``file:PATH``."""
    return isinstance(value, str) and value.startswith(("env:", "file:")) and REFERENCE.fullmatch(value) is not None
