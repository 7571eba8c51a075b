"""The state of a file's conversion: values with their origins, errors, warnings."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from answerfiles.checks.refusal import did_you_mean
from answerfiles.error_messages import found
from answerfiles.problem import Problem
from answerfiles.xenserver.xml_tree import Element
from answerfiles.yaml_positions import Path, Position

TRUE, FALSE = ("true", "yes"), ("false", "no")


class Notes:
    """Values go in by path; every value remembers which element it came from."""

    def __init__(self, root: Element) -> None:
        self.root = root
        self.value: dict[str, Any] = {"version": 1, "mode": "install"}
        self.origins: dict[Path, tuple[Position, str]] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.broken: set[Path] = set()

    def all(self, *names: str) -> list[Element]:
        """Return the root's children with one of the names, in the order of the file."""
        return [child for child in self.root.children if child.name in names]

    def first(self, *names: str) -> Element | None:
        """Return the first child with one of the names; duplicates are checked elsewhere."""
        return next(iter(self.all(*names)), None)

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
            self.origins.setdefault(path[:depth], (element.position, element.name))
        if isinstance(here, list):
            here.append(value)
        else:
            here[path[-1]] = value

    def wrong(self, element: Element, text: str, *, attribute: str = "", breaks: Path = ()) -> None:
        """Record an error.

        :param breaks: the part of the answers that is incomplete because of it; later errors about it are suppressed.
        """
        self.problems.append(Problem(element.position, label(element, attribute), text))
        if breaks:
            self.broken.add(breaks)

    def warn(self, element: Element, text: str, *, attribute: str = "") -> None:
        """Something that is not carried over, or that means a little else."""
        self.warnings.append(Problem(element.position, label(element, attribute), text, "converted", severity="warning"))

    def choice(self, element: Element, attribute: str, allowed: tuple[str, ...], *, required: bool = False) -> str | None:
        """Return an attribute that is one of some words; None when absent, or wrong, which is recorded."""
        value = element.attributes.get(attribute)
        if value is None:
            if required:
                self.wrong(element, f"missing; allowed: {', '.join(allowed)}", attribute=attribute)
            return None
        if value.lower() in allowed:
            return value.lower()
        guess = did_you_mean(value, list(allowed))
        self.wrong(element, f"found {found(value)}; allowed: {', '.join(allowed)}{guess}", attribute=attribute)
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
        self.wrong(element, f"found {found(element.text or None)}; allowed: {', '.join(allowed)}{guess}")
        return None


def label(element: Element, attribute: str = "") -> str:
    """Return the name of an element or its attribute in error messages."""
    return f"{element.name}/@{attribute}" if attribute else element.name
