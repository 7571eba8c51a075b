"""From XenServer's XML to answers: what is carried over, what is warned about, what is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from answerfiles.model import Answers
from answerfiles.problem import Problem
from answerfiles.validation import AnswersError, validate
from answerfiles.xenserver import known_elements, network, storage, system
from answerfiles.xenserver.conversion_log import Notes
from answerfiles.xenserver.xml_tree import XmlRefused, read_tree
from answerfiles.yaml_positions import Path, Position, dotted


@dataclass(frozen=True)
class Converted:
    """A file that could be carried over.

    :param value: the answers as plain values, only what the file says.
    :param warnings: what it says and the answers do not, each at its place in the XML.
    """

    answers: Answers
    value: dict[str, Any]
    warnings: tuple[Problem, ...]


def convert(text: str, file: str) -> Converted:
    """Read a XenServer or XCP-ng answer file.

    :raises AnswersError: with every problem at once.
    """
    try:
        root = read_tree(text)
    except XmlRefused as refused:
        raise AnswersError(file, [refused.problem]) from None
    problems = known_elements.check(root)
    notes = Notes(root)
    if root.name not in known_elements.ROOTS:
        raise AnswersError(file, problems)
    if _mode(notes):
        for part in (storage, network, system):
            part.carry(notes)
    problems += notes.problems
    try:
        answers = validate(notes.value, lambda path, key: _place(notes, path)[0], file)
    except AnswersError as error:
        raise AnswersError(file, problems + _named(error, notes)) from None
    if problems:
        raise AnswersError(file, problems)
    return Converted(answers, notes.value, tuple(sorted(notes.warnings)))


def _mode(notes: Notes) -> bool:
    """Return whether the file requests a new installation, the only mode that can be converted."""
    root = notes.root
    if root.name == "installation" and "mode" not in root.attributes:
        return True
    mode = notes.choice(root, "mode", ("fresh", "reinstall", "upgrade")) if root.name == "installation" else root.name
    if mode == "fresh":
        return True
    if mode is not None:
        text = f"'{mode}' needs an existing XenServer, which can be neither upgraded nor restored; use mode 'fresh' to reinstall"
        notes.wrong(root, text, attribute="mode" if root.name == "installation" else "")
    notes.broken.add(())
    return False


def _place(notes: Notes, path: Path) -> tuple[Position, str]:
    for length in range(len(path), 0, -1):
        if path[:length] in notes.origins:
            return notes.origins[path[:length]]
    return notes.root.position, notes.root.name


def _named(error: AnswersError, notes: Notes) -> list[Problem]:
    """Record the model's errors under the XML's names, without those that only follow from others."""
    broken = {dotted(path) for path in notes.broken}
    names = {dotted(path): name for path, (_, name) in notes.origins.items()}
    problems = []
    for problem in error.problems:
        parts = problem.field
        if "" in broken or any(parts == path or parts.startswith((f"{path}.", f"{path}[")) for path in broken):
            continue
        name = names.get(problem.field)
        problems.append(problem._replace(field=f"{name} ({problem.field})") if name else problem)
    return problems
