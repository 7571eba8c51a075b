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
    """An element; ``position`` is that of its start tag, ``text`` what is directly in it, without blanks around.

    :param written: the name in the file, where ``name`` has become today's name for the same.
    :param old: names of attributes in the file, by today's names.
    """

    name: str
    position: Position
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""
    written: str = ""
    old: dict[str, str] = field(default_factory=dict)

    def says_the_same_as(self, other: Element) -> bool:
        """Return whether both elements have the same content."""
        return (
            (self.name, self.attributes, self.text, len(self.children))
            == (other.name, other.attributes, other.text, len(other.children))
        ) and all(mine.says_the_same_as(its) for mine, its in zip(self.children, other.children, strict=True))


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
        return XmlRefused(Problem(self.here(), "", text, "xml-syntax"))

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

    def doctype(self, name: str, system: str | None, public: str | None, subset: bool) -> None:
        # A bare <!DOCTYPE installation> defines nothing.
        if system or public or subset:
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
        raise XmlRefused(Problem(Position(1, 1), "", "half of a character (a surrogate) is not text", "xml-syntax")) from None
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        # Column 0 of expat is the first one.
        said = re.sub(r":? line \d+, column \d+$", "", str(error))
        raise XmlRefused(
            Problem(Position(error.lineno, error.offset + 1), "", f"this is not XML: {said}", "xml-syntax")
        ) from None
    assert reader.root is not None
    return reader.root
