"""From XenServer's XML to answers: what is carried over, what is warned about, what is an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from answerfiles.checks.notes import notes as old_names
from answerfiles.model import Answers
from answerfiles.problem import Problem
from answerfiles.validation import AnswersError, validate
from answerfiles.xenserver import codes, known_elements, network, normalization, scripts, storage, system
from answerfiles.xenserver.conversion_log import Notes, OldScript
from answerfiles.xenserver.xml_tree import XmlRefused, read_tree
from answerfiles.yaml_positions import Path, Position, dotted

MODES = ("fresh", "reinstall", "upgrade")


@dataclass(frozen=True)
class Converted:
    """A file that could be carried over.

    :param value: the answers as plain values, only what the file says.
    :param warnings: what it says and the answers do not, each at its place in the XML.
    """

    answers: Answers
    value: dict[str, Any]
    warnings: tuple[Problem, ...]


@dataclass(frozen=True)
class Draft:
    """What could be carried over of a file, complete or not.

    :param answers: None when the file has errors.
    :param todos: errors, each with the part of ``value`` that it is about; an empty path stands for the whole.
    :param scripts: scripts that the file fetches.
    """

    answers: Answers | None
    value: dict[str, Any]
    warnings: tuple[Problem, ...]
    todos: tuple[tuple[Path, Problem], ...]
    scripts: tuple[OldScript, ...] = ()


def convert(text: str, file: str) -> Converted:
    """Read a XenServer or XCP-ng answer file.

    :raises AnswersError: with every problem at once.
    """
    draft = carry_over(text, file)
    if draft.answers is None:
        raise AnswersError(file, [problem for _, problem in draft.todos])
    return Converted(draft.answers, draft.value, draft.warnings)


def carry_over(text: str, file: str, *, host_name: str = "") -> Draft:
    """Carry over as much as possible of a XenServer or XCP-ng answer file.

    :param host_name: a name, ``dhcp`` or a template that replaces the file's.
    :raises AnswersError: when the text is no XML at all.
    """
    try:
        root = read_tree(text)
    except XmlRefused as refused:
        raise AnswersError(file, [refused.problem]) from None
    notes = Notes(root)
    for problem in normalization.normalize(root):
        if problem.severity == "error":
            notes.todos.append(((), problem))
        else:
            notes.warnings.append(problem)
    if root.name not in known_elements.ROOTS:
        return Draft(None, notes.value, (), tuple(notes.todos))
    fresh = _mode(notes)
    if root.name == "installation":
        for part in (storage, network, system, scripts):
            part.carry(notes)
    if not fresh:
        # Such a file has neither disks nor networks; that they are missing says nothing more.
        notes.broken.add(())
        notes.todos = [(path, problem) for path, problem in notes.todos if problem.code != codes.MISSING]
    if host_name:
        _rename(notes, host_name)
    answers = _validated(notes, file)
    for note in old_names(notes.value, lambda path, key: _place(notes, path)[0]):
        notes.warnings.append(note._replace(field=_place(notes, _path_of(note.field))[1]))
    return Draft(answers, notes.value, tuple(sorted(set(notes.warnings))), tuple(notes.todos), tuple(notes.scripts))


def _path_of(field: str) -> Path:
    return tuple(field.split("."))


def _rename(notes: Notes, name: str) -> None:
    notes.warnings = [note for note in notes.warnings if note.code != codes.NO_HOST_NAME]
    notes.value.pop("host_name_fallback", None)
    notes.put(("host_name",), name, notes.first("hostname") or notes.root)


def _mode(notes: Notes) -> bool:
    """Report a mode other than a new installation, the only one that can be converted; return whether the file is about one."""
    root = notes.root
    if root.name == "installation" and "mode" not in root.attributes:
        return True
    attribute = "mode" if root.name == "installation" else ""
    mode = notes.choice(root, "mode", MODES) if attribute else root.name
    hint = "save what the host has, then write <installation mode='fresh'>, which erases the disk"
    if mode == "reinstall":
        text = "'reinstall' keeps a backup of the existing installation, which a new installation does not"
        notes.wrong(root, text, codes.DATA_LOSS, hint=hint, attribute=attribute)
    elif mode in ("upgrade", "restore"):
        text = f"'{mode}' needs an existing XenServer, which can be neither upgraded nor restored"
        notes.wrong(root, text, codes.DATA_LOSS, hint=hint, attribute=attribute)
    return mode not in ("upgrade", "restore")


def _place(notes: Notes, path: Path) -> tuple[Position, str]:
    for length in range(len(path), 0, -1):
        if path[:length] in notes.origins:
            return notes.origins[path[:length]]
    return notes.root.position, notes.root.name


def _validated(notes: Notes, file: str) -> Answers | None:
    """Return the answers; None, with every problem among the todos, when there are errors."""
    try:
        answers = validate(notes.value, lambda path, key: _place(notes, path)[0], file)
    except AnswersError as error:
        notes.todos += _named(error, notes)
        return None
    return None if notes.todos else answers


def _named(error: AnswersError, notes: Notes) -> list[tuple[Path, Problem]]:
    """Return the model's errors under the XML's names, without those that only follow from others."""
    broken = {dotted(path) for path in notes.broken}
    origins = {dotted(path): (path, name) for path, (_, name) in notes.origins.items()}
    todos: list[tuple[Path, Problem]] = []
    for problem in error.problems:
        parts = problem.field
        if "" in broken or any(parts == path or parts.startswith((f"{path}.", f"{path}[")) for path in broken):
            continue
        path, name = origins.get(parts, ((), ""))
        todos.append((path, problem._replace(field=f"{name} ({parts})") if name else problem))
    return todos
