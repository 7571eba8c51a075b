"""The order of the screens, what is left out, and every screen's size."""

from __future__ import annotations

import dataclasses

import pytest
from screen_samples import BLANK, FACTS, PATHS, chosen, state, with_disks

from installer.tui import flow
from installer.tui.state import State
from installer.tui.toolkit.forms import BACK, HEIGHT, NEXT, WIDTH
from installer.tui.toolkit.layout import wrap
from installer.tui.toolkit.text_terminal import draw

PLAIN = [
    "keyboard",
    "what",
    "packages",
    "disk",
    "guests",
    "card",
    "ip",
    "test",
    "names",
    "region",
    "city",
    "root",
    "pool",
    "summary",
    "confirm",
]
EVERYTHING = {
    "disk.mirror": True,
    "mirror.key": "/dev/sdb",
    "guests.more": True,
    "card.bond": True,
    "ip.v4": "static",
    "ip.v6": "static",
    "disk.key": "/dev/mapper/36001405abcdef0123456789abcdef012",
}


def walk(start: State) -> list[str]:
    names, name = [], flow.next_screen(start, "")
    while name is not None:
        names.append(name)
        name = flow.next_screen(start, name)
    return names


def test_a_plain_installation_has_few_screens() -> None:
    assert walk(chosen()) == PLAIN


def test_every_screen_appears_with_all_options() -> None:
    facts = dataclasses.replace(FACTS, virtualization="")
    seen: set[str] = set()
    for pool in ({"pool.kind": "create"}, {"pool.kind": "join"}, {"pool.kind": "join", "pool.toolstack": "xapi"}):
        names = walk(chosen({**EVERYTHING, **pool}, facts))
        assert names == [name for name in flow.NAMES if name in names]
        seen |= set(names)
    assert seen == set(flow.NAMES) - {"host"}


@pytest.mark.parametrize(
    ("values", "extra", "after"),
    [
        ({"disk.mirror": True}, "mirror", "disk"),
        ({"guests.more": True}, "more", "guests"),
        ({"card.bond": True}, "bond", "card"),
        ({"ip.v4": "static"}, "static4", "ip"),
        ({"ip.v6": "static"}, "static6", "ip"),
    ],
)
def test_a_choice_brings_its_screen(values: dict[str, str | bool], extra: str, after: str) -> None:
    names = walk(chosen(values))
    assert names[names.index(after) + 1] == extra
    assert flow.previous_screen(chosen(values), extra) == after


def test_no_additional_disks_without_guests_or_disks() -> None:
    assert "more" not in walk(chosen({"guests.more": True, "guests.kind": "none"}))
    assert "more" not in walk(chosen({"guests.more": True}, with_disks(BLANK)))


def test_a_preset_answer_skips_its_screen() -> None:
    known = dataclasses.replace(chosen(), preset=frozenset({"keyboard", "root"}))
    assert walk(known) == [name for name in PLAIN if name not in ("keyboard", "root")]
    assert flow.previous_screen(known, "what") is None


def test_back_reverses_next() -> None:
    for values in ({}, EVERYTHING):
        names = walk(chosen(values))
        assert flow.next_screen(chosen(values), names[-1]) is None
        assert [flow.previous_screen(chosen(values), name) for name in names] == [None, *names[:-1]]


def machines() -> list[State]:
    bad = dataclasses.replace(FACTS, virtualization="", memory=1, disks=(), nics=())
    long = dataclasses.replace(
        BLANK, model="M" * 60, serial="S" * 40, contents=tuple(f"part /dev/sda{i} with x" for i in range(20))
    )
    many = with_disks(*(dataclasses.replace(long, path=f"/dev/sd{letter}") for letter in "abcdefghijklmnop"), *PATHS)
    return [
        state(),
        chosen(),
        chosen(EVERYTHING, dataclasses.replace(FACTS, virtualization="")),
        state(bad, now=1.0),
        chosen({"guests.more": True, "disk.mirror": True}, many),
    ]


def screens_to_see() -> list[tuple[str, int]]:
    """Every screen on every machine, except those that are not reached without a disk."""
    return [
        (name, number)
        for name in flow.NAMES
        for number, where in enumerate(machines())
        if where.text("disk.key") or name not in ("mirror", "confirm")
    ]


@pytest.mark.parametrize(("name", "machine"), screens_to_see())
def test_every_screen_fits_whatever_the_machine(name: str, machine: int) -> None:
    where = machines()[machine]
    form = flow.step(name).form(where)
    lines = draw(form, "What is wrong, in words that may need more than one line before everything is said.")
    assert len(lines) == HEIGHT
    assert max(map(len, lines)) <= WIDTH + 1


@pytest.mark.parametrize("name", flow.NAMES)
def test_every_screen_has_help_that_fits_a_page_and_a_way_on(name: str) -> None:
    form = flow.step(name).form(chosen(EVERYTHING))
    assert 3 <= len(wrap(form.help, 60)) <= 28, name
    keys = [key for key, _ in form.buttons]
    assert keys[0] == NEXT
    assert (BACK in keys) == (name != "keyboard")


def test_field_names_are_used_once() -> None:
    names = [field.name for name in flow.NAMES for field in flow.step(name).form(chosen(EVERYTHING)).fields()]
    assert len(names) == len(set(names))
