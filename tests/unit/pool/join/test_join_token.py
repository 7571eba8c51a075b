"""The join token, and OpenSSH's files, byte for byte."""

from __future__ import annotations

import base64
import ipaddress

import pytest
from fake_runner import FakeRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from dom0kit.errors import UserError
from pool.join import openssh_keys
from pool.join.token import JoinToken, is_id, read_token, token_id

# RFC 8032, 7.1, test 1.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
LINE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
# The generator of P-256 is as good a point as any (SEC 2, 2.4.2).
X = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
Y = bytes.fromhex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5")
HOST_KEY = b"\x03" + X


def token(*addresses: str, port: int = 22) -> JoinToken:
    return JoinToken(HOST_KEY, SEED, addresses or ("192.0.2.10",), port)


def test_a_token_with_one_address_has_about_a_hundred_characters() -> None:
    text = token().write()
    assert text.startswith("d0k1-")
    assert len(text) == 104
    assert read_token(text) == token()


addresses = st.lists(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str), min_size=1, max_size=8)


@settings(deadline=None)  # a busy machine proves nothing
@given(addresses, st.integers(1, 65535), st.binary(min_size=32, max_size=32))
def test_what_is_written_is_read(places: list[str], port: int, seed: bytes) -> None:
    value = JoinToken(HOST_KEY, seed, tuple(places), port)
    assert read_token(value.write()) == value


def test_white_space_and_line_breaks_are_forgiven() -> None:
    text = token("192.0.2.10", "2001:db8::1", port=2222).write()
    broken = f"  {text[:3]} {text[3:60]}\r\n   {text[60:]}\n"
    assert read_token(broken) == token("192.0.2.10", "2001:db8::1", port=2222)


@settings(deadline=None)  # a busy machine proves nothing
@given(st.integers(5, 103), st.sampled_from("ABCabc019-_"))
def test_a_typing_error_is_told_without_the_secret(place: int, letter: str) -> None:
    text = token().write()
    wrong = text[:place] + letter + text[place + 1 :]
    if wrong == text:
        return
    with pytest.raises(UserError, match="damaged") as caught:
        read_token(wrong)
    assert text[20:40] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not a join token"),
        ("hunter2", "this is not a join token"),
        ("d0k2-AAAA", "a newer form"),
        (token().write()[:60], "a part of it is missing"),
        (token().write().replace("d0k1-", "d0k1-*"), "it contains"),
        (token().write() + token().write()[5:], "checksum"),
    ],
)
def test_what_is_no_token_is_refused(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_token(text)
    assert caught.value.hint
    assert "hunter2" not in str(caught.value)


def test_a_token_does_not_show_its_secret() -> None:
    value = token()
    shown = f"{value} {value!r}"
    assert value.write() not in shown
    assert SEED.hex() not in shown
    assert str(SEED) not in shown
    assert str(value) == f"join token {token_id(SEED)}"
    assert is_id(value.id)
    assert not is_id("../../etc")


def test_names_are_no_addresses() -> None:
    with pytest.raises(UserError, match="not an IP address"):
        token("pool.example.net").write()
    with pytest.raises(UserError, match="1 to 8 addresses"):
        JoinToken(HOST_KEY, SEED, ()).write()


def test_a_host_key_that_is_no_point_is_refused_although_the_checksum_fits() -> None:
    text = JoinToken(b"\x02" + b"\xff" * 32, SEED, ("192.0.2.1",)).write()
    with pytest.raises(UserError, match="content of this join token is invalid"):
        read_token(text)


def test_the_public_key_is_openssls() -> None:
    pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n"
    runner = FakeRunner({"openssl": pem})
    assert openssh_keys.public_of(SEED, runner) == PUBLIC
    body = base64.b64decode(str(runner.requests[0].stdin).splitlines()[1])
    assert body.endswith(SEED)
    assert len(body) == 48
    assert openssh_keys.ed25519_line(PUBLIC) == LINE


def test_the_private_key_is_openssh_s_file() -> None:
    lines = openssh_keys.private_key(SEED, PUBLIC, "c").splitlines()
    assert lines[0] == "-----BEGIN OPENSSH PRIVATE KEY-----"
    assert lines[-1] == "-----END OPENSSH PRIVATE KEY-----"
    assert max(map(len, lines)) <= 70
    blob = base64.b64decode("".join(lines[1:-1]))
    assert blob.startswith(b"openssh-key-v1\0\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\x01")
    assert SEED + PUBLIC in blob
    # The secret part is a multiple of eight bytes, filled up with 1, 2, 3 (PROTOCOL.key).
    secret = blob[blob.index(b"ssh-ed25519", 80) - 12 - 4 :]
    assert int.from_bytes(secret[:4], "big") == len(secret) - 4
    assert (len(secret) - 4) % 8 == 0


@pytest.mark.parametrize("parity", [2, 3])
def test_a_host_key_s_short_form_is_the_same_key(parity: int) -> None:
    line = openssh_keys.host_key_line(bytes([parity]) + X)
    assert openssh_keys.short_host_key(f"{line} root@master\n") == bytes([parity]) + X
    y = base64.b64decode(line.split()[1])[-32:]
    assert (y == Y) == (parity == 3)


@pytest.mark.parametrize("text", ["", LINE, "ecdsa-sha2-nistp256 AAAA", "ecdsa-sha2-nistp256 *"])
def test_other_host_keys_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no[t ]"):
        openssh_keys.short_host_key(text)


def test_ipv6_is_packed() -> None:
    value = token("2001:db8::1")
    assert ipaddress.ip_address("2001:db8::1").packed in base64.urlsafe_b64decode(value.write()[5:] + "===")
