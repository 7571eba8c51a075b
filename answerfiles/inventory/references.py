"""What an inventory names and does not hold: secrets in files and variables, SSH keys and scripts in files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from answerfiles.inventory.inventory import Values, walk_strings
from answerfiles.model import Answers
from answerfiles.model_introspection import shape_of_model
from answerfiles.secret import REFERENCE
from answerfiles.yaml_positions import Path as Place
from dom0kit.errors import UserError

LONGEST_SECRET = 64 * 1024
LONGEST_SCRIPT = 1024 * 1024


class References:
    """Reads ``env:NAME`` and ``file:PATH``, each once; files relative to a folder, the last line break left out."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, str] = {}
        self._contents: dict[str, str] = {}

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

    def read_file(self, name: str, most: int) -> str:
        """Return a file's text.

        :raises UserError: when it is not there, empty, or no text.
        """
        path = self.folder / name
        try:
            with path.open("rb") as file:
                data = file.read(most + 1)
            text = data.decode("utf-8-sig")
        except OSError as error:
            raise UserError(f"the file {path} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise UserError(f"the file {path} is not text in UTF-8") from error
        except ValueError as error:
            raise UserError(f"the file {name!r} cannot be read: {error}") from error
        if len(data) > most:
            raise UserError(f"the file {path} is larger than {most} bytes")
        if not text.strip():
            raise UserError(f"the file {path} is empty")
        return text

    def _file(self, name: str) -> str:
        return self.read_file(name, LONGEST_SECRET).removesuffix("\n").removesuffix("\r")

    def content(self, reference: str) -> str:
        """Return the script that ``file:PATH`` names, whole."""
        if reference not in self._contents:
            self._contents[reference] = self.read_file(reference.removeprefix("file:"), LONGEST_SCRIPT)
        return self._contents[reference]

    def ssh_keys(self, reference: str) -> list[str]:
        """Return the keys that ``file:PATH`` names: the lines of a ``.pub`` or ``authorized_keys`` file."""
        text = self.content(reference)
        if "PRIVATE KEY" in text:
            name = reference.removeprefix("file:")
            raise UserError(f"the file {name} is a private key; allowed: the public one, whose name ends in .pub")
        lines = [line.strip() for line in text.splitlines()]
        return [line for line in lines if line and not line.startswith("#")]


def is_reference(value: Any) -> bool:
    """Return whether a value is a text such as ``env:NAME`` or ``file:PATH``."""
    return isinstance(value, str) and value.startswith(("env:", "file:")) and REFERENCE.fullmatch(value) is not None


@dataclass(frozen=True)
class Unresolved:
    """A reference that names nothing usable: its path in the values, and why."""

    path: Place
    text: str


def is_secret(path: Place) -> bool:
    """Return whether the model has a secret at a path."""
    return _is_secret(tuple(0 if isinstance(part, int) else part for part in path))


@cache
def _is_secret(path: Place) -> bool:
    shapes = [shape_of_model(Answers)]
    for part in path:
        inner = [branch for shape in shapes for branch in (shape, *shape.branches.values())]
        if isinstance(part, int):
            shapes = [shape.item for shape in inner if shape.item is not None]
        else:
            shapes = [shape.fields[part] for shape in inner if part in shape.fields]
    return any(shape.is_secret for shape in shapes)


def host_reference(text: str, host: str) -> str:
    """Return a reference with ``{host}`` replaced by the name of the host in the inventory."""
    return text.replace("{host}", host)


def resolve(values: Values, references: References, *, secrets: bool, host: str = "") -> tuple[Values, list[Unresolved]]:
    """Return a host's values with what they refer to, and the references that name nothing.

    :param secrets: put secrets in as well; SSH keys and scripts, which are none, are read always.
    :param host: name of the host in the inventory, for ``{host}`` in references.
    """
    wrong = []
    keys: dict[int, list[str]] = {}
    for path, text in list(walk_strings(values)):
        if not is_reference(text):
            continue
        text = host_reference(text, host) if host else text  # noqa: PLW2901 - the same reference, of this host
        try:
            if is_secret(path):
                if secrets:
                    values = replaced(values, path, references.read(text))
            elif path[:2] == ("root", "ssh_keys") and len(path) == 3 and text.startswith("file:"):
                keys[int(path[2])] = references.ssh_keys(text)
            elif path[:1] == ("scripts",) and path[2:] == ("content",) and text.startswith("file:"):
                values = replaced(values, path, references.content(text))
        except UserError as error:
            wrong.append(Unresolved(path, f"found {text!r}; {error.message}"))
    if keys:
        old = values["root"]["ssh_keys"]
        values = replaced(values, ("root", "ssh_keys"), [key for i, entry in enumerate(old) for key in keys.get(i, [entry])])
    return values, wrong


def replaced(value: Any, path: Place, new: Any) -> Any:
    """Return a tree of values with one of them replaced; the others are shared with the old tree."""
    if not path:
        return new
    first, *rest = path
    if isinstance(value, list) and isinstance(first, int):
        return [replaced(inner, tuple(rest), new) if i == first else inner for i, inner in enumerate(value)]
    return {**value, first: replaced(value[first], tuple(rest), new)}
