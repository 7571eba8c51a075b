"""The state of a file's conversion: values with their origins, errors, warnings."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from answerfiles.checks.refusal import did_you_mean
from answerfiles.error_messages import found
from answerfiles.problem import Problem
from answerfiles.xenserver import codes
from answerfiles.xenserver.xml_tree import Element
from answerfiles.yaml_positions import Path, Position

TRUE, FALSE = ("true", "yes"), ("false", "no")


@dataclass(frozen=True)
class OldScript:
    """A script that the file fetches from somewhere.

    :param url: where it is: http, https, ftp, nfs or file.
    :param place: the element that names it.
    """

    stage: str
    url: str
    place: Position
    label: str

    @property
    def scheme(self) -> str:
        """Return the scheme of its address."""
        return self.url.partition(":")[0]


class Notes:
    """Values go in by path; every value remembers which element it came from."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.value: dict[str, Any] = {"version": 1, "mode": "install"}
        self.origins: dict[Path, tuple[Position, str]] = {}
        self.todos: list[tuple[Path, Problem]] = []
        self.warnings: list[Problem] = []
        self.broken: set[Path] = set()
        self.scripts: list[OldScript] = []

    @property
    def problems(self) -> list[Problem]:
        """Return the errors so far."""
        return [problem for _, problem in self.todos]

    def all(self, *names: str) -> list[Element]:
        """Return the root's children with one of the names, in the order of the file."""
        return [child for child in self.root.children if child.name in names]

    def first(self, *names: str) -> Element | None:
        """Return the first child with one of the names; duplicates are checked elsewhere."""
        return next(iter(self.all(*names)), None)

    def filled(self, name: str) -> Element | None:
        """Return the first child with a name and a text; an empty one counts as absent, with a warning."""
        element = self.first(name)
        if element is not None and not element.text:
            self.warn(element, "left out: it is empty", codes.IGNORED)
            return None
        return element

    def put(self, path: Path, value: Any, element: Element, attribute: str = "") -> None:
        """Set a value of the answers; lists grow by their next index."""
        self.origins[path] = (element.position, label(element, attribute))
        here: Any = self.value
        for depth, (part, after) in enumerate(pairwise(path), 1):
            empty: Any = [] if isinstance(after, int) else {}
            if isinstance(here, list):
                assert isinstance(part, int)
                if part == len(here):
                    here.append(empty)
                here = here[part]
            else:
                here = here.setdefault(part, empty)
            self.origins.setdefault(path[:depth], (element.position, label(element)))
        if isinstance(here, list):
            here.append(value)
        else:
            here[path[-1]] = value

    def wrong(
        self,
        element: Element,
        text: str,
        code: str,
        *,
        hint: str = "",
        attribute: str = "",
        breaks: Path | None = None,
        at: Path = (),
    ) -> None:
        """Record an error.

        :param breaks: the part of the answers that is incomplete because of it; later errors about it are suppressed.
        :param at: the part of the answers that the user has to review, when it is not incomplete.
        """
        self.todos.append((breaks or at, Problem(element.position, label(element, attribute), text, code, hint)))
        if breaks is not None:
            self.broken.add(breaks)

    def warn(self, element: Element, text: str, code: str, *, attribute: str = "") -> None:
        """Record something that is not carried over, or that means a little else."""
        self.warnings.append(Problem(element.position, label(element, attribute), text, code, "", "warning"))

    def choice(
        self, element: Element, attribute: str, allowed: tuple[str, ...], *, required: bool = False, breaks: Path | None = None
    ) -> str | None:
        """Return an attribute that is one of some words; None when absent, or wrong, which is recorded."""
        value = element.attributes.get(attribute)
        if value is None:
            if required:
                text = f"missing; allowed: {', '.join(allowed)}"
                self.wrong(element, text, codes.MISSING, attribute=attribute, breaks=breaks)
            return None
        if value.lower() in allowed:
            return value.lower()
        guess = did_you_mean(value, list(allowed))
        text = f"found {found(value)}; allowed: {', '.join(allowed)}{guess}"
        self.wrong(element, text, codes.VALUE, attribute=attribute, breaks=breaks)
        return None

    def flag(self, element: Element, attribute: str, default: bool) -> bool:
        """Return an attribute that is true, yes, false or no."""
        word = self.choice(element, attribute, TRUE + FALSE)
        return default if word is None else word in TRUE

    def word(self, element: Element, allowed: tuple[str, ...]) -> str | None:
        """Return the text of an element that is one of some words."""
        text = element.text.lower()
        if text in allowed:
            return text
        guess = did_you_mean(text, list(allowed))
        self.wrong(element, f"found {found(element.text or None)}; allowed: {', '.join(allowed)}{guess}", codes.VALUE)
        return None


def label(element: Element, attribute: str = "") -> str:
    """Return the name of an element or its attribute in error messages, as the file has it."""
    name = element.written or element.name
    return f"{name}/@{element.old.get(attribute, attribute)}" if attribute else name
