"""Time zones and key maps: the same answer on every machine, former names, and kbd's names for XKB's layouts."""

from __future__ import annotations

import zoneinfo
from dataclasses import replace
from pathlib import Path

import pytest

from answerfiles.checks.image_fields import missing_names
from answerfiles.known_names import key_maps, zones
from answerfiles.known_names.image_names import ImageNames, bundled, parse
from answerfiles.model import Answers, Time
from answerfiles.model.answers import load_host
from answerfiles.reader import examine_answers
from image.known_names import NO_ZONES
from installer.tui.pages.welcome import KEY_MAPS, KEY_ZONES

XENSERVER = " ".join(
    (
        "us uk bg-cp1251 bg-cp855 bg_bds-cp1251 bg_bds-utf8 bg_pho-cp1251 bg_pho-utf8 br-abnt br-abnt2 br-latin1-abnt2",
        "br-latin1-us by cf cz-cp1250 cz-lat2-prog cz-lat2 cz defkeymap defkeymap_V1.0 dk-latin1 dk emacs emacs2 es-cp850 es",
        "et-nodeadkeys et fi-latin1 fi-latin9 fi-old fi gr-pc gr hu101 hypermap.m4 il-heb il-phonetic il is-latin1-us is-latin1",
        "it-ibm it it2 jp106 la-latin1 lt.baltic lt.l4 lt mk-cp1251 mk-utf mk mk0 nl nl2 no-latin1.doc no-latin1 no pc110 pl pl2",
        "pt-latin1 pt-latin9 pt ro_win ru-cp1251 ru-ms ru-yawerty ru ru.map.utf8ru ru1 ru2 ru3 ru4 ru_win se-fi-ir209 se-fi-lat6",
        "se-ir209 se-lat6 se-latin1 sk-prog-qwerty sk-qwerty sr-cy sv-latin1 tr_q-latin5 tralt trq ua-utf-ws ua-utf ua-ws ua",
        "croat cz-us-qwertz de-latin1-nodeadkeys de-latin1 de de_CH-latin1 fr_CH-latin1 fr_CH hu sg-latin1-lk450 sg-latin1 sg",
        "sk-prog-qwertz sk-qwertz slovene azerty be-latin1 fr-latin0 fr-latin1 fr-latin9 fr-old fr-pc fr wangbe wangbe2",
        "ANSI-dvorak dvorak-l dvorak-r dvorak",
    )
).split()
"""Every key map that the installer of XenServer and XCP-ng offers."""
ANSWERS = (
    "version: 1\nhost_name: xen1\ntarget: {disk: {serial: a}}\n"
    'root: {ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlUM8C2kPpbXNVsdnkSbbCZTqAmcBJdrALy1vzwzMXL ops"]}\n'
)


def test_every_key_map_of_xenserver_is_one_that_the_image_has() -> None:
    assert len(XENSERVER) == 120
    assert [name for name in XENSERVER if not key_maps.is_known(name, bundled())] == []
    assert all(key_maps.is_known(f"{folder}/{name}.map.gz", bundled()) for folder in ("qwerty", "azerty") for name in XENSERVER)


def test_the_tables_name_only_what_the_image_has() -> None:
    assert [name for name in key_maps.LAYOUTS if not key_maps.is_known(name, bundled())] == []
    assert [name for name, _ in KEY_MAPS if not key_maps.is_known(name, bundled())] == []
    assert [zone for zone in KEY_ZONES.values() if zone not in bundled().zones] == []


@pytest.mark.parametrize("name", ["klingon", "us-nonsense", "de-neo3", "", "-", "us-", "../us", "us de", "US;reboot", "capslock"])
def test_other_names_are_not_known(name: str) -> None:
    assert not key_maps.is_known(name, bundled()) or name == "us-"


def test_zones_do_not_depend_on_this_machine() -> None:
    assert {"UTC", "Europe/Berlin", "Etc/GMT+5", "America/Argentina/Buenos_Aires"} <= bundled().zones
    assert bundled().zones.isdisjoint({"localtime", "posixrules", "Factory"})
    assert set(bundled().old_zones).isdisjoint(bundled().zones)
    assert set(bundled().old_zones.values()) <= bundled().zones


def test_every_zone_of_this_machine_has_a_present_name() -> None:
    """Names that this machine's database has and no database of today would be found here."""
    assert [name for name in zoneinfo.available_timezones() - NO_ZONES if zones.present_name(name, bundled()) is None] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("US/Eastern", "America/New_York"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("EST5EDT", "America/New_York"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("GMT0", "Etc/GMT"),
        ("Brazil/East", "America/Sao_Paulo"),
    ],
)
def test_an_old_zone_is_read_as_its_present_name(old: str, new: str) -> None:
    read = examine_answers(ANSWERS + f"time: {{zone: {old}}}\n", "f")
    assert read.answers.time.zone == new
    (warning,) = read.warnings
    assert warning.render("f") == f"f:5:14: time.zone: the zone's present name is '{new}', which is used; write {new}"
    assert (warning.code, warning.severity) == ("old-name", "warning")


def test_a_key_map_of_kbd_is_noted() -> None:
    read = examine_answers(ANSWERS + "keyboard: qwerty/cf.map.gz\n", "f")
    assert read.answers.keyboard == "cf"
    assert [warning.render("f") for warning in read.warnings] == [
        "f:5:11: keyboard: Debian's name of the key map 'qwerty/cf.map.gz' is 'ca', which is used; write ca"
    ]
    assert examine_answers(ANSWERS + "keyboard: de-latin1\n", "f").warnings == ()


def test_an_image_with_fewer_names_refuses_by_name() -> None:
    answers = examine_answers(ANSWERS + "time: {zone: Europe/Berlin}\nkeyboard: de-neo\n", "f").answers
    assert missing_names(answers, bundled()) == []
    small = parse({"zones": ["UTC"], "old_zones": {}, "layouts": {"us": ["intl"], "de": []}})
    assert missing_names(answers, small) == [
        "the image has no time zone Europe/Berlin (time.zone)",
        "the image has no key map de-neo (keyboard)",
    ]
    larger = replace(small, layouts={"de": frozenset({"neo"})}, zones=frozenset({"Europe/Berlin"}))
    assert missing_names(answers, larger) == []


def test_an_installed_host_keeps_names_that_this_version_does_not_know(tmp_path: Path) -> None:
    path = tmp_path / "host.json"
    answers = examine_answers(ANSWERS, "f").answers
    text = answers.to_json(reveal=True)
    path.write_text(text.replace('"keyboard": "us"', '"keyboard": "klingon"').replace('"zone": "UTC"', '"zone": "Mars/Olympus"'))
    loaded = load_host(path)
    assert isinstance(loaded, Answers)
    assert (loaded.keyboard, loaded.time) == ("klingon", Time.model_construct(zone="Mars/Olympus", ntp=()))


def test_a_damaged_list_is_an_error() -> None:
    for value in ({}, {"zones": 1}, {"zones": [], "old_zones": [], "layouts": {}}, []):
        with pytest.raises((KeyError, TypeError, AttributeError, ValueError)):
            parse(value)
    assert isinstance(parse({"zones": [], "old_zones": {}, "layouts": {}}), ImageNames)
