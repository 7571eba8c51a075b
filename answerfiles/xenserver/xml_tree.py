"""XML read into a small tree that knows its places. No DTD, no entity but the five of XML, no namespace."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from xml.parsers import expat

from answerfiles.problem import Problem
from answerfiles.yaml_positions import Position

DEEPEST = 20


@dataclass
class Element:
    """An element; ``position`` is that of its start tag, ``text`` what is directly in it, without blanks around."""

    name: str
    position: Position
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""


class XmlRefused(Exception):
    """The text is no XML, or has in it what answers never need."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


class _Reader:
    def __init__(self) -> None:
        # The document says its encoding for files; here it is text already, and pyexpat hands it on as UTF-8.
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.open: list[Element] = []
        self.root: Element | None = None
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.entity
        self.parser.ExternalEntityRefHandler = self.reference
        self.parser.SkippedEntityHandler = self.entity

    def here(self) -> Position:
        return Position(self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)

    def refuse(self, text: str) -> XmlRefused:
        return XmlRefused(Problem(self.here(), "", text))

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.open) >= DEEPEST:
            raise self.refuse("nested too deeply")
        element = Element(name, self.here(), dict(attributes))
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def end(self, name: str) -> None:
        element = self.open.pop()
        element.text = element.text.strip()

    def text(self, data: str) -> None:
        if self.open:
            self.open[-1].text += data

    def doctype(self, *_: object) -> None:
        raise self.refuse("a document type (DTD) is not allowed: answers need none")

    def entity(self, *_: object) -> None:
        raise self.refuse("entities of one's own are not allowed, write the text out")

    def reference(self, *_: object) -> int:
        raise self.refuse("references to other files are not allowed")


def read_tree(text: str) -> Element:
    """Read XML.

    :raises XmlRefused: at the first thing that is wrong; XML that is not well-formed cannot be read on.
    """
    reader = _Reader()
    try:
        data = text.removeprefix("\ufeff").encode()
    except UnicodeEncodeError:
        raise XmlRefused(Problem(Position(1, 1), "", "half of a character (a surrogate) is not text")) from None
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        # Column 0 of expat is the first one.
        said = re.sub(r":? line \d+, column \d+$", "", str(error))
        raise XmlRefused(Problem(Position(error.lineno, error.offset + 1), "", f"this is not XML: {said}")) from None
    assert reader.root is not None
    return reader.root
