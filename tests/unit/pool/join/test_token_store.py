"""The pool's book of tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

from dom0kit.errors import UserError
from pool.driver import JoiningHost
from pool.join.token_store import KEPT, TokenRecord, TokenStore, keys_text

NOW = 1_800_000_000.0
ID, OTHER = "aaaabbbb", "ccccdddd"
KEY = "ssh-ed25519 AAAA"
ONE = JoiningHost("h1", ("192.0.2.20",), "0.1.0", "ganeti 3.1.0", "u1", key="ssh-ed25519 ONE")
TWO = JoiningHost("h2", ("192.0.2.21",), "0.1.0", "ganeti 3.1.0", "u2", key="ssh-ed25519 TWO")


def entry(**values: object) -> TokenRecord:
    return TokenRecord(**{"id": ID, "key": KEY, "made": NOW, "expires": NOW + 3600, "uses": 1, **values})  # type: ignore[arg-type]


def code(store: TokenStore, host: JoiningHost, now: float = NOW) -> str:
    problem = store.use(ID, host, now)
    return problem.code if problem else ""


def test_uses_hold_and_a_host_that_comes_again_has_its_use(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.add(entry(), NOW)
    assert code(store, ONE) == ""
    assert code(store, TWO) == "used-up"
    assert code(store, ONE) == ""
    assert TokenStore(tmp_path).read(ID) == store.read(ID)
    assert store.keys() == {"h1": "ssh-ed25519 ONE"}


def test_another_machine_of_the_same_name_needs_a_use_of_its_own(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.add(entry(), NOW)
    code(store, ONE)
    assert code(store, JoiningHost("h1", (), "", "", "u9")) == "used-up"


def test_any_number_of_uses(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.add(entry(uses=None), NOW)
    assert [code(store, JoiningHost(f"h{n}", (), "", "", str(n))) for n in range(20)] == [""] * 20


def test_it_expires(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.add(entry(), NOW)
    assert code(store, ONE, NOW + 3599) == ""
    assert code(store, ONE, NOW + 3600) == "expired"


def test_a_revoked_token_loses_its_key(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    store = TokenStore(tmp_path, replicate=lambda files: seen.append([path.name for path in files]))
    store.add(entry(), NOW)
    store.add(entry(id=OTHER), NOW)
    assert store.keys_file.read_text().count("restrict,command=") == 2
    assert store.keys_file.stat().st_mode & 0o777 == 0o600
    store.revoke(ID, NOW + 1)
    text = store.keys_file.read_text()
    assert ID not in text
    assert f'restrict,command="/usr/bin/dom0ctl pool answer {OTHER}" {KEY}' in text
    assert code(store, ONE) == "token"
    # The other candidates get it immediately, and a second revocation changes nothing.
    assert seen[-1] == [f"{ID}.json", "root"]
    assert store.revoke(ID, NOW + 99).revoked == NOW + 1


def test_an_expired_token_may_ask_for_a_while_and_is_forgotten_then(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.add(entry(), NOW)
    assert ID in keys_text(store.records(), NOW + 7200, "x")
    assert ID not in keys_text(store.records(), NOW + 3600 + KEPT, "x")
    store.add(entry(id=OTHER, made=NOW + KEPT * 2, expires=NOW + KEPT * 3), NOW + 3601 + KEPT)
    assert store.read(ID) is None


def test_a_page_that_tells_who_joined_stays(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    store.add(entry(), NOW)
    code(store, ONE)
    store.add(entry(id=OTHER, expires=NOW + KEPT * 3), NOW + 3601 + KEPT)
    assert store.keys() == {"h1": "ssh-ed25519 ONE"}


@pytest.mark.parametrize("name", ["", "../../../etc/shadow", "AAAABBBB", "aaaabbbb/", "aaaabbb1"])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="not a token's ID"):
        TokenStore(tmp_path).read(name)


def test_unknown_and_damaged(tmp_path: Path) -> None:
    store = TokenStore(tmp_path)
    assert code(store, ONE) == "token"
    with pytest.raises(UserError, match="there is no join token"):
        store.revoke(ID, NOW)
    store.path(ID).write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        store.read(ID)
    assert store.records() == []
