"""No secret in any spelling gets through."""

from __future__ import annotations

import json
import shlex
from urllib.parse import quote

import pytest

from dom0kit.redact import MASK, Redactor, leaks, secrets_in, secrets_in_text

ODD = "p\"ä\\w o'rd/100%"


@pytest.mark.parametrize("secret", ["chap-SECRET-9876", ODD])
def test_every_spelling(secret: str) -> None:
    redactor = Redactor()
    redactor.add([secret])
    for text in (secret, json.dumps({"x": secret}), json.dumps(secret, ensure_ascii=False), quote(secret, safe=""), repr(secret)):
        assert secret not in redactor(text)
        assert MASK in redactor(text)
    assert MASK in redactor(f"+ iscsiadm --value {shlex.quote(secret)}")
    assert redactor.value({"a": [secret, 1, {"b": f"<{secret}>"}]}) == {"a": [MASK, 1, {"b": f"<{MASK}>"}]}


def test_hashes_and_bearers_are_known_by_their_look() -> None:
    redactor = Redactor()
    for text in (
        "$6$saltsalt$abcdefgh./XYZ",
        "$y$j9T$abc./def$0123456789abcdef",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$1$ab$0123456789abcd",
    ):
        assert redactor(f'root:{text}:19000 "{text}"') == f'root:{MASK}:19000 "{MASK}"'
    assert redactor("Authorization: Bearer abc.def-1") == f"Authorization: Bearer {MASK}"
    assert redactor("it costs $5 and $6") == "it costs $5 and $6"


def test_short_secrets_only_as_words_and_references_not_at_all() -> None:
    redactor = Redactor()
    redactor.add(["abc", "env:TOKEN", "file:/etc/x", "", "none"])
    assert redactor("abc abcdef env:TOKEN file:/etc/x none") == f"{MASK} abcdef env:TOKEN file:/etc/x none"


def test_the_longer_secret_leaves_no_rest() -> None:
    redactor = Redactor()
    redactor.add(["secret1"])
    redactor.add(["secret1-and-more"])
    assert redactor("secret1-and-more") == MASK


def test_leaks_are_shown_masked() -> None:
    assert leaks("fine\nx tok-SECRET y\nalso $6$saltsalt$abcdefgh\n", ["tok-SECRET"]) == [f"x {MASK} y", f"also {MASK}"]


def test_secrets_by_their_keys() -> None:
    answers = {
        "root": {"password_hash": "h1", "ssh_keys": ["k"]},
        "reports": {"webhook": {"token": "t1", "url": "u"}},
        "chap": {"secret": "s"},
    }
    assert secrets_in(answers) == {"h1", "t1", "s"}


def test_secrets_in_a_text_that_cannot_be_read() -> None:
    yaml = "root: {password: hunter2, x: 1}\n  token: 'tok 123' # mine\n# password: comment\nsecret: env:NAME\nhost_name: web1\n"
    found = secrets_in_text(yaml)
    assert any("hunter2" in secret for secret in found)
    assert "tok 123" in found
    assert not any("NAME" in secret or "web1" in secret or "comment" in secret for secret in found)
    assert secrets_in_text('<root-password type="plaintext"> s3cret </root-password><name>x</name>') == {"s3cret"}
