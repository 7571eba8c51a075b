"""Schema and reference page are what the model says, and are current."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from answerfiles.json_schema import schema, schema_text
from answerfiles.model import Answers, HostTask
from answerfiles.model_introspection import rows
from answerfiles.reader import read_answers
from dom0kit.units import MIB
from programs.build_machine import main as dom0kit

DOCS = Path(__file__).parents[3] / "docs/reference"


def test_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert dom0kit(["answers", "schema"]) == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_record_and_field_is_described() -> None:
    assert all(field.description for model in (Answers, HostTask) for _, _, field in rows(model))
    made = schema()
    for name, record in made["$defs"].items():
        assert record["description"], name
        assert record["additionalProperties"] is False, name
    assert made["then"]["additionalProperties"] is made["else"]["additionalProperties"] is False
    assert {"version", "host_name", "target", "root"} == set(made["else"]["required"])


def test_schema_has_limits_and_words_and_no_remains_of_python() -> None:
    definitions = schema()["$defs"]
    assert definitions["Management"]["properties"]["vlan"]["anyOf"][0] == {"maximum": 4094, "minimum": 1, "type": "integer"}
    assert definitions["Management"]["properties"]["ipv4"]["oneOf"][0]["enum"] == ["dhcp", "none"]
    assert definitions["Dom0"]["properties"]["memory"]["anyOf"][0]["anyOf"][0]["minimum"] == 512 * MIB
    assert definitions["Target"]["properties"]["mirror"]["anyOf"][0]["minItems"] == 2
    assert definitions["Root"]["properties"]["password_hash"]["anyOf"][0]["writeOnly"] is True
    assert '"ge"' not in schema_text()

    def refers(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [value["$ref"]] if "$ref" in value else [ref for inner in value.values() for ref in refers(inner)]
        return [ref for inner in value for ref in refers(inner)] if isinstance(value, list) else []

    assert {ref.removeprefix("#/$defs/") for ref in refers(schema())} == set(definitions)


def test_example_is_valid() -> None:
    assert read_answers(DOCS.parent / "example-answers.yaml").target.disk is not None
