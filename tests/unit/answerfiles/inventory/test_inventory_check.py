"""Golden pairs of inventories, next to those of answers: each input next to the problems that checking it must give."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from answerfiles.inventory.check import check_inventory

HERE = Path(__file__).parents[1] / "cases/inventory"
INPUTS = sorted(HERE.glob("*.yaml"))


def outcome(path: Path) -> list[str]:
    _, problems = check_inventory(path.read_text(), path)
    return [
        f"{p.position.line}:{p.position.column} {p.severity} {p.code} {p.field} [{' '.join(p.hosts)}]".removesuffix(" []")
        for p in problems
    ] or ["valid"]


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.stem)
def test_pair(path: Path) -> None:
    found = "\n".join(outcome(path)) + "\n"
    expected = path.with_suffix(".expected")
    if os.environ.get("DOM0KIT_GOLDEN") == "write":
        expected.write_text(found)
    assert found == expected.read_text()
