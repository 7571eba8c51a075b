"""Validate plain values against the answers' model: build records, or list everything that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from answerfiles import yaml_positions
from answerfiles.checks.refusal import did_you_mean
from answerfiles.contradictions import whole_answers
from answerfiles.error_messages import explain, found
from answerfiles.model import TASKS, Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.yaml_positions import Position, dotted
from dom0kit.errors import UserError

Model = TypeVar("Model", bound=BaseModel)
Place = Callable[[yaml_positions.Path, bool], Position]
"""Where a path is: its key when the second argument is true, else its value."""
INSTALL = "install"
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


def validate(value: Any, place: Place, file: str = "answers", *, problems: list[Problem] | None = None) -> Answers:
    """Build answers from plain values, and look for contradictions between them; see :func:`validate_as`."""
    answers = validate_as(Answers, value, place, file, problems=problems)
    if found_problems := contradiction_problems(answers, place):
        raise AnswersError(file, found_problems)
    return answers


def validate_any(value: Any, place: Place, file: str = "answers", *, problems: list[Problem] | None = None) -> Answers | HostTask:
    """Build what ``mode`` says: answers of an installation, or a task for the host that is on the disks."""
    mode = value.get("mode", INSTALL) if isinstance(value, dict) else INSTALL
    if mode == INSTALL:
        return validate(value, place, file, problems=problems)
    if mode not in TASKS:
        modes = [INSTALL, *TASKS]
        text = f"found {found(mode)}; allowed: {', '.join(modes)}{did_you_mean(str(mode), modes)}"
        wrong_mode = Problem(place(("mode",), False), "mode", text, "not-allowed")
        # Which other keys there may be depends on it.
        raise AnswersError(file, [*(problems or []), wrong_mode])
    others = [key for key in value if key in Answers.model_fields and key not in HostTask.model_fields]
    wrong = [not_in_mode(key, mode, place) for key in others]
    rest = {key: inner for key, inner in value.items() if key not in others}
    return validate_as(HostTask, rest, place, file, problems=[*(problems or []), *wrong])


def not_in_mode(key: str, mode: str, place: Place) -> Problem:
    """Return the problem of a setting of an installation in a task for a host that has its own."""
    text = f"not with 'mode: {mode}': the host keeps its own; allowed: {', '.join(HostTask.model_fields)}"
    return Problem(place((key,), True), key, text, "not-in-mode", "leave it out")


def contradiction_problems(answers: Answers, place: Place) -> list[Problem]:
    """Return what no machine can satisfy in answers that are valid field by field."""
    findings = whole_answers.find(answers)
    return [Problem(place(one.path, False), dotted(one.path), one.text, one.code, one.hint) for one in findings]


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
