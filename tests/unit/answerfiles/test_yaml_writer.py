"""What is written is read back as the same values, by our reader and by PyYAML."""

from __future__ import annotations

from typing import Any

import yaml
from answer_strategies import MODEST
from hypothesis import given
from hypothesis import strategies as st

from answerfiles.yaml_positions import read_document
from answerfiles.yaml_writer import to_yaml

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        "yes",
        "null",
        "0042",
        "1e3",
        "52:54:00:12:34:56",
        "a: b",
        "a #b",
        "#!/bin/sh\nexit 0\n",
        "a\n\n b\n",
        "- x",
        "~",
        "a:",
        "on",
        " a\n",
    ]
)
VALUES = st.recursive(
    TEXT | st.integers(-(10**12), 10**12) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT.filter(str.isprintable), inner, max_size=3),
    max_leaves=8,
)


@MODEST
@given(st.dictionaries(st.sampled_from(["a", "b", "null", "1"]), VALUES, max_size=3))
def test_round_trip(value: dict[str, Any]) -> None:
    text = to_yaml(value)
    document = read_document(text)
    assert not document.faults, text
    assert document.value == value
    assert yaml.safe_load(text) == value


def test_scripts_are_readable() -> None:
    assert to_yaml({"scripts": [{"content": "#!/bin/sh\nexit 0\n", "stage": "start"}]}) == (
        "scripts:\n  - content: |\n      #!/bin/sh\n      exit 0\n    stage: start\n"
    )
