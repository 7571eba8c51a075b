"""Convert one file to the text of a YAML file, complete or with things to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from answerfiles.conversion.script_pinning import left_out
from answerfiles.conversion.yaml_dump import to_yaml
from answerfiles.problem import Problem
from answerfiles.validation import AnswersError, validate
from answerfiles.xenserver import codes
from answerfiles.xenserver.conversion_log import OldScript
from answerfiles.xenserver.convert import Draft, carry_over
from answerfiles.yaml_positions import Path, Position

SCRIPTS: Path = ("scripts",)
Pin = Callable[[OldScript], dict[str, Any] | Problem]
"""Fetch a script and return its entry, or why there is none."""


@dataclass(frozen=True)
class Conversion:
    """A converted file.

    :param text: the YAML, with everything that could be carried over.
    :param todos: what has to be done before it is valid; empty when it is.
    """

    text: str
    warnings: tuple[Problem, ...]
    todos: tuple[Problem, ...]


def convert_text(text: str, file: str, name: str, *, host_name: str = "", pin: Pin | None = None) -> Conversion:
    """Convert a file.

    :param file: its name in errors.
    :param name: its name in the comment that says what the YAML was made of.
    :param host_name: a name, ``dhcp`` or a template that replaces the file's.
    :param pin: fetches scripts; without it those that are not fetched by https become comments.
    :raises AnswersError: when the text is no XML.
    """
    draft, comments = _with_scripts(carry_over(text, file, host_name=host_name), pin)
    if any(problem.code == codes.DATA_LOSS for _, problem in draft.todos):
        # Without 'wipe: true' the installer refuses a disk that has something on it, even if the comment is overlooked.
        draft.value.get("target", {}).pop("wipe", None)
    todos = draft.todos or _invalid(draft, file)
    made = to_yaml(draft.value, name, draft.warnings, todos, comments)
    return Conversion(made, draft.warnings, tuple(sorted(problem for _, problem in todos)))


def _invalid(draft: Draft, file: str) -> tuple[tuple[Path, Problem], ...]:
    """Return what is wrong with a draft that has nothing else to do, after its scripts were changed."""
    try:
        validate(draft.value, lambda path, key: Position(1, 1), file)
    except AnswersError as error:
        return tuple(((), problem) for problem in error.problems)
    return ()


def _with_scripts(draft: Draft, pin: Pin | None) -> tuple[Draft, dict[Path, list[str]]]:
    """Return the draft with scripts that are pinned; the others are comments above the place where they would be."""
    if not draft.scripts:
        return draft, {}
    entries: list[dict[str, Any]] = []
    todos: list[tuple[Path, Problem]] = []
    comments: list[str] = []
    for script in draft.scripts:
        made = pin(script) if pin is not None else None
        if isinstance(made, dict):
            entries.append(made)
        elif pin is None and script.scheme == "https":
            entries.append({"stage": script.stage, "url": script.url})
        else:
            problem, lines = left_out(script)
            todos.append((SCRIPTS, made or problem))
            comments += lines
    value = {key: inner for key, inner in draft.value.items() if key != "scripts"}
    if entries:
        value["scripts"] = entries
    elif comments:
        comments.insert(0, "scripts:")
    placed = {script.place for script in draft.scripts}
    # That a script is not verified, or does not run, is among the things to do now.
    kept = tuple(note for note in draft.warnings if not (note.code == codes.SCRIPT and note.position in placed))
    changed = replace(draft, value=value, warnings=kept, todos=(*draft.todos, *todos))
    return changed, {SCRIPTS: comments} if comments else {}
