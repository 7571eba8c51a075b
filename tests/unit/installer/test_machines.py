"""Every machine in tests/machines gets the plans and refusals that are written next to it.

A machine is two files: ``NAME.json`` is the output of ``dom0kit facts --json``, ``NAME.yaml`` says what must become of it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from answer_strategies import KEY

from answerfiles.reader import parse_answers
from answerfiles.yaml_writer import to_yaml
from installer.answers_check import nominal_image
from installer.hardware.facts_json import read_facts
from installer.model.refusals import INSTALLATION
from installer.plan.plan import Options, Plan, PlanError, make_plan

FOLDER = Path(__file__).resolve().parents[2] / "machines"
MACHINES = sorted(path.stem for path in FOLDER.glob("*.json"))
CASES = [
    (name, number) for name in MACHINES for number in range(len(yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["cases"]))
]
CODES = {refusal.code for refusal in INSTALLATION.refusals}
BASE = {"version": 1, "host_name": "xen1", "root": {"ssh_keys": [KEY], "lock": True}}
"""What answers need in addition to a case's own."""


def case_of(name: str, number: int) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["cases"][number]
    return value


def plan_of(name: str, case: dict[str, Any]) -> Plan:
    answers = parse_answers(to_yaml({**BASE, **case["answers"]}), f"tests/machines/{name}.yaml")
    return make_plan(read_facts(FOLDER / f"{name}.json"), answers, nominal_image(), Options("the image", uuid.UUID(int=1)))


def differences(wanted: Any, found: Any, place: str = "") -> list[str]:
    """Return where ``found`` is not as wanted; keys that are not wanted do not count."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return [line for key in wanted for line in differences(wanted[key], found.get(key), f"{place}.{key}".lstrip("."))]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [line for n, pair in enumerate(zip(wanted, found, strict=True)) for line in differences(*pair, f"{place}[{n}]")]
    return [] if wanted == found else [f"{place}: {found!r}, expected {wanted!r}"]


@pytest.mark.parametrize(("name", "number"), CASES, ids=[f"{name}-{number}" for name, number in CASES])
def test_machine(name: str, number: int) -> None:
    case = case_of(name, number)
    assert set(case) in ({"answers", "plan"}, {"answers", "refused"}, {"answers", "refused", "says"})
    if "plan" in case:
        assert differences(case["plan"], plan_of(name, case).to_json()) == []
        return
    with pytest.raises(PlanError) as caught:
        plan_of(name, case)
    found = [code for problem in caught.value.problems for code in re.findall(r"\[([a-z0-9-]+)\]:?$", problem.splitlines()[0])]
    assert Counter(found) == Counter(case["refused"]), caught.value
    assert set(found) <= CODES
    for words in case.get("says", []):
        assert words in str(caught.value)


def test_each_machine_has_two_files() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.yaml")) == MACHINES
    assert len(MACHINES) >= 30


@pytest.mark.parametrize("name", MACHINES)
def test_facts_are_as_the_command_prints_them(name: str) -> None:
    """Sorted keys, and nothing that the command would not print."""
    value = json.loads((FOLDER / f"{name}.json").read_text())
    printed = json.loads(json.dumps(read_facts(FOLDER / f"{name}.json").to_json()))
    assert differences(value, printed) == []
