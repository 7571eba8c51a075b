"""The environment block by which GRUB chooses the image."""

import uuid

import pytest

from dom0kit.errors import UserError
from dom0kit.linux.boot_choice import HEADER, SECTOR, SIZE, Choice, parse, to_bytes

SYSTEM = uuid.UUID("6f1c1f0e-8a4b-4d0e-9c1e-0d3a5b7c9e11")
LONGEST = "1" * 64 + "-adcf2c1e"


@pytest.mark.parametrize(
    "choice",
    [
        Choice(SYSTEM, 1, "0.1.0-adcf2c1e"),
        Choice(SYSTEM, 7, "0.1.0-adcf2c1e", "0.2.0~rc1-0123abcd", 1),
        Choice(SYSTEM, 10**9, LONGEST, LONGEST, 3),
    ],
)
def test_a_choice_comes_back_from_one_sector(choice: Choice) -> None:
    data = to_bytes(choice)
    assert len(data) == SIZE
    assert data[SECTOR:] == b"#" * (SIZE - SECTOR)
    assert parse(data) == choice


def test_grub_leaves_a_variable_out_or_empty_where_nothing_is_tried() -> None:
    data = HEADER + f"env_system={SYSTEM}\nenv_seq=3\nenv_image=a\nenv_left=\n".encode()
    assert parse(data.ljust(SIZE, b"#")) == Choice(SYSTEM, 3, "a")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"#" * SIZE,
        to_bytes(Choice(SYSTEM, 1, "a"))[:-1],
        HEADER.ljust(SIZE, b"#"),
        to_bytes(Choice(SYSTEM, 1, "a")).replace(b"env_seq=1", b"env_seq=x"),
        to_bytes(Choice(SYSTEM, 1, "abc")).replace(b"=abc", b"=../"),
    ],
)
def test_a_damaged_block_is_an_error_with_a_hint(data: bytes) -> None:
    with pytest.raises(UserError) as caught:
        parse(data)
    assert caught.value.hint


def test_a_name_that_is_none_is_never_written() -> None:
    with pytest.raises(ValueError, match="no image's name"):
        to_bytes(Choice(SYSTEM, 1, "a b"))
