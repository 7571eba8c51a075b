"""Numbers as people read them."""

from __future__ import annotations

import pytest

from dom0kit.units import human_bytes, human_seconds, parse_bytes, table


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


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("1 B", 1),
        ("400 GB", 400 * 10**9),
        ("400gb", 400 * 10**9),
        (" 1.5 TiB ", 3 * 2**39),
        ("0.000001 MB", 1),
        ("2 EiB", 2 * 2**60),
    ],
)
def test_parse_bytes(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "GB", "-1 GB", "1 GiBs", "1,5 GB", "1e3", "1 2", "٣ GB", "1.", "9" * 21])
def test_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|units are"):
        parse_bytes(text)
