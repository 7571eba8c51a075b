"""Text from outside on its way to a terminal."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dom0kit.untrusted import text as untrusted


@given(st.text())
def test_one_line_of_printable_characters(value: str) -> None:
    shown = untrusted.printable(value)
    assert shown.isprintable()
    assert len(shown) <= untrusted.LONGEST


@given(st.text())
def test_several_lines_hold_no_control_characters(value: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in untrusted.lines(value))


@pytest.mark.parametrize("wild", ["\x1b[2J", "\x9b2J", "\r", "\b", "\u202e", "\u200b", "\u2028", "\x85", "\ufeff", "\udcff"])
def test_escapes_and_invisible_characters_do_not_reach_a_terminal(wild: str) -> None:
    out = io.StringIO()
    untrusted.show(f"a{wild}b\nc", out)
    assert out.getvalue() == f"a?{wild[1:]}b\nc\n"


def test_a_terminal_of_another_encoding_gets_replacements() -> None:
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, "ascii")
    untrusted.show("naïve 日本 \udcff", out)
    assert raw.getvalue() == b"na?ve ?? ?\n"
