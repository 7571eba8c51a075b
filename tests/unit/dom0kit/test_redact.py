"""No secret in any spelling gets through."""

from __future__ import annotations

import base64
import html
import json
import shlex
import textwrap
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


SECRETS = ["chap-SECRET-9876", ODD, "d0k1-QWERTYuiop_-asdf0123456789", "a b+c/d=e&f%41g<h>i12", "\\new\\table\\x41 and 12345"]


def _lower(secret: str) -> str:
    """Return a URL's spelling with hexadecimal digits in lower case."""
    return "".join(quote(c, safe="").lower() if quote(c, safe="") != c else c for c in secret)


ENCODERS: dict[str, Callable[[str], str]] = {
    "basic": lambda secret: "Authorization: Basic " + base64.b64encode(f"root:{secret}".encode()).decode(),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64-url": lambda secret: base64.urlsafe_b64encode(f"xy{secret}z".encode()).decode(),
    "base64-wrapped": lambda secret: textwrap.fill(base64.b64encode(f"x{secret}".encode()).decode(), 11),
    "hex": lambda secret: secret.encode().hex(),
    "hex-upper-colons": lambda secret: secret.encode().hex(":").upper(),
    "url-lower": _lower,
    "url-plus": quote_plus,
    "url-twice": lambda secret: quote(quote(secret, safe=""), safe=""),
    "entities": html.escape,
    "entities-twice": lambda secret: html.escape(html.escape(secret)),
    "entities-numbers": lambda secret: "".join(f"&#{ord(c)};" for c in secret),
    "entities-hex": lambda secret: "".join(f"&#x{ord(c):X};" for c in secret),
    "json-in-json": lambda secret: json.dumps({"a": json.dumps({"b": secret})}),
    "json-in-json-in-json": lambda secret: json.dumps(json.dumps(json.dumps(secret))),
    "escaped-blanks": lambda secret: secret.replace("\\", "\\\\").replace(" ", "\\x20"),
    "all-bytes": lambda secret: "".join(f"\\x{b:02x}" for b in secret.encode()),
    "octal": lambda secret: "".join(f"\\{b:03o}" for b in secret.encode()),
    "python-bytes": lambda secret: repr(secret.encode()),
    "wrapped": lambda secret: "\n    ".join(secret[i : i + 5] for i in range(0, len(secret), 5)),
    "shell-in-shell": lambda secret: shlex.quote(shlex.join(["sh", "-c", shlex.join(["x", secret])])),
}


@pytest.mark.parametrize("name", ENCODERS)
@pytest.mark.parametrize("secret", SECRETS, ids=range(len(SECRETS)))
def test_what_encodes_a_secret_does_not_hide_it(name: str, secret: str) -> None:
    if name == "wrapped" and "\\" in secret:
        pytest.skip("a documented rest: wrapped within an escape")
    redactor = Redactor()
    redactor.add([secret])
    encoded = ENCODERS[name](secret)
    shown = redactor(f"said: {encoded} and more")
    assert MASK in shown
    assert shown.startswith("said: ") or name == "python-bytes"
    assert shown.endswith(" and more")
    rest = shown.removeprefix("said: ").removesuffix(" and more").replace(MASK, "")
    assert len(rest) < 24 or "shell" in name
    for length in range(6, len(secret)):
        assert not any(secret[i : i + length] in rest for i in range(len(secret) - length))


@given(st.text(min_size=1), st.text(), st.text())
def test_no_text_breaks_the_filter_and_no_secret_gets_through(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.add([secret])
    shown = redactor(before + secret + after)
    assert secret not in shown or len(secret) < 6 or secret in MASK or redactor(secret) == secret


def test_texts_without_the_secret_stay_as_they_are() -> None:
    redactor = Redactor()
    redactor.add(["correct horse battery staple"])
    for text in ("a correct horse", "100%25 of \\x41 &amp; \\\\ \n", "Basic of all", "hex 636f7272 63 74"):
        assert redactor(text) == text
