"""Numbers as people read them."""

from __future__ import annotations

import pytest

from dom0kit.units import human_bytes, human_seconds, table


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10 * 1024**3, "10.0 GiB")])
def test_bytes(size: int, text: str) -> None:
    assert human_bytes(size) == text


@pytest.mark.parametrize(("seconds", "text"), [(7.44, "7.4 s"), (59.9, "59.9 s"), (125, "2 min 05 s"), (60, "1 min 00 s")])
def test_seconds(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


def test_columns_of_numbers_are_set_right() -> None:
    assert table(("step", "time"), [("copy", "1.0 s"), ("verify", "12.0 s")]).splitlines() == [
        "step      time",
        "------  ------",
        "copy     1.0 s",
        "verify  12.0 s",
    ]
