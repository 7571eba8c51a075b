"""The files that a check reads: those that were named, those of folders, and standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from answerfiles.checking.recognition import Kind, is_ansible_yaml, kind_of
from answerfiles.inventory.sources import HOSTS_FOLDER, SUFFIXES, files_of
from answerfiles.model import Answers, HostTask
from answerfiles.problem import Problem
from answerfiles.reader import examine_answers, read_text
from answerfiles.validation import AnswersError
from answerfiles.yaml_positions import Position
from dom0kit.errors import UserError

STANDARD_INPUT = "-"
STDIN_NAME = "<stdin>"


@dataclass(frozen=True)
class Source:
    """A text to check.

    :param path: where relative names in it start.
    :param name: its name in messages.
    """

    path: Path
    name: str
    text: str
    kind: Kind


@dataclass(frozen=True)
class Checked:
    """A checked file.

    :param answers: those of an answer file without errors; None for others.
    :param hosts: the number of hosts of an inventory.
    :param files: the files that an inventory is made of.
    """

    name: str
    kind: Kind
    problems: tuple[Problem, ...] = ()
    answers: Answers | HostTask | None = None
    hosts: int = 0
    files: tuple[Path, ...] = ()

    @property
    def failed(self) -> bool:
        """Return whether there is an error; warnings are none."""
        return any(problem.severity == "error" for problem in self.problems)


def unreadable(name: str, error: UserError) -> Checked:
    """Return the result for a file that cannot be read."""
    return Checked(name, "other", (Problem(Position(1, 1), "", error.message, "unreadable", error.hint),))


def check_files(paths: Iterable[Path]) -> list[Checked]:
    """Check files, the answers and inventories of folders, and ``-``, standard input; each file once.

    Parts of an inventory are checked with it and not on their own.
    """
    sources: list[Source] = []
    results: list[Checked] = []
    for path in dict.fromkeys(paths):
        for found in _named(path):
            if isinstance(found, Source):
                sources.append(found)
            else:
                results.append(found)
    checked = [check_source(source) for source in sources]
    parts = {file.resolve() for result in checked for file in result.files[1:]}
    whole = [
        result
        for source, result in zip(sources, checked, strict=True)
        if source.name == STDIN_NAME or source.path.resolve() not in parts
    ]
    return [*results, *{result.name: result for result in whole}.values()]


def check_source(source: Source) -> Checked:
    """Check one text."""
    if source.kind == "inventory":
        from answerfiles.inventory.check import check_inventory  # noqa: PLC0415 - jinja2 takes long to import

        inventory, problems = check_inventory(source.text, source.path, source.name)
        return Checked(source.name, "inventory", tuple(problems), hosts=len(inventory.hosts), files=inventory.files)
    if source.kind == "other" and is_ansible_yaml(source.text):
        hint = "export it: ansible-inventory --list >hosts.json; an inventory's 'include' takes that file"
        problem = Problem(Position(1, 1), "all", "this is an inventory of Ansible's own", "ansible-inventory", hint)
        return Checked(source.name, "other", (problem,))
    try:
        reading = examine_answers(source.text, source.name)
    except AnswersError as error:
        return Checked(source.name, source.kind, error.problems)
    except UserError as error:
        return unreadable(source.name, error)
    return Checked(source.name, source.kind, tuple(reading.warnings), reading.answers)


def _named(path: Path) -> list[Source | Checked]:
    """Return what one argument names: texts to check, and results for what cannot be read."""
    try:
        if str(path) == STANDARD_INPUT:
            return [_standard_input()]
        if path.is_dir():
            found = [source for file in _below(path) if (source := _source(file)).kind != "other" or isinstance(source, Checked)]
            if found:
                return found
            raise UserError(f"the folder {path} has neither answer files nor inventories", f"their names end in {_suffixes()}")
        if _in_hosts_folder(path) and path.is_file():
            # A part of an inventory: that of the folder above which reads it.
            above = [_source(file) for file in files_of(path.resolve().parent.parent)]
            if whole := [other for other in above if other.kind == "inventory"]:
                return [*whole]
    except UserError as error:
        return [unreadable(str(path), error)]
    except OSError as error:
        return [unreadable(str(path), UserError(f"{path} cannot be read: {error.strerror}"))]
    return [_source(path)]


def _standard_input() -> Source:
    """Return the text of standard input.

    :raises UserError: when it is no text.
    """
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is not text in UTF-8: byte {error.start}", "save it as UTF-8") from error
    return Source(Path(STDIN_NAME), STDIN_NAME, text, kind_of(text))


def _in_hosts_folder(path: Path) -> bool:
    return path.resolve().parent.name == HOSTS_FOLDER


def _suffixes() -> str:
    return ", ".join((*SUFFIXES[:-1], ".xml")) + f" and {SUFFIXES[-1]}"


def _source(path: Path) -> Source | Checked:
    try:
        text = read_text(path)
    except UserError as error:
        return unreadable(str(path), error)
    return Source(path, str(path), text, kind_of(text))


def _below(folder: Path) -> list[Path]:
    """Return all YAML, JSON and XML files below a folder in the order of their names, without hidden ones."""
    found = []
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(above, name) for name in names if name.endswith((*SUFFIXES, ".xml")) and not name.startswith(".")]
    return sorted(found)
