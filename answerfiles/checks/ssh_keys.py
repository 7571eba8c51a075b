"""Public SSH keys: whether the data after the type is a whole key of that type (RFC 4253, 5656, 8709; OpenSSH's PROTOCOL.u2f)."""

from __future__ import annotations

import base64
import binascii
import struct

POINTS = {"nistp256": 65, "nistp384": 97, "nistp521": 133}
"""Bytes of an uncompressed point by curve."""
LEAST_RSA_BITS = 1024
"""OpenSSH's own limit (RequiredRSASize in sshd_config(5))."""


class Truncated(Exception):
    """The data ends inside a field."""


def fault(kind: str, encoded: str) -> str:
    """Return what is wrong with a key's data; "" when it is whole.

    :param kind: the type before the data, as ``ssh-ed25519``.
    :param encoded: the data in base64.
    """
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return "its data is not base64: a character is missing, or there is one too many"
    try:
        fields = split(data)
    except Truncated:
        return "its data is cut off"
    named = fields[0].decode("ascii", "replace") if fields else ""
    if named != kind:
        return f"its data is a key of type {named!r}"
    return body_fault(kind, fields[1:])


def split(data: bytes) -> list[bytes]:
    """Return the fields of a key: each is four bytes of length and so many bytes.

    :raises Truncated: when the data ends inside one.
    """
    fields = []
    while data:
        if len(data) < 4:
            raise Truncated
        (length,) = struct.unpack(">I", data[:4])
        if len(data) < 4 + length:
            raise Truncated
        fields.append(data[4 : 4 + length])
        data = data[4 + length :]
    return fields


def body_fault(kind: str, fields: list[bytes]) -> str:
    """Return what is wrong with the fields after a key's type; "" when they fit it."""
    expected = {"ssh-rsa": 2, "ssh-ed25519": 1, "sk-ssh-ed25519@openssh.com": 2, "sk-ecdsa-sha2-nistp256@openssh.com": 3}
    count = expected.get(kind, 2)
    if len(fields) != count:
        return "its data is cut off" if len(fields) < count else "its data goes on after the key"
    if kind == "ssh-rsa":
        bits = int.from_bytes(fields[1], "big").bit_length()
        return f"it has {bits} bits, and OpenSSH takes {LEAST_RSA_BITS} and more" if bits < LEAST_RSA_BITS else ""
    if "ed25519" in kind:
        return "" if len(fields[0]) == 32 else "its data is cut off"
    curve = kind.removeprefix("sk-").removeprefix("ecdsa-sha2-").partition("@")[0]
    whole = fields[0] == curve.encode() and len(fields[1]) == POINTS[curve] and fields[1][:1] == b"\x04"
    return "" if whole else f"its data is no point of the curve {curve}"
