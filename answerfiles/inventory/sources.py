"""Read an inventory's files: the one that was given, those that it includes, and the folder ``hosts.d`` next to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from answerfiles.error_messages import found
from answerfiles.inventory import exports
from answerfiles.inventory.inventory import SECTIONS, Inventory, InventoryError, Values
from answerfiles.inventory.structure import check_structure
from answerfiles.problem import Problem
from answerfiles.reader import read_text
from answerfiles.yaml_positions import Document, Position, dotted, read_document
from answerfiles.yaml_positions import Path as Place
from dom0kit.errors import UserError

HOSTS_FOLDER = "hosts.d"
SUFFIXES = (".yaml", ".yml", ".json")


def read_inventory(path: Path) -> Inventory:
    """Read an inventory and check everything but the answers themselves.

    :raises InventoryError: with every problem at once.
    :raises UserError: when the file cannot be read.
    """
    return parse_inventory(read_text(path), path)


def parse_inventory(text: str, path: Path) -> Inventory:
    """Read an inventory from a text; ``path`` is its name in errors and where ``file:`` references start.

    :raises InventoryError: with every problem at once.
    """
    inventory, problems = examine_inventory(text, path)
    if problems:
        raise InventoryError(str(path), problems, effect=", nothing was written")
    return inventory


def examine_inventory(text: str, path: Path, name: str = "") -> tuple[Inventory, list[Problem]]:
    """Return an inventory with the hosts whose structure is sound, and every problem of its files and structure.

    :param name: the file's name in messages, when it is another than ``path``.
    """
    sources = _Sources(name or str(path))
    sources.read(text, path, included=False)
    document, problems = sources.document, sources.problems
    inventory = Inventory(path, document, files=tuple(sources.files))
    if not problems or any(section in document.value for section in SECTIONS[1:]):
        hosts, more = check_structure(document)
        inventory.hosts = hosts
        # Of a file that could not be read, what is missing in it is no problem of its own.
        problems += [problem for problem in more if not (problems and problem.code == "missing")]
    return inventory, problems


class _Sources:
    """Joins the documents of all files into one."""

    def __init__(self, name: str) -> None:
        self.document = Document(value={}, name=name)
        self.files: list[Path] = []
        self.problems: list[Problem] = []
        self.known: set[Path] = set()

    def read(self, text: str, path: Path, *, included: bool) -> None:
        """Read one file, then the files that it includes."""
        self.files.append(path)
        self.known.add(path.resolve())
        document = read_document(without_tabs(text))
        file = str(path) if included else ""
        self.problems += [
            Problem(fault.position._replace(file=file), dotted(fault.path), fault.text, fault.code) for fault in document.faults
        ]
        exported = exports.recognize(document.value)
        if exported is not None:
            document = exported(document)
        if not isinstance(document.value, dict):
            if not document.faults:
                text = f"found {found(document.value)}; allowed: {', '.join(SECTIONS)}"
                self.problems.append(Problem(document.place(())._replace(file=file), "", text, "wrong-type"))
            return
        self.add(document, file, exported=exported is not None)
        for place, entry in self.includes(document, file):
            self.include(place, entry, path.parent)
        folder = path.parent / HOSTS_FOLDER
        if not included and folder.is_dir():
            for part in files_of(folder):
                self.part(Position(1, 1), part)

    def includes(self, document: Document, file: str) -> Iterator[tuple[Position, str]]:
        value = document.value.get("include")
        entries = value if isinstance(value, list) else [] if value is None else [value]
        for i, entry in enumerate(entries):
            path: Place = ("include", i) if isinstance(value, list) else ("include",)
            position = document.place(path)._replace(file=file)
            if isinstance(entry, str) and entry:
                yield position, entry
            else:
                text = f"found {found(entry)}; allowed: the name of a file or a folder, or a pattern such as racks/*.yaml"
                self.problems.append(Problem(position, dotted(path), text, "wrong-type"))

    def include(self, position: Position, entry: str, folder: Path) -> None:
        """Read what one entry of ``include`` names; relative names start at the file that has the entry."""
        path = folder / entry
        try:
            if any(letter in entry for letter in "*?["):
                parts = sorted(Path(folder).glob(entry)) if not Path(entry).is_absolute() else []
                parts = [part for part in parts if part.is_file()]
            else:
                parts = files_of(path) if path.is_dir() else [path] if path.exists() else []
        except (OSError, ValueError, NotImplementedError):
            parts = []
        if not parts:
            what = f"a folder without {' or '.join(SUFFIXES)} files" if path.is_dir() else "no file has this name"
            self.problems.append(Problem(position, "include", f"found '{entry}'; {what}", "missing-file"))
        for part in parts:
            self.part(position, part)

    def part(self, position: Position, path: Path) -> None:
        """Read one more file, unless it was read already."""
        if path.resolve() in self.known:
            return
        try:
            text = read_text(path)
        except UserError as error:
            self.problems.append(Problem(position, "include", error.message, "unreadable", error.hint))
            return
        self.read(text, path, included=True)

    def add(self, document: Document, file: str, *, exported: bool) -> None:
        """Add a document's sections to those of the others."""
        target = self.document
        if not target.value and not exported:
            target.value, target.keys, target.values = document.value, document.keys, document.values
            return
        for key, value in document.value.items():
            path: Place = (key,)
            if key in ("defaults", "groups", "hosts") and isinstance(value, dict):
                self.place(document, path, file)
                if target.value.get(key) is None:
                    target.value[key] = {}
                mine = target.value[key]
                if not isinstance(mine, dict):
                    continue
                if key == "defaults":
                    self.join(mine, value, path, document, file, exported=exported)
                else:
                    self.entries(mine, value, path, document, file, exported=exported)
            elif value is not None or key not in target.value:
                self.copy(document, path, value, file)
                target.value[key] = value

    def entries(self, mine: Values, new: Values, path: Place, document: Document, file: str, *, exported: bool) -> None:
        """Add groups or hosts. Each belongs to one file; what an export says of one is below what a file says."""
        for name, value in new.items():
            inner = (*path, name)
            if name not in mine or mine[name] is None or mine[name] == {}:
                self.copy(document, inner, value, file)
                mine[name] = value
            elif exported and isinstance(mine[name], dict) and isinstance(value, dict):
                self.join(mine[name], value, inner, document, file, exported=True)
            elif value not in (None, {}):
                first = self.document.place(inner, key=True).text(self.document.name)
                position = document.place(inner, key=True)._replace(file=file)
                self.problems.append(Problem(position, dotted(inner), f"it is also at {first}; allowed: once", "duplicate-key"))

    def join(self, mine: Values, new: Values, path: Place, document: Document, file: str, *, exported: bool) -> None:
        """Add values; one that is there already is an error, or stays when the new ones come from an export."""
        for key, value in new.items():
            inner = (*path, key)
            if key not in mine:
                self.copy(document, inner, value, file)
                mine[key] = value
            elif isinstance(mine[key], dict) and isinstance(value, dict):
                self.join(mine[key], value, inner, document, file, exported=exported)
            elif not exported and mine[key] != value:
                first = self.document.place(inner, key=True).text(self.document.name)
                position = document.place(inner, key=True)._replace(file=file)
                self.problems.append(Problem(position, dotted(inner), f"it is also at {first}; allowed: once", "duplicate-key"))

    def place(self, document: Document, path: Place, file: str) -> None:
        """Take over where a path is, unless another file has it already."""
        for mine, theirs in ((self.document.keys, document.keys), (self.document.values, document.values)):
            if path in theirs:
                position = theirs[path]
                mine.setdefault(path, position._replace(file=file) if file and not position.file else position)

    def copy(self, document: Document, path: Place, value: Any, file: str) -> None:
        """Take over where a value and everything in it is."""
        self.place(document, path, file)
        if isinstance(value, dict):
            for key, inner in value.items():
                self.copy(document, (*path, key), inner, file)
        elif isinstance(value, list):
            for i, inner in enumerate(value):
                self.copy(document, (*path, i), inner, file)


def files_of(folder: Path) -> list[Path]:
    """Return a folder's YAML and JSON files in the order of their names, hidden ones left out."""
    return sorted(
        path for path in folder.iterdir() if path.suffix in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )


def without_tabs(text: str) -> str:
    """Return JSON with blanks for tabs, which YAML does not take between values; JSON has none inside of texts."""
    return text.replace("\t", " ") if text.lstrip("\ufeff \t\r\n").startswith(("{", "[")) else text
