"""The accounts of an image keep their numbers from one image to the next."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dom0kit.errors import UserError
from dom0kit.linux import accounts

PINS = Path(__file__).parents[3] / "image/elements/dom0-export/tree/usr/share/dom0kit/accounts"
NAMES = st.sampled_from(["root", "a", "b", "c", "d", "e"])


def test_the_list_of_the_image() -> None:
    pins = accounts.parse_pins(PINS.read_text())
    assert pins.users["gnt-masterd"] == 104
    assert pins.groups["systemd-journal"] == 999


@pytest.mark.parametrize("line", ["user a", "user a b", "host a 100", "user a 5", "user a 1000", "user a 100\nuser a 101"])
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(UserError):
        accounts.parse_pins(line + "\nuser b 100\n")


def test_two_accounts_that_changed_places_get_theirs_back() -> None:
    now, pins = {"root": 0, "a": 101, "b": 100, "new": 102}, {"a": 100, "b": 101, "gone": 102}
    wanted = accounts.renumbered(now, pins)
    assert wanted == {"root": 0, "a": 100, "b": 101, "new": 103}
    assert accounts.changed(now, wanted) == {101: 100, 100: 101, 102: 103}
    assert accounts.unpinned(now, pins) == ["new"]


@given(
    st.dictionaries(NAMES, st.integers(100, 108)).filter(lambda found: len(set(found.values())) == len(found)),
    st.dictionaries(NAMES, st.integers(100, 108)).filter(lambda found: len(set(found.values())) == len(found)),
)
def test_each_account_has_one_number_and_its_pin(now: dict[str, int], pins: dict[str, int]) -> None:
    wanted = accounts.renumbered(now, pins)
    assert wanted.keys() == now.keys()
    assert len(set(wanted.values())) == len(wanted)
    assert all(wanted[name] == number for name, number in pins.items() if name in now)
    assert all(wanted[name] == now[name] for name in now.keys() - pins.keys() if now[name] not in pins.values())


def test_numbers_of_users_and_of_their_groups_are_changed_at_once() -> None:
    text = "root:x:0:0:root:/root:/bin/bash\na:x:101:201::/:/bin/false\nb:x:100:0::/:/bin/false\n"
    assert accounts.with_numbers(text, {101: 100, 100: 101}, {201: 202}) == (
        "root:x:0:0:root:/root:/bin/bash\na:x:100:202::/:/bin/false\nb:x:101:0::/:/bin/false\n"
    )
    assert accounts.with_numbers("adm:x:4:a,b\nx:x:201:\n", {201: 202}) == "adm:x:4:a,b\nx:x:202:\n"
