"""Bring a file's tree into today's form: old names, wrappers and misplaced elements; everything unknown is a problem."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from answerfiles.checks.refusal import did_you_mean
from answerfiles.problem import Problem
from answerfiles.xenserver import codes
from answerfiles.xenserver.known_elements import INNER, OLD, ROOT, ROOTS, TERMS, Term
from answerfiles.xenserver.xml_tree import Element

CONTRADICTORY = frozenset({"primary-disk", "admin-interface", "ntp", "ui-confirmation-prompt"})
"""Elements of which none is the first one that counts: what the file wants is not known."""


@dataclass
class _Walk:
    root: Element
    problems: list[Problem] = field(default_factory=list)
    lifted: list[Element] = field(default_factory=list)

    def note(self, element: Element, path: str, text: str, code: str, hint: str = "") -> None:
        severity: Literal["error", "warning"] = "warning" if code in codes.WARNINGS else "error"
        self.problems.append(Problem(element.position, path, text, code, hint, severity))


def normalize(root: Element) -> list[Problem]:
    """Change the tree in place; return errors and warnings about its form."""
    walk = _Walk(root)
    if root.name not in ROOTS:
        guess = did_you_mean(root.name, list(ROOTS))
        walk.note(root, root.name, f"unknown root element{guess}; allowed: {', '.join(ROOTS)}", codes.UNKNOWN)
        return walk.problems
    _element(walk, root, ROOT, root.name)
    root.children += walk.lifted
    _interfaces(walk)
    _once(walk, root, ROOT, root.name)
    return walk.problems


def _element(walk: _Walk, element: Element, term: Term, path: str) -> None:
    _attributes(walk, element, term, path)
    if element.text and not term.text:
        walk.note(element, path, "text is not allowed here, only elements", codes.MISPLACED, "remove the text")
    kept: list[Element] = []
    for child in element.children:
        _rename(walk, child, path)
        inner = f"{path}/{child.written or child.name}"
        if child.name not in TERMS:
            walk.note(child, inner, *_unknown(child.name, term))
            continue
        known = TERMS[child.name]
        if child.name not in term.children:
            if element is walk.root or child.name in INNER:
                walk.note(child, inner, f"not inside {path}, it belongs into {_homes(child.name)}", codes.MISPLACED)
                continue
            # Their installers find an element wherever it is.
            walk.note(child, inner, f"inside {path}; it is read as if it were in the root element", codes.CHANGED)
            _element(walk, child, known, inner)
            walk.lifted.append(child)
        elif known.ignored:
            walk.note(child, inner, f"left out: {known.ignored}", codes.IGNORED)
        else:
            _element(walk, child, known, inner)
            kept += child.children if known.wrapper else [child]
    element.children = kept
    if element is not walk.root:
        _once(walk, element, term, path)


def _rename(walk: _Walk, child: Element, path: str) -> None:
    if child.name in OLD:
        child.written, child.name = child.name, OLD[child.name]
        text = f"the old name of {child.name}"
        walk.note(child, f"{path}/{child.written}", text, codes.OLD_NAME)


def _attributes(walk: _Walk, element: Element, term: Term, path: str) -> None:
    found: dict[str, str] = {}
    for name, value in element.attributes.items():
        where = f"{path}/@{name}"
        attribute = term.attribute(name)
        if attribute is None:
            names = term.attribute_names()
            guess = did_you_mean(name, names)
            text = f"unknown attribute{guess}" if guess else f"unknown attribute; allowed: {', '.join(names) or 'none'}"
            walk.note(element, where, text, codes.UNKNOWN, "correct its name, or remove it")
            continue
        if attribute.ignored:
            walk.note(element, where, f"left out: {attribute.ignored}", codes.IGNORED)
            continue
        if name != attribute.name:
            if attribute.name in element.attributes:
                if value != element.attributes[attribute.name]:
                    text = f"{name} is the old name of {attribute.name}, and they differ"
                    walk.note(element, where, text, codes.CONTRADICTION, "give one of them")
                continue
            element.old[attribute.name] = name
            walk.note(element, where, f"the old name of {attribute.name}", codes.OLD_NAME)
        # An empty attribute counts as none, except for a mode, which every installer refuses then.
        if value.strip() or attribute.name == "mode":
            found[attribute.name] = value.strip()
    element.attributes = found


def _unknown(name: str, term: Term) -> tuple[str, str, str]:
    """Return text, code and hint for an unknown element: the nearest name, not all of them."""
    near = did_you_mean(name, list(term.children)) or did_you_mean(name, list(TERMS))
    return f"unknown element{near}", codes.UNKNOWN, "correct its name, or remove it"


def _homes(name: str) -> str:
    parents = [parent for parent, inside in TERMS.items() if name in inside.children and parent != "interface"]
    return " or ".join([*parents, *(["the root element"] if name in ROOT.children else [])])


def _interfaces(walk: _Walk) -> None:
    """Take the oldest files' ``interface`` for the management interface when it is the only one."""
    others = [child for child in walk.root.children if child.name == "interface"]
    if not others:
        return
    enabled = [child for child in others if child.attributes.pop("enabled", "yes").lower() not in ("no", "false")]
    managed = any(child.name == "admin-interface" for child in walk.root.children)
    chosen = enabled[0] if len(enabled) == 1 and not managed else None
    for child in others:
        where = f"{walk.root.name}/interface"
        if child is chosen:
            child.written, child.name = child.name, "admin-interface"
            walk.note(child, where, "the old name of admin-interface", codes.OLD_NAME)
        else:
            text = "left out: only the management interface is carried over; others are 'network.bridges' in answers"
            walk.note(child, where, text, codes.IGNORED)
    walk.root.children = [child for child in walk.root.children if child.name != "interface"]


def _once(walk: _Walk, element: Element, term: Term, path: str) -> None:
    """Keep the first of elements that may be there once."""
    first: dict[str, Element] = {}
    kept = []
    for child in element.children:
        before = first.setdefault(child.name, child)
        if before is child or TERMS[child.name].repeat:
            kept.append(child)
            continue
        inner = f"{path}/{child.written or child.name}"
        line = before.position.line
        if child.says_the_same_as(before):
            walk.note(child, inner, f"left out: the same as on line {line}", codes.IGNORED)
        elif child.name in CONTRADICTORY:
            text = f"only once, it is on line {line} already, with another content"
            walk.note(child, inner, text, codes.REPEATED, "remove the one that is wrong")
        else:
            text = f"left out: the first one counts, on line {line}"
            walk.note(child, inner, text, codes.IGNORED)
    element.children = kept
