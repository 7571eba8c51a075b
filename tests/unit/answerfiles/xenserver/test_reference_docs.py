"""The table of elements is current, and has every name that the format knows."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from answerfiles.xenserver.known_elements import ROOT, TERMS
from answerfiles.xenserver.reference_docs import EXAMPLES, PAGE, main, page
from dom0kit.errors import UserError

DOCS = Path(__file__).parents[4] / "docs/reference"
WITHOUT_MEANING = {"stage"}
"""Of scripts in their old form, which have one stage only."""


def test_page_is_current() -> None:
    text = (DOCS / PAGE).read_text()
    assert page(text) == text, "run 'make docs'"


def test_every_name_old_or_new_has_an_example() -> None:
    text = "".join(example for examples in EXAMPLES.values() for example in examples)
    elements = {name for term_name, term in TERMS.items() for name in (term_name, *term.old)}
    assert {name for name in elements if not re.search(rf"<{name}[ />]", text)} == set()
    attributes = {name for term in (ROOT, *TERMS.values()) for a in term.attributes for name in (a.name, *a.old)}
    assert {name for name in attributes if f" {name}=" not in text} <= WITHOUT_MEANING


def test_the_page_is_written(tmp_path: Path) -> None:
    shutil.copy(DOCS / PAGE, tmp_path)
    assert main([str(tmp_path)]) == 0
    assert (tmp_path / PAGE).read_text() == (DOCS / PAGE).read_text()
    (tmp_path / PAGE).write_text("# no place\n")
    assert main([str(tmp_path)]) == 1
    assert main([]) == 2
    with pytest.raises(UserError, match="no place"):
        page("")
