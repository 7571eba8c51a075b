"""YAML read into plain values, with the place of every key and value kept.

Differs from YAML 1.1 where that surprises: ``52:54:00:12:34:56`` and ``1_000`` are text, so are ``yes``, ``no``,
dates and fractions; ``true``, ``false``, ``null`` and whole decimal numbers are what they look like. Duplicate keys,
aliases and tags are errors. libyaml does the parsing when PyYAML was built with it: an inventory may have 100,000 lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from answerfiles.field_paths import Path, dotted

__all__ = ["LOADER", "PURE", "Document", "Fault", "Path", "Position", "dotted", "plain", "read_document"]

_DEEPEST = 50
_NULLS = frozenset({"", "~", "null"})
_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,99}")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
NO_BLANK = re.compile(r"\s*(?:- )?([A-Za-z_]\w*):[^\s:/]")
"""A key and its value without a blank between them, which YAML reads as one word."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING_TAGS = frozenset({None, "!", "tag:yaml.org,2002:str"})

_TYPOGRAPHY = re.compile("([\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb])|([\u2010-\u2015\u2212])[ \u00a0]")
"""What word processors and web pages put where YAML has quotes, and the dash of a list item."""
_NO_BREAK = "\u00a0"

UNQUOTED = "'{{' without quotes begins a mapping; write a template in quotes: \"{{ ... }}\""

PURE: type[Any] = yaml.SafeLoader
LOADER: type[Any] = getattr(yaml, "CSafeLoader", PURE)


class Position(NamedTuple):
    """A place in a file, line and column counted from 1.

    :param file: the file's name when it is not the one that was given: an inventory can include others.
    """

    line: int
    column: int
    file: str = ""

    def text(self, file: str) -> str:
        """Return the place as compilers print it; ``file`` is the name of the file that was given."""
        return f"{self.file or file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Fault:
    """Something in the file that YAML allows or not, but we do not."""

    position: Position
    path: Path
    text: str
    code: str = "yaml-syntax"


@dataclass
class Document:
    """The value of a file, and where everything in it is.

    :param name: the file's name, for messages that name a second place.
    """

    value: Any = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    name: str = ""

    def place(self, path: Path, key: bool = False) -> Position:
        """Return the position of a path's key or value, or that of its nearest parent if it is missing."""
        first, second = (self.keys, self.values) if key else (self.values, self.keys)
        for length in range(len(path), -1, -1):
            part = path[:length]
            if part in first:
                return first[part]
            if part in second:
                return second[part]
        return Position(1, 1)


class _Refused(Exception):
    """The rest of the file is not worth reading."""


def typography(event: Any) -> str:
    """Return what is wrong with an unquoted scalar that begins or ends with typographic characters; "" if nothing is."""
    if not event.value or event.style:
        return ""
    quote, dash = found.groups() if (found := _TYPOGRAPHY.match(event.value)) else ("", "")
    if quote:
        return f"the typographic quote U+{ord(quote):04X} quotes nothing; write \" or '"
    if dash:
        return f"the dash U+{ord(dash):04X} begins no list item; write -"
    no_break = event.value.startswith(_NO_BREAK) or event.value.endswith(_NO_BREAK)
    return "a no-break space (U+00A0) is no blank of YAML; write a blank" if no_break else ""


def _position(mark: Any) -> Position:
    return Position(mark.line + 1, mark.column + 1) if mark is not None else Position(1, 1)


def plain(text: str) -> Any:
    """Return the value of an unquoted scalar: None, a boolean, an integer, or the text itself."""
    if text in _NULLS:
        return None
    if text in ("true", "false"):
        return text == "true"
    return int(text) if _NUMBER.fullmatch(text) else text


class _Builder:
    """Makes values of the parser's events. Its depth is limited, so it may call itself."""

    def __init__(self, events: Iterator[Any], document: Document) -> None:
        self.events = events
        self.document = document

    def fault(self, event: Any, path: Path, text: str, code: str) -> None:
        self.document.faults.append(Fault(_position(event.start_mark), path, text, code))

    def build(self, event: Any, path: Path) -> Any:
        """Build the value at ``path`` that begins with an event of the YAML parser."""
        self.document.values[path] = _position(event.start_mark)
        if isinstance(event, yaml.ScalarEvent):
            if event.tag not in _STRING_TAGS:
                self.fault(event, path, "tags are not allowed, the values have their types already", "yaml-tag")
            if _SURROGATE.search(event.value):
                self.fault(event, path, "half of a character (a surrogate) is not text", "yaml-syntax")
                return None
            if wrong := typography(event):
                self.fault(event, path, wrong, "yaml-typography")
            return plain(event.value) if event.implicit[0] and event.tag is None else event.value
        if isinstance(event, yaml.AliasEvent):
            self.fault(event, path, "aliases are not allowed, write the value out", "yaml-alias")
            return None
        if len(path) > _DEEPEST:
            self.fault(event, path[:1], "nested too deeply", "yaml-depth")
            raise _Refused
        if event.tag not in (None, "!"):
            self.fault(event, path, "tags are not allowed, the values have their types already", "yaml-tag")
        return self._list(path) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(path)

    def _list(self, path: Path) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            values.append(self.build(event, (*path, len(values))))
        return values

    def _mapping(self, path: Path) -> dict[str, Any]:
        values: dict[str, Any] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                if isinstance(event, yaml.MappingStartEvent) and event.flow_style:
                    self.fault(event, path, UNQUOTED, "yaml-template")
                else:
                    self.fault(event, path, "a key must be a word, not a list, a mapping or an alias", "yaml-key")
                self._skip(event, path)
                self._skip(next(self.events), path)
                continue
            key: str = event.value
            if wrong := typography(event):
                self.fault(event, path, wrong, "yaml-typography")
                self._skip(next(self.events), path)
                continue
            if not key.isprintable():
                self.fault(event, path, "a key must be a word of printable characters", "yaml-key")
                self._skip(next(self.events), path)
                continue
            if key in values:
                first = self.document.keys[(*path, key)]
                self.fault(event, (*path, key), f"the key '{key}' is repeated, first on line {first.line}", "duplicate-key")
                self._skip(next(self.events), path)
                continue
            inner = (*path, key)
            self.document.keys[inner] = _position(event.start_mark)
            values[key] = self.build(next(self.events), inner)
        return values

    def _skip(self, event: Any, path: Path) -> None:
        """Leave a value out, however deep it is."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth == 0:
                return
            if depth > _DEEPEST:
                # libyaml's time grows with the square of the depth.
                self.fault(event, path[:1], "nested too deeply", "yaml-depth")
                raise _Refused
            event = next(self.events)


def read_document(text: str, *, loader: type[Any] | None = None) -> Document:
    """Read one YAML document.

    :param loader: the loader whose parser is used; by default that of libyaml when it is there.
    :returns: its value, places and faults; a syntax error is a fault too, and then the value is None.
    """
    document = Document()
    text = text.removeprefix("\ufeff")
    if unprintable := _UNPRINTABLE.search(text):
        before = text[: unprintable.start()]
        place = Position(before.count("\n") + 1, len(before) - before.rfind("\n"))
        document.faults.append(Fault(place, (), f"this is not YAML: the character U+{ord(unprintable[0]):04X} may not be in it"))
        return document
    events = yaml.parse(text, Loader=loader or LOADER)
    try:
        _read(events, document)
    except yaml.MarkedYAMLError as error:
        # The snippet that the error carries could hold a secret: only its words are taken, without quoted ones.
        said = ", ".join(part for part in (error.context, error.problem) if part)
        position = _position(error.problem_mark or error.context_mark)
        # What follows an unquoted template is no YAML either.
        if not any(fault.text == UNQUOTED and fault.position.line == position.line for fault in document.faults):
            document.faults.append(Fault(position, (), syntax_sentence(text, position, said)))
        document.value = None
    except (_Refused, ValueError, OverflowError) as error:
        # PyYAML's own parser passes on what chr() says to an escape such as "\\UFFFFFFFF".
        if not isinstance(error, _Refused):
            document.faults.append(Fault(Position(1, 1), (), "this is not YAML: an escaped character that does not exist"))
        document.value = None
    return document


def syntax_sentence(text: str, position: Position, said: str) -> str:
    """Return what is wrong with a text that is no YAML, in the words of its writer where the mistake is a usual one.

    :param said: the parser's words; they speak of tokens.
    """
    lines = text.splitlines()
    line = lines[position.line - 1] if position.line <= len(lines) else ""
    if line[position.column - 1 : position.column] == "\t" or line[: len(line) - len(line.lstrip())].count("\t"):
        return "this is not YAML: a tab may not indent a line; use blanks"
    # The parser finds it at the end: the key is on this line or on the last one before it with text.
    key = next((found for given in reversed(lines[: position.line]) if (found := NO_BLANK.match(given))), None)
    if key and "could not find expected ':'" in said:
        return f"this is not YAML: a blank is missing after '{key[1]}:'"
    return f"this is not YAML: {said}"


def _read(events: Iterator[Any], document: Document) -> None:
    next(events)
    if isinstance(next(events), yaml.StreamEndEvent):
        document.faults.append(Fault(Position(1, 1), (), "the file is empty", "empty-file"))
        return
    document.value = _Builder(events, document).build(next(events), ())
    next(events)
    if not isinstance(second := next(events), yaml.StreamEndEvent):
        document.faults.append(
            Fault(_position(second.start_mark), (), "this is a second document, there may be only one", "yaml-documents")
        )
