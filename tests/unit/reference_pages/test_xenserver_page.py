"""The table of elements has every name that the format knows."""

from __future__ import annotations

import re

from answerfiles.xenserver.known_elements import ROOT, TERMS
from reference_pages.xenserver_answers import EXAMPLES

WITHOUT_MEANING = {"stage"}
"""Of scripts in their old form, which have one stage only."""


def test_every_name_old_or_new_has_an_example() -> None:
    text = "".join(example for examples in EXAMPLES.values() for example in examples)
    elements = {name for term_name, term in TERMS.items() for name in (term_name, *term.old)}
    assert {name for name in elements if not re.search(rf"<{name}[ />]", text)} == set()
    attributes = {name for term in (ROOT, *TERMS.values()) for a in term.attributes for name in (a.name, *a.old)}
    assert {name for name in attributes if f" {name}=" not in text} <= WITHOUT_MEANING
