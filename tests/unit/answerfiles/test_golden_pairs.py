"""Golden pairs: inputs next to the problems, and for XML the answers, that they must give.

``DOM0KIT_GOLDEN=write`` writes the expected files again instead of comparing them.
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from answerfiles.reader import examine_answers, is_xml
from answerfiles.validation import AnswersError
from answerfiles.xenserver.convert import convert

HERE = Path(__file__).parent / "cases"
INPUTS = sorted(path for path in HERE.iterdir() if path.suffix in (".yaml", ".xml"))
BASE: dict[str, Any] = {
    "version": 1,
    "host_name": "h1.example.org",
    "target": {"disk": {"serial": "D1"}},
    "root": {
        "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlUM8C2kPpbXNVsdnkSbbCZTqAmcBJdrALy1vzwzMXL ops"],
    },
}


def outcome(text: str) -> list[str]:
    """Return what reading a text reports, as lines ``line:column severity code path``."""
    try:
        problems = examine_answers(text, "f").warnings
    except AnswersError as error:
        problems = error.problems
    lines = [f"{p.position.line}:{p.position.column} {p.severity} {p.code} {p.field}".rstrip() for p in sorted(problems)]
    return lines or ["valid"]


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_pair(path: Path) -> None:
    text = path.read_text()
    found = "\n".join(outcome(text)) + "\n"
    expected = path.with_suffix(".expected")
    if os.environ.get("DOM0KIT_GOLDEN") == "write":
        expected.write_text(found)
    assert found == expected.read_text()


@pytest.mark.parametrize("path", [path for path in INPUTS if path.suffix == ".xml"], ids=lambda path: path.name)
def test_converted(path: Path) -> None:
    text, expected = path.read_text(), path.with_suffix(".converted")
    try:
        value = convert(text, "f").value
    except AnswersError:
        assert not expected.exists()
        return
    if str(value["root"].get("password_hash", "")).startswith("$y$"):
        # The hash of a plain password has another salt each time.
        value["root"]["password_hash"] = "made of the plain password"
    if os.environ.get("DOM0KIT_GOLDEN") == "write":
        expected.write_text(yaml.safe_dump(value, sort_keys=False))
    assert value == yaml.safe_load(expected.read_text())


def variants() -> list[Any]:
    """Return every variant of every kind as a test's parameter."""
    return [
        pytest.param(entry, id=f"{path.stem}-{number}")
        for path in sorted((HERE / "variants").glob("*.yaml"))
        for number, entry in enumerate(yaml.safe_load(path.read_text()), 1)
    ]


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return a copy of ``base`` with the keys of ``more``; dictionaries are merged, None removes a key."""
    result = copy.deepcopy(base)
    for key, value in more.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


@pytest.mark.parametrize("entry", variants())
def test_variant(entry: dict[str, Any]) -> None:
    """Each variant gives exactly the expected codes at the expected paths."""
    text = yaml.safe_dump(merged(BASE, entry["answers"]), sort_keys=False)
    assert not is_xml(text)
    found = [" ".join(line.split(" ")[2:]) for line in outcome(text) if line != "valid"]
    assert sorted(found) == sorted(entry["expected"]), text
