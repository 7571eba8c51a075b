"""Whatever a file holds: answers or errors in words, never a traceback; and what is written is read as it was."""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from pathlib import Path

import yaml
from answer_strategies import MODEST, Values, machine_answers
from hypothesis import example, given
from hypothesis import strategies as st

from answerfiles.conversion.yaml_dump import to_yaml
from answerfiles.model import Answers
from answerfiles.reader import parse_answers, read_answers
from answerfiles.validation import AnswersError
from answerfiles.yaml_positions import PURE, read_document
from dom0kit.errors import UserError

HERE = Path(__file__).parent
YAML = [path.read_text() for path in sorted(HERE.glob("full*.yaml"))]
XML = [path.read_text() for path in sorted((HERE / "xenserver/samples").glob("*.xml"))]
SPICE = [
    "[",
    "]",
    "{",
    "}",
    "<",
    ">",
    "&",
    "'",
    '"',
    ":",
    "\n",
    "- ",
    "*a",
    "&a ",
    "!!int ",
    "|\n",
    "null",
    "true",
    "-1",
    "\t",
    "\x00",
    "é",
    "%",
]
words = st.sampled_from(
    [*SPICE, "<!DOCTYPE a [", "<!ENTITY b 'c'>", "&amp;", "</installation>", "<a b='c'>", "]]>", "<![CDATA[", "<?x?>"]
)


def outcome(read: Callable[[], Answers]) -> Answers | UserError:
    """Return the answers or the error text; any other exception is a bug."""
    try:
        return read()
    except UserError as error:
        return error


def reads_or_refuses(text: str) -> None:
    found = outcome(lambda: parse_answers(text, "f", lambda warning: None))
    if isinstance(found, AnswersError):
        assert found.problems
        assert all(problem.position.line >= 1 and problem.position.column >= 1 for problem in found.problems)
        assert "\x1b" not in str(found)
    else:
        assert isinstance(found, Answers)


@st.composite
def changed(draw: st.DrawFn, texts: list[str]) -> str:
    """Draw a valid file with a few pieces inserted, removed or moved."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        piece = draw(words | st.text(string.printable, max_size=6) | st.just(text[at:end] * 2))
        text = text[:at] + piece + text[end:]
    return text


@MODEST
@given(
    st.text(max_size=200)
    | st.lists(words, max_size=30).map("".join)
    | st.lists(words, max_size=30).map(lambda found: "<" + "".join(found))
)
@example("a: \x1b[2J")
@example('"\\e[2J": 1')
@example("<\x1b>")
@example("<a \ud800='1'/>")
def test_any_text(text: str) -> None:
    reads_or_refuses(text)


@MODEST
@given(changed(YAML))
def test_changed_yaml(text: str) -> None:
    reads_or_refuses(text)


@MODEST
@given(changed(XML))
def test_changed_xml(text: str) -> None:
    reads_or_refuses(text)


def test_any_bytes(tmp_path: Path) -> None:
    path = tmp_path / "answers"

    @MODEST
    @given(st.binary(max_size=100))
    def check(data: bytes) -> None:
        path.write_bytes(data)
        found = outcome(lambda: read_answers(path, lambda warning: None))
        assert isinstance(found, UserError)
        assert str(path) in str(found)

    check()


@MODEST
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
    )
)
def test_any_value_in_any_place(value: object) -> None:
    for name in Answers.model_fields:
        base = {"version": 1, "host_name": "a", "target": {"disk": {"serial": "a"}}, "root": {"password_hash": "env:A"}}
        reads_or_refuses(json.dumps({**base, name: value}, ensure_ascii=True))


@MODEST
@given(changed(YAML))
def test_both_loaders_agree(text: str) -> None:
    # libyaml takes a little more than PyYAML's parser, as a '?' inside a word; what both take must be the same. Only the
    # place of a value that is not there may differ: before or behind the blanks.
    fast, slow = read_document(text), read_document(text, loader=PURE)
    if fast.value is not None and slow.value is not None:
        assert (fast.value, fast.keys, fast.faults) == (slow.value, slow.keys, slow.faults)
    assert fast.value is not None or fast.faults
    assert slow.value is not None or slow.faults


@MODEST
@given(machine_answers())
def test_round_trips(drawn: tuple[Values, object, object]) -> None:
    value = drawn[0]
    text = yaml.safe_dump(value, allow_unicode=True)
    answers = parse_answers(text)
    assert parse_answers(to_yaml(value, "it", [])) == answers
    assert parse_answers(json.dumps(value)) == answers
    assert Answers.model_validate_json(answers.to_json(reveal=True)) == answers
    masked = answers.to_json() + repr(answers) + str(answers)
    assert "$6$saltsalt" not in masked
