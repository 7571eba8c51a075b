"""Host names for many machines: what an answer file may say."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from answer_strategies import MODEST
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from answerfiles.host_naming import PLACES, NoName, fill
from answerfiles.json_schema import schema
from answerfiles.reader import parse_answers
from answerfiles.validation import AnswersError

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIPnBRbMEdnMNvxD5eUDkqi+QJrcrngSFVQw4sCbJyCwE"
REST = f"target: {{disk: {{serial: D}}}}\nroot: {{ssh_keys: [ssh-ed25519 {KEY} me]}}\n"


def refused(lines: str) -> str:
    with pytest.raises(AnswersError) as caught:
        parse_answers(f"version: 1\n{lines}{REST}")
    return str(caught.value)


@pytest.mark.parametrize("name", ["dhcp", "xen-{serial}", "{mac}.example.org", "{uuid}", "r1-{asset}-{serial}.dc.example.org"])
def test_rules(name: str) -> None:
    assert parse_answers(f"version: 1\nhost_name: '{name}'\n{REST}").host_name == name


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("host_name: 'xen-{seriel}'", "not {seriel}"),
        ("host_name: 'xen-{}'", "in braces one of serial, uuid, mac, asset"),
        ("host_name: 'xen-{serial'", "one pair of braces"),
        ("host_name: 'xen-serial}'", "one pair of braces"),
        ("host_name: 'xen_{serial}'", "a host name"),
        ("host_name: '-{serial}'", "a host name"),
        ("host_name: 'xen-{{ serial }}'", "in braces one of"),
        ("host_name: {serial}", "in quotes: '{serial}'"),
        ("host_name: xen1\nhost_name_fallback: 'xen-{mac}'", "host_name_fallback only with"),
        ("host_name: dhcp\nhost_name_fallback: xen1", "something of the machine"),
        ("host_name: dhcp\nhost_name_fallback: dhcp", "something of the machine"),
    ],
)
def test_what_is_no_rule(line: str, words: str) -> None:
    text = refused(line + "\n")
    assert words in text
    assert ":2:" in text or ":3:" in text or ":1:" in text


def test_the_schema_takes_the_same_names() -> None:
    pattern = schema()["else"]["properties"]["host_name"]["pattern"]
    for name in ("dhcp", "xen1.example.org", "xen-{serial}", "{mac}.example.org"):
        assert re.search(pattern, name), name
    for name in ("xen-{seriel}", "xen_1", "{serial", ""):
        assert not re.search(pattern, name), name
    Draft202012Validator.check_schema(schema())


@MODEST
@given(
    st.dictionaries(st.sampled_from([*PLACES, "dhcp"]), st.text(max_size=70)),
    st.sampled_from(["dhcp", "x{serial}", "{mac}-{uuid}"]),
)
def test_whatever_a_machine_says_the_result_is_a_host_name_or_refused(values: dict[str, str], rule: str) -> None:
    with suppress(NoName):
        assert re.fullmatch(r"[a-z0-9.-]{1,253}", fill(rule, values))
