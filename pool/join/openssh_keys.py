"""OpenSSH key formats as pure functions.

Private key, public keys, and a host key in its short form.

Formats: PROTOCOL.key of OpenSSH (private key), RFC 8709 (ed25519), RFC 5656 (ECDSA), RFC 8410 (PKCS
#8 of ed25519), SEC 1 (compressed points).
"""

from __future__ import annotations

import base64
import binascii
import struct

from dom0kit.errors import UserError
from dom0kit.process import COMMAND_SECONDS, Runner, run

ED25519 = "ssh-ed25519"
P256 = "ecdsa-sha2-nistp256"
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_PKCS8 = bytes.fromhex("302e020100300506032b657004220420")
"""RFC 8410: the bytes in front of the seed of an ed25519 private key."""


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


def ed25519_line(public: bytes) -> str:
    """Return a public key of 32 bytes as in ``authorized_keys``, without a comment."""
    blob = _string(ED25519.encode()) + _string(public)
    return f"{ED25519} {base64.b64encode(blob).decode()}"


def is_ed25519_line(line: str) -> bool:
    """Whether a text is an ed25519 public key without options and comment."""
    name, _, text = line.partition(" ")
    head = _string(ED25519.encode()) + struct.pack(">I", 32)
    try:
        blob = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return name == ED25519 and len(blob) == len(head) + 32 and blob.startswith(head) and ed25519_line(blob[-32:]) == line


def private_key(seed: bytes, public: bytes, comment: str = "") -> str:
    """Return the file of an ed25519 key without a passphrase.

    :param seed: 32 bytes.
    :param public: the matching public key, 32 bytes; ssh does not verify it, and signatures with a
        wrong one are rejected.
    """
    name = _string(ED25519.encode())
    # Two equal numbers by which a wrong passphrase is detected; there is none here.
    secret = struct.pack(">II", 0, 0) + name + _string(public) + _string(seed + public) + _string(comment.encode())
    secret += bytes(range(1, -len(secret) % 8 + 1))
    blob = b"openssh-key-v1\0" + _string(b"none") + _string(b"none") + _string(b"") + struct.pack(">I", 1)
    text = base64.b64encode(blob + _string(name + _string(public)) + _string(secret)).decode()
    lines = [text[at : at + 70] for at in range(0, len(text), 70)]
    return "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----"]) + "\n"


def public_of(seed: bytes, runner: Runner = run) -> bytes:
    """Return the public key of an ed25519 seed, computed by openssl.

    Python's library has no elliptic curves.

    :raises UserError: when openssl is not installed or fails.
    """
    body = base64.b64encode(_PKCS8 + seed).decode()
    pem = f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n"
    text = runner(["openssl", "pkey", "-pubout"], stdin=pem, timeout=COMMAND_SECONDS).output
    raw = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-----")))
    if len(raw) != 44:
        raise UserError("openssl printed no ed25519 public key", "check that openssl supports ed25519: openssl version")
    return raw[-32:]


def short_host_key(line: str) -> bytes:
    """Return a P-256 host key as 33 bytes (a compressed point) from the text of its ``.pub`` file.

    :raises ValueError: when it is not such a key.
    """
    words = line.split()
    if len(words) < 2 or words[0] != P256:
        raise ValueError(f"no {P256} key")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    head = _string(P256.encode()) + _string(b"nistp256") + struct.pack(">I", 65) + b"\x04"
    if len(blob) != len(head) + 64 or not blob.startswith(head):
        raise ValueError(f"no {P256} key")
    x, y = blob[-64:-32], blob[-32:]
    short = bytes([2 + (y[-1] & 1)]) + x
    if _point(short) != x + y:
        raise ValueError("not a point of the curve")
    return short


def host_key_line(short: bytes) -> str:
    """Return a P-256 host key as in ``known_hosts`` from its 33 bytes.

    :raises ValueError: when they are not a point of the curve.
    """
    blob = _string(P256.encode()) + _string(b"nistp256") + _string(b"\x04" + _point(short))
    return f"{P256} {base64.b64encode(blob).decode()}"


def _point(short: bytes) -> bytes:
    """Return both coordinates of a compressed point, 64 bytes.

    y is the root of x^3 - 3x + b whose parity the first byte gives (SEC 1, 2.3.4).
    """
    if len(short) != 33 or short[0] not in (2, 3):
        raise ValueError("not a compressed point")
    x = int.from_bytes(short[1:], "big")
    square = (pow(x, 3, _P) - 3 * x + _B) % _P
    y = pow(square, (_P + 1) // 4, _P)
    if x >= _P or y * y % _P != square:
        raise ValueError("no point of the curve")
    if y & 1 != short[0] & 1:
        y = _P - y
    return short[1:] + y.to_bytes(32, "big")
