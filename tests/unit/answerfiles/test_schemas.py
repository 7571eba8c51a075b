"""Both schemas take every example of the documentation, and refuse what an editor should underline."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from answerfiles.inventory.check import check_inventory
from answerfiles.inventory.schema import inventory_schema, inventory_schema_text
from answerfiles.json_schema import schema
from answerfiles.yaml_positions import read_document
from programs.build_machine import main

PROJECT = Path(__file__).parents[3]
DOCS = PROJECT / "docs"
SECTIONS = {"defaults", "groups", "hosts", "include"}
BLOCK = re.compile(r"^```ya?ml\n(.*?)^```", re.M | re.S)
ANSWERS = jsonschema.Draft202012Validator(schema())
INVENTORY = jsonschema.Draft202012Validator(inventory_schema())


def examples() -> list[Any]:
    """Return every YAML example of the documentation that is whole: answers or an inventory."""
    found = [pytest.param(path.read_text(), id=path.name) for path in sorted(DOCS.glob("*.yaml"))]
    for page in sorted(DOCS.rglob("*.md")):
        for number, text in enumerate(BLOCK.findall(page.read_text())):
            value = read_document(text).value
            if isinstance(value, dict) and ({"version", "root"} <= value.keys() or SECTIONS & value.keys()):
                found.append(pytest.param(text, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize("text", examples())
def test_schemas_take_examples(text: str) -> None:
    value = read_document(text).value
    validator = ANSWERS if "version" in value else INVENTORY
    assert [error.message for error in validator.iter_errors(value)] == []


def test_examples_are_found() -> None:
    assert len(examples()) > 4


GOLDEN = sorted((Path(__file__).parent / "cases/inventory").glob("*.yaml"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_valid_inventories_are_valid_for_the_schema(path: Path) -> None:
    """The schema is weaker than the check, never stronger."""
    _, problems = check_inventory(path.read_text(), path)
    if not problems:
        assert [error.message for error in INVENTORY.iter_errors(read_document(path.read_text()).value)] == []


@pytest.mark.parametrize(
    "text",
    [
        "hosts: {a: {}}",
        "hosts: {a: {mac: nonsense}}",
        "hosts: {a: {serial: S, keybord: de}}",
        "hosts: {a: {serial: S, time: {sone: UTC}}}",
        "hosts: {a: {serial: S, network: {management: {vlan: 5000}}}}",
        "hosts: {a: {serial: S, finish: never}}",
        "groups: {g: {mac: 52:54:00:00:00:01}}",
        "defaults: []",
        "host: {}",
        "include: 5",
    ],
)
def test_the_inventory_schema_refuses(text: str) -> None:
    assert not INVENTORY.is_valid(read_document(text).value)


def test_schemas_are_schemas_and_current(capsys: pytest.CaptureFixture[str]) -> None:
    for made in (schema(), inventory_schema()):
        jsonschema.Draft202012Validator.check_schema(made)
    assert (DOCS / "reference/inventory.schema.json").read_text() == inventory_schema_text(), "run 'make docs'"
    assert main(["answers", "schema", "--inventory"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Inventory of dom0kit"


def test_editors_read_plain_yaml() -> None:
    """Editors parse with YAML 1.1 or 1.2, where a MAC address may be a number; quoted, it is text everywhere."""
    value = yaml.safe_load((DOCS / "example-inventory.yaml").read_text())
    assert INVENTORY.is_valid(value)
