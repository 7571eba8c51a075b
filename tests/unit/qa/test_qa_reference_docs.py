"""The page of what scenarios call is that of the source."""

from __future__ import annotations

import ast
from pathlib import Path

from qa.reference_docs import PAGE, markdown, render, signature

PROJECT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    assert (PROJECT / PAGE).read_text() == render(PROJECT), "run 'make docs'"


def test_fields_and_roles_become_markdown() -> None:
    text = "Wait; see :meth:`qa.vm.guest.Guest.fail`.\n\n:param limit: seconds\n    of time.\n:raises TimedOut: past ``limit``."
    assert markdown(text) == "Wait; see `fail`.\n\n- `limit`: seconds of time.\n- raises `TimedOut` past `limit`."


def test_signatures_are_those_of_the_source() -> None:
    (method,) = ast.parse("def fail(self, *commands: str, limit: float=1) -> str: ...").body
    assert isinstance(method, ast.FunctionDef)
    assert signature(method) == "fail(*commands: str, limit: float=1) -> str"
