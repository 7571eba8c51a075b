"""Docstrings and signatures of what scenarios call become Markdown."""

from __future__ import annotations

import ast

from reference_pages.qa_api import markdown, signature


def test_fields_and_roles_become_markdown() -> None:
    text = "Wait; see :meth:`qa.vm.guest.Guest.fail`.\n\n:param limit: seconds\n    of time.\n:raises TimedOut: past ``limit``."
    assert markdown(text) == "Wait; see `fail`.\n\n- `limit`: seconds of time.\n- raises `TimedOut` past `limit`."


def test_signatures_are_those_of_the_source() -> None:
    (method,) = ast.parse("def fail(self, *commands: str, limit: float=1) -> str: ...").body
    assert isinstance(method, ast.FunctionDef)
    assert signature(method) == "fail(*commands: str, limit: float=1) -> str"
