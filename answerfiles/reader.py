"""From a YAML file to answers, or to a list of everything that is wrong with it."""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from answerfiles import positions
from answerfiles.model import Answers
from answerfiles.positions import Document, Position
from dom0kit.errors import UserError

LONGEST_FOUND = 60
SECRET_KEYS = frozenset({"password_hash", "password", "token", "secret", "target_secret"})
RECORD_TAGS = frozenset({"static", "guests", "serial"})
MODEL_TAGS = RECORD_TAGS | {"word", "none"}


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: where it is, which setting, what was found, what is allowed."""

    position: Position
    field: str
    text: str

    def render(self, file: str) -> str:
        """As compilers write it: ``file:line:column: field: text``."""
        field = f"{self.field}: " if self.field else ""
        return f"{file}:{self.position.line}:{self.position.column}: {field}{self.text}"


class AnswersError(UserError):
    """A file of answers with all that is wrong with it."""

    def __init__(self, file: str, problems: list[Problem], hint: str = "") -> None:
        self.file = file
        self.problems = tuple(sorted(problems))
        count = len(problems)
        lines = [f"{file} has {count} error{'s' if count != 1 else ''}", *(f"  {p.render(file)}" for p in self.problems)]
        super().__init__("\n".join(lines), hint)


def read_answers(path: Path) -> Answers:
    """Read a file of answers.

    :raises AnswersError: with every problem at once.
    :raises UserError: when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: byte {error.start}") from error
    except OSError as error:
        raise UserError(f"cannot read the answers {path}: {error.strerror}") from error
    return parse_answers(text, str(path))


def parse_answers(text: str, file: str = "answers") -> Answers:
    """Read answers from a text; ``file`` is what errors call it.

    :raises AnswersError: with every problem at once.
    """
    document = positions.read_document(text)
    problems = [Problem(fault.position, dotted(fault.path), fault.text) for fault in document.faults]
    if document.value is None and problems:
        raise AnswersError(file, problems)
    if not isinstance(document.value, dict):
        raise AnswersError(file, [Problem(document.place(()), "", f"found {found(document.value)}; allowed: keys and values")])
    try:
        answers = Answers.model_validate(document.value)
    except ValidationError as error:
        # No include_url and no input: what the file holds is looked up by path, and secrets are left out.
        details = error.errors(include_url=False, include_input=False, include_context=True)
        raise AnswersError(file, problems + [explain(detail, document) for detail in details]) from None
    if problems:
        raise AnswersError(file, problems)
    return answers


def dotted(path: positions.Path) -> str:
    """A path as people write it: ``network.management.dns[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def found(value: Any) -> str:
    """What a file holds, short enough for a line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "keys and values" if value else "nothing"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    text = text if len(text) <= LONGEST_FOUND else text[:LONGEST_FOUND] + "..."
    return repr(text) if isinstance(value, str) else text


def explain(detail: ErrorDetails, document: Document) -> Problem:
    """One of pydantic's errors in our words, at its place in the file."""
    path, value = resolve(detail["loc"], document.value)
    kind = detail["type"]
    name = dotted(path)
    if kind == "extra_forbidden":
        allowed = allowed_keys(Answers, detail["loc"][:-1])
        return Problem(
            document.place(path, key=True), name, f"unknown key{did_you_mean(str(path[-1]), allowed)}{listed(allowed)}"
        )
    if kind == "missing":
        return Problem(document.place(path, key=True), name, f"missing; {description(detail['loc'])}")
    shown = "a value that is not shown" if SECRET_KEYS.intersection(map(str, path)) else found(value)
    choices = detail.get("ctx", {}).get("expected", "")
    nearest = did_you_mean(str(value), [word.strip("'") for word in choices.replace(" or ", ", ").split(", ")]) if choices else ""
    return Problem(document.place(path), name, f"found {shown}; allowed: {allowed_text(detail)}{nearest}")


def allowed_text(detail: ErrorDetails) -> str:
    """What a field takes, from pydantic's error."""
    context = detail.get("ctx", {})
    words = {
        "string_type": "text",
        "bool_type": "true or false",
        "bool_parsing": "true or false",
        "tuple_type": "a list",
        "model_type": "keys and values",
        "model_attributes_type": "keys and values",
        "dict_type": "keys and values",
        "ip_v4_interface": "an IPv4 address with its network's length, as 192.0.2.10/24",
        "ip_v4_address": "an IPv4 address, as 192.0.2.1",
    }
    kind = detail["type"]
    if kind == "literal_error":
        extra = " or keys and values" if {"word", "none"}.intersection(map(str, detail["loc"])) else ""
        return f"{context['expected']}{extra}"
    return words.get(kind, detail["msg"])


def _has(value: Any, part: int | str) -> bool:
    if isinstance(value, dict):
        return part in value
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def resolve(loc: tuple[int | str, ...], value: Any) -> tuple[positions.Path, Any]:
    """A path in the file from pydantic's location, which also names the branches of unions.

    :returns: the path, and the value there; None when there is none.
    """
    path: list[int | str] = []
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        known = _has(value, part)
        value = value[part] if known else value
        if not known and part in MODEL_TAGS and not (isinstance(value, dict) and last and part not in RECORD_TAGS):
            continue
        path.append(part)
        if not known:
            return tuple(path), None
    return tuple(path), value


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in (Union, types.UnionType, Annotated, tuple):
        return [model for part in get_args(annotation) for model in _models(part)]
    return []


def _model_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel] | None:
    for part in loc:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        inner = _models(field.annotation)
        if not inner:
            return None
        model = inner[0]
    return model


def allowed_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """The keys that may stand at a location."""
    at = _model_at(model, loc)
    return list(at.model_fields) if at else []


def description(loc: tuple[int | str, ...]) -> str:
    """What a missing setting is for."""
    at = _model_at(Answers, loc[:-1])
    field = at.model_fields.get(str(loc[-1])) if at else None
    return f"it says {field.description}" if field and field.description else "it is needed"


def did_you_mean(word: str, allowed: list[str]) -> str:
    """A guess at what was meant, or nothing."""
    near = difflib.get_close_matches(word, allowed, n=1, cutoff=0.6)
    return f", did you mean '{near[0]}'?" if near else ""


def listed(allowed: list[str]) -> str:
    """The allowed keys, for the end of a sentence."""
    return f"; allowed: {', '.join(allowed)}" if allowed else ""
