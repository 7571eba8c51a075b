"""Read an answer file: the answers, or all errors in it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from answerfiles import yaml_positions
from answerfiles.error_messages import Problem, explain, found
from answerfiles.model import Answers
from answerfiles.yaml_positions import Position, dotted
from dom0kit.errors import UserError

__all__ = [
    "AnswersError",
    "Place",
    "Problem",
    "Warn",
    "dotted",
    "parse_answers",
    "read_answers",
    "read_text",
    "to_stderr",
    "validate",
    "validate_as",
]

Model = TypeVar("Model", bound=BaseModel)
Place = Callable[[yaml_positions.Path, bool], Position]
"""Where a path is: its key when the second argument is true, else its value."""
Warn = Callable[[str], None]
"""Called with one sentence for each setting of another format that answers cannot express."""

HIGHEST = 100
"""The number of errors that are printed; more usually have one common cause."""


class AnswersError(UserError):
    """All errors of an answer file."""

    def __init__(self, file: str, problems: list[Problem], hint: str = "") -> None:
        self.file = file
        self.problems = tuple(sorted(set(problems)))
        count = len(self.problems)
        lines = [f"{file} has {count} error{'s' if count != 1 else ''}"]
        lines += [f"  {problem.render(file)}" for problem in self.problems[:HIGHEST]]
        lines += [f"  and {count - HIGHEST} more"] if count > HIGHEST else []
        super().__init__("\n".join(lines), hint)


def to_stderr(text: str) -> None:
    """Print a warning, where it does not mix with results."""
    print(f"warning: {text}", file=sys.stderr)


def read_text(path: Path) -> str:
    """Read the text of a file.

    :raises UserError: when it cannot be read.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not text in UTF-8: byte {error.start}", "save it as UTF-8") from error
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise UserError(f"cannot read the answers {path}: {said}") from error


def read_answers(path: Path, warn: Warn = to_stderr) -> Answers:
    """Read an answer file in YAML or XenServer's XML.

    :param warn: called for each setting of the XML that answers cannot express.
    :raises AnswersError: with every problem at once.
    :raises UserError: when the file cannot be read.
    """
    return parse_answers(read_text(path), str(path), warn)


def is_xml(text: str) -> bool:
    """Return whether a text is XML: answers in YAML do not start with ``<``, except for a merge key, ``<<``."""
    start = text.lstrip("\ufeff \t\r\n")
    return start.startswith("<") and not start.startswith("<<")


def parse_answers(text: str, file: str = "answers", warn: Warn = to_stderr) -> Answers:
    """Read answers from a text; ``file`` is its name in error messages.

    :raises AnswersError: with every problem at once.
    """
    if is_xml(text):
        # The converter needs this module's errors.
        from answerfiles.xenserver.convert import convert  # noqa: PLC0415

        converted = convert(text, file)
        for warning in converted.warnings:
            warn(warning.render(file))
        return converted.answers
    document = yaml_positions.read_document(text)
    problems = [Problem(fault.position, dotted(fault.path), fault.text) for fault in document.faults]
    if document.value is None and problems:
        raise AnswersError(file, problems)
    return validate(document.value, document.place, file, problems=problems)


def validate(value: Any, place: Place, file: str = "answers", *, problems: list[Problem] | None = None) -> Answers:
    """Build answers from plain values; see :func:`validate_as`."""
    return validate_as(Answers, value, place, file, problems=problems)


def validate_as(
    model: type[Model], value: Any, place: Place, file: str = "answers", *, problems: list[Problem] | None = None
) -> Model:
    """Build a record of the model from plain values; errors name their place in the file.

    :param value: dictionaries, lists, texts, numbers, booleans and None, as :func:`positions.read_document` gives them.
    :param place: returns the position of a path of ``value``; called for errors only.
    :param problems: problems found earlier; reported together with the new ones.
    :raises AnswersError: with every problem at once.
    """
    known = problems or []
    if not isinstance(value, dict):
        shown = found(value) if value is None or isinstance(value, list) else "a single value"
        raise AnswersError(file, [*known, Problem(place((), False), "", f"found {shown}; allowed: keys and values")])
    try:
        record = model.model_validate(value)
    except ValidationError as error:
        # No URL and no input: what the file holds is looked up by path, and secrets are left out.
        details = error.errors(include_url=False, include_input=False, include_context=True)
        raise AnswersError(file, known + explain(details, value, place, model)) from None
    if known:
        raise AnswersError(file, known)
    return record
