"""The pool's book of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from pool.driver import Joiner
from pool.join.token_store import KEPT, Entry, Ledger, keys_text

NOW = 1_800_000_000.0
ID, OTHER = "aaaabbbb", "ccccdddd"
KEY = "ssh-ed25519 AAAA"
ONE = Joiner("h1", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u1")
TWO = Joiner("h2", ("192.0.2.21",), "0.1.0", "ganeti 3.1.0", "u2")


def entry(**values: object) -> Entry:
    return Entry(**{"id": ID, "key": KEY, "made": NOW, "expires": NOW + 3600, "uses": 1, **values})  # type: ignore[arg-type]


def code(ledger: Ledger, joiner: Joiner, now: float = NOW) -> str:
    problem = ledger.use(ID, joiner, now)
    return problem.code if problem else ""


def test_uses_hold_and_a_host_that_comes_again_has_its_use(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(entry(), NOW)
    assert code(ledger, ONE) == ""
    assert code(ledger, TWO) == "used-up"
    assert code(ledger, ONE) == ""
    assert Ledger(tmp_path).read(ID) == ledger.read(ID)
    assert ledger.uuids() == {"h1": "u1"}


def test_another_machine_of_the_same_name_needs_a_use_of_its_own(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(entry(), NOW)
    code(ledger, ONE)
    assert code(ledger, Joiner("h1", (), "", "", "u9")) == "used-up"


def test_any_number_of_uses(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(entry(uses=None), NOW)
    assert [code(ledger, Joiner(f"h{n}", (), "", "", str(n))) for n in range(20)] == [""] * 20


def test_it_expires(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(entry(), NOW)
    assert code(ledger, ONE, NOW + 3599) == ""
    assert code(ledger, ONE, NOW + 3600) == "expired"


def test_a_revoked_token_loses_its_key(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    ledger = Ledger(tmp_path, spread=lambda files: seen.append([path.name for path in files]))
    ledger.add(entry(), NOW)
    ledger.add(entry(id=OTHER), NOW)
    assert ledger.keys_file.read_text().count("restrict,command=") == 2
    assert ledger.keys_file.stat().st_mode & 0o777 == 0o600
    ledger.revoke(ID, NOW + 1)
    text = ledger.keys_file.read_text()
    assert ID not in text
    assert f'restrict,command="/usr/bin/dom0ctl pool answer {OTHER}" {KEY}' in text
    assert code(ledger, ONE) == "token"
    # The other candidates hear of it at once, and a second revocation changes nothing.
    assert seen[-1] == [f"{ID}.json", "root"]
    assert ledger.revoke(ID, NOW + 99).revoked == NOW + 1


def test_an_expired_token_may_ask_for_a_while_and_is_forgotten_then(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(entry(), NOW)
    assert ID in keys_text(ledger.all(), NOW + 7200, "x")
    assert ID not in keys_text(ledger.all(), NOW + 3600 + KEPT, "x")
    ledger.add(entry(id=OTHER, made=NOW + KEPT * 2, expires=NOW + KEPT * 3), NOW + 3601 + KEPT)
    assert ledger.read(ID) is None


def test_a_page_that_tells_who_joined_stays(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.add(entry(), NOW)
    code(ledger, ONE)
    ledger.add(entry(id=OTHER, expires=NOW + KEPT * 3), NOW + 3601 + KEPT)
    assert ledger.uuids() == {"h1": "u1"}


@pytest.mark.parametrize("name", ["", "../../../etc/shadow", "AAAABBBB", "aaaabbbb/", "aaaabbb1"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no token's name"):
        Ledger(tmp_path).read(name)


def test_unknown_and_damaged(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert code(ledger, ONE) == "token"
    with pytest.raises(UserError, match="there is no join token"):
        ledger.revoke(ID, NOW)
    ledger.path(ID).write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        ledger.read(ID)
    assert ledger.all() == []
