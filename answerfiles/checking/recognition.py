"""What kind of file a text is: answers in YAML or XML, or an inventory (pure)."""

from __future__ import annotations

import json
import re
from typing import Literal

from answerfiles.reader import is_xml
from answerfiles.xenserver.known_elements import ROOTS
from answerfiles.yaml_positions import read_document

Kind = Literal["xml", "answers", "inventory", "other"]
SECTIONS = frozenset({"hosts", "groups", "defaults", "include"})
OF_ANSWERS = frozenset({"host_name", "target", "root"})
"""Keys that answers have and files of other programs seldom; ``version`` is in many."""
OF_TASK = frozenset({"version", "mode"})
LIST_OF_GROUPS = re.compile(r"^groups:[ \t]*(?:#.*)?\n[ \t]*-", re.M)
"""Rules of Prometheus, for one, are a list of groups."""
EXPORTS = frozenset({"_meta", "results"})
KEY = re.compile(r"""^(?:"([^"\n]+)"|'([^'\n]+)'|([A-Za-z_][\w-]*))[ \t]*:(?:\s|$)""", re.M)
ELEMENT = re.compile(r"<([A-Za-z][\w.-]*)")
"""The first element: declarations and comments begin with other characters."""
TYPING_ERRORS = {"host": "hosts", "group": "groups", "default": "defaults", "includes": "include"}


def top_keys(text: str) -> set[str]:
    """Return the keys at the top of a document; those of JSON are parsed, those of YAML begin their lines."""
    start = text.lstrip("\ufeff \t\r\n")
    if not start.startswith(("{", "[")):
        return {next(filter(None, found)) for found in KEY.findall(text.removeprefix("\ufeff"))}
    try:
        value = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        # YAML between braces, or JSON with an error.
        value = read_document(text.replace("\t", " ")).value
    if isinstance(value, list):
        # The rows of an export.
        return {"results"} if value and isinstance(value[0], dict) and "name" in value[0] else set()
    return set(value) if isinstance(value, dict) else set()


def kind_of(text: str) -> Kind:
    """Return what a text is; ``other`` when nothing in it says that it is for dom0kit."""
    if is_xml(text):
        root = ELEMENT.search(text)
        return "xml" if root is not None and root[1].lower() in ROOTS else "other"
    keys = top_keys(text)
    if keys == {"groups"} and LIST_OF_GROUPS.search(text):
        return "other"
    if keys & SECTIONS or (keys & EXPORTS and not keys & OF_ANSWERS):
        return "inventory"
    if keys & OF_ANSWERS or keys >= OF_TASK:
        return "answers"
    return "inventory" if keys & TYPING_ERRORS.keys() else "other"


def is_ansible_yaml(text: str) -> bool:
    """Return whether a text is an inventory of Ansible's in YAML, which only Ansible can read."""
    keys = top_keys(text)
    return "all" in keys and not keys & (SECTIONS | OF_ANSWERS | EXPORTS)
