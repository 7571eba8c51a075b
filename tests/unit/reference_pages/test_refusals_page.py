"""The reference page of refusals, and the rules for their codes."""

from __future__ import annotations

import re
from pathlib import Path

from dom0kit.refusals import Refusal
from pool.refusals import POOL_REFUSALS
from reference_pages.refusals import TABLES

PROJECT = Path(__file__).resolve().parents[3]
ALL = [refusal for table in TABLES for refusal in table.refusals]


def test_codes_are_unique_and_well_formed() -> None:
    codes = [refusal.code for refusal in ALL]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", code), code


def test_every_refusal_has_a_meaning_and_a_hint() -> None:
    for refusal in ALL:
        assert refusal.meaning.endswith("."), refusal.code
        assert refusal.hint.endswith("."), refusal.code
        assert "|" not in refusal.meaning + refusal.hint, refusal.code


def test_every_refusal_of_the_source_is_on_the_page() -> None:
    packages = ("dom0kit", "installer", "pool", "firstboot", "upgrade")
    sources = [path.read_text() for package in packages for path in (PROJECT / package).rglob("*.py")]
    defined = [code for text in sources for code in re.findall(r"= Refusal\(\s*\"([^\"]+)\"", text)]
    pool = [reason.refusal.code for reason in POOL_REFUSALS]
    assert sorted([*defined, *pool]) == sorted(refusal.code for refusal in ALL)


def test_every_refusal_of_the_installer_is_used() -> None:
    names = re.findall(r"^([A-Z0-9_]+) = Refusal\(", (PROJECT / "installer/model/refusals.py").read_text(), re.MULTILINE)
    sources = "".join(path.read_text() for path in (PROJECT / "installer").rglob("*.py") if path.name != "refusals.py")
    assert [name for name in names if f"refusals.{name}" not in sources] == []


def test_code_ends_the_first_line() -> None:
    refusal = Refusal("disk-odd", "It is odd.", "Use another.")
    assert refusal.text("sda is odd") == "sda is odd [disk-odd]"
    assert refusal.text("none match:\n    sda: odd") == "none match [disk-odd]:\n    sda: odd"
