"""Numbers, addresses and JSON from outside."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dom0kit.untrusted.values import ip_address, is_ip_address, number, read_json, whole_number

WILD = st.one_of(
    st.integers(),
    st.just(10**400),
    st.just(-(10**400)),
    st.floats(),
    st.booleans(),
    st.text(),
    st.none(),
    st.lists(st.integers()),
)


@given(WILD)
def test_every_value_becomes_a_finite_number_in_bounds(value: Any) -> None:
    found = number(value, -5.0, 7.0)
    assert math.isfinite(found)
    assert -5.0 <= found <= 7.0


def test_bounds_and_the_default() -> None:
    assert (number(3, 0, 9), number(-3, 0, 9), number(10**400, 0, 9)) == (3.0, 0.0, 9.0)
    assert (number(True, 1, 9), number("3", 1, 9, 4.0), number(float("nan"), 1, 9, 4.0)) == (1.0, 4.0, 4.0)


@given(st.text())
def test_only_ascii_digits_are_a_number(text: str) -> None:
    found = whole_number(text, 1, 4094, 0)
    assert found == (int(text) if text.isascii() and text.isdigit() and 1 <= int(text or "0") <= 4094 else 0)


@pytest.mark.parametrize(
    "value", ["fe80::1%eth0", "fe80::1%lo or (sport = :22)", "::1%", 3232235777, b"\x7f\0\0\1", True, "", "1.2.3"]
)
def test_zones_and_numbers_are_no_addresses(value: Any) -> None:
    assert not is_ip_address(value)
    with pytest.raises(ValueError, match=r"address|zone"):
        ip_address(value)


@pytest.mark.parametrize(
    "text",
    ["NaN", '{"a": Infinity}', "[-Infinity]", "1e999", "[" * 100_000, '{"a":' * 80 + "1" + "}" * 80, "1" * 5000, "", "nul"],
)
def test_what_is_no_json_of_the_standard_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_json(text)


def test_json_of_the_standard_is_read() -> None:
    assert read_json('{"a": [1, 2.5, null, "x"]}') == {"a": [1, 2.5, None, "x"]}
    assert read_json(b"[[[]]]") == [[[]]]
