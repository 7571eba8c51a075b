"""The examples in the how-to of scenarios are modules that declare scenarios, and every name in them exists."""

from __future__ import annotations

import builtins
import re
import symtable
from pathlib import Path

import pytest

from qa.metadata import declared

PAGE = Path(__file__).resolve().parents[3] / "docs/how-to/write-a-scenario.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def global_names(table: symtable.SymbolTable) -> set[str]:
    """Return the names that the functions of a module take from it or from Python."""
    found = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
    return found.union(*(global_names(child) for child in table.get_children()))


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 3


@pytest.mark.parametrize("text", EXAMPLES)
def test_example_is_a_complete_module(text: str) -> None:
    names: dict[str, object] = {"__name__": "example"}
    exec(compile(text, str(PAGE), "exec"), names)
    scenarios = [found for value in names.values() for found in declared(value)]
    assert len(scenarios) == 1
    assert scenarios[0].sets != ["nightly"]
    assert global_names(symtable.symtable(text, str(PAGE), "exec")) - names.keys() - set(dir(builtins)) == set()
