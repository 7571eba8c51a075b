"""Start, time, log-in and pool."""

from __future__ import annotations

import dataclasses
import zoneinfo

import pytest
from screen_samples import FACTS, HASH, KEY, chosen, state, with_disks

from dom0kit.units import GIB
from installer.model.hardware import Facts
from installer.tui.pages import host, welcome
from installer.tui.pages.summary import overview
from installer.tui.state import State, document
from installer.tui.toolkit.forms import Entry, Problem, Radio, Table


@pytest.fixture(autouse=True)
def _no_libcrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, "make_hash", lambda password: HASH + password[0])


def fields(taken: State | list[Problem]) -> list[str]:
    assert isinstance(taken, list)
    return [problem.field for problem in taken]


@pytest.mark.parametrize(
    ("facts", "now", "words"),
    [
        (dataclasses.replace(FACTS, nics=()), 2e9, "No network card"),
        (with_disks(), 2e9, "No disk"),
        (dataclasses.replace(FACTS, virtualization=""), 2e9, "VT-x or AMD-V"),
        (dataclasses.replace(FACTS, memory=GIB), 2e9, "need 1.5 GiB"),
        (FACTS, 1e9, "The clock shows 2001-09-09 01:46 UTC"),
    ],
)
def test_each_warning_that_matters(facts: Facts, now: float, words: str) -> None:
    where = state(facts, now=now)
    found = welcome.find_warnings(where)
    assert len(found) == 1
    assert words in found[0]
    assert not welcome.skip_warnings(where)


def test_a_suitable_machine_has_no_warnings() -> None:
    assert welcome.skip_warnings(state())
    # Under Xen neither the processor's features nor the machine's memory can be seen.
    assert welcome.skip_warnings(state(dataclasses.replace(FACTS, virtualization=None, under_xen=True, memory=GIB)))


def test_a_keyboard_suggests_a_time_zone_until_one_is_chosen() -> None:
    german = welcome.submit_keyboard(state(), {"keyboard.map": "de"})
    assert (german.text("zone.region"), german.text("zone.city")) == ("Europe", "Europe/Berlin")
    french = welcome.submit_keyboard(german, {"keyboard.map": "fr"})
    assert french.text("zone.city") == "Europe/Paris"
    assert welcome.submit_keyboard(french, {"keyboard.map": "us"}).text("zone.city") == ""
    chosen_by_hand = french.with_values({"zone.region": "UTC", "zone.city": "UTC"})
    assert welcome.submit_keyboard(chosen_by_hand, {"keyboard.map": "de"}).text("zone.city") == "UTC"
    # Where the tz database has no such zone nothing is suggested.
    assert welcome.submit_keyboard(state(), {"keyboard.map": "jp106"}).text("zone.region") == "UTC"


def test_zones_of_keyboards_are_those_of_the_database() -> None:
    assert set(welcome.KEY_ZONES) <= {key for key, _ in welcome.KEY_MAPS}
    assert set(welcome.KEY_ZONES.values()) <= zoneinfo.available_timezones()


def test_only_existing_zones_are_offered() -> None:
    offered = next(item for item in welcome.what(state()).items if isinstance(item, Radio))
    assert [key for key, _ in offered.options] == ["install", "rescue"]


def test_key_maps_are_names_that_answers_take() -> None:
    names = [key for key, _ in welcome.KEY_MAPS]
    assert len(names) == len(set(names))
    assert names[0] == "us"
    for name in names:
        assert chosen({"keyboard.map": name}).text("keyboard.map") == name


def cities(where: State) -> list[str]:
    return [row.key for item in host.city(where).items if isinstance(item, Table) for row in item.rows]


def test_zones_by_region() -> None:
    assert host.regions(state()) == ("UTC", "America", "Europe")
    assert cities(chosen({"zone.region": "Europe"})) == ["Europe/Berlin", "Europe/Paris"]
    assert cities(chosen({"zone.region": "UTC"})) == ["UTC"]
    assert cities(chosen({"zone.region": "Europe"}, None)) != []
    assert host.regions(state(zones=())) == ("UTC",)


def test_a_city_of_another_region_is_not_kept() -> None:
    form = host.city(chosen({"zone.region": "America", "zone.city": "Europe/Berlin"}))
    assert form.values()["zone.city"] == "America/New_York"


def test_ntp_servers_are_names_or_addresses() -> None:
    assert isinstance(host.submit_city(chosen(), {"zone.city": "UTC", "zone.ntp": "ntp1.example.org, 192.0.2.1"}), State)
    assert fields(host.submit_city(chosen(), {"zone.city": "UTC", "zone.ntp": "no_name"})) == ["zone.ntp"]


def root(password: str = "", again: str = "", key: str = "", known: str = "") -> State | list[Problem]:
    values = {"root.password": password, "root.again": again, "root.key": key}
    return host.submit_root(chosen({"root.hash": known}), values)


def test_a_password_or_key_is_required() -> None:
    assert fields(root()) == ["root.password"]


@pytest.mark.parametrize("weak", ["short", "aaaaaaaaaaaa", "password1", "\taaaabbbbcccc"])
def test_weak_passwords_are_refused_with_a_reason(weak: str) -> None:
    taken = root(weak, weak)
    assert fields(taken) == ["root.password"]
    assert isinstance(taken, list)
    assert "password" in taken[0].text


def test_both_passwords_must_be_equal() -> None:
    assert fields(root("correct horse", "correct hors")) == ["root.again"]
    assert fields(root("", "correct horse")) == ["root.password"]


def test_only_the_hash_is_kept() -> None:
    after = root("correct horse", "correct horse")
    assert isinstance(after, State)
    assert after.text("root.hash") == HASH + "c"
    assert "correct horse" not in repr(after)


def test_a_key_alone_is_enough_and_is_checked() -> None:
    after = root(key=KEY)
    assert isinstance(after, State)
    assert after.text("root.key") == KEY
    assert fields(root(key="ssh-dss AAAA")) == ["root.key"]
    assert fields(root("correct horse", "correct horse", "-----BEGIN OPENSSH PRIVATE KEY-----")) == ["root.key"]


def test_a_password_from_before_stays() -> None:
    after = root(known=HASH)
    assert isinstance(after, State)
    assert after.text("root.hash") == HASH
    assert "A password is set" in str(host.root(after))


def test_passwords_are_never_shown_again() -> None:
    form = host.root(chosen({"root.password": "correct horse"}))
    assert [item.value for item in form.items if isinstance(item, Entry) and item.password] == ["", ""]


def test_the_password_may_be_left_to_the_first_start() -> None:
    asked = host.submit_root(chosen({"root.hash": "", "root.key": ""}), {"root.ask": True, "root.key": ""})
    assert isinstance(asked, State)
    assert document(asked)["root"] == {"ask": True}
    assert "asked for at the first start" in overview(asked)
    both = host.submit_root(chosen(), {"root.ask": True, "root.password": "correct horse", "root.again": "correct horse"})
    assert isinstance(both, list)
    assert both[0].field == "root.ask"
