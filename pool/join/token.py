"""The join token: one line of text with all that a host needs to find its pool, to know it again, and to be let in.

Bytes: checksum (4, of all that follows), the pool's SSH host key (33), the seed of a one-purpose key (32), then fields of one
byte for the kind and their content: ``04`` IPv4 address (4), ``06`` IPv6 address (16), ``10`` port (2; 22 without it).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
from dataclasses import dataclass, field

from dom0kit.errors import UserError
from pool.join import openssh_keys

PREFIX = "d0k1-"
KEY, SEED, CHECK = 33, 32, 4
V4, V6, PORT = 0x04, 0x06, 0x10
SIZES = {V4: 4, V6: 16, PORT: 2}
MOST = 8
"""Addresses; a host tries one after the other."""
WHOLE = "copy all of it again, from 'd0k1-' to the end; capital and small letters differ"
NEW = "make one on the pool's master: dom0ctl pool token create"


@dataclass(frozen=True)
class JoinToken:
    """A token; ``str`` and ``repr`` do not show the secret, :meth:`write` does.

    :param host_key: the pool's SSH host key, a P-256 point in its short form.
    :param seed: of the ed25519 key that the pool lets in.
    :param addresses: where to ask, in this order; IPv4 and IPv6.
    """

    host_key: bytes = field(repr=False)
    seed: bytes = field(repr=False)
    addresses: tuple[str, ...]
    port: int = 22

    @property
    def id(self) -> str:
        """Eight letters and digits that name the token in the open: they follow from the seed, and tell nothing of it."""
        return token_id(self.seed)

    def write(self) -> str:
        """The token's text. It is a secret.

        :raises UserError: when an address is none, or there are none or too many.
        """
        if not 1 <= len(self.addresses) <= MOST:
            raise UserError(f"a join token has 1 to {MOST} addresses, not {len(self.addresses)}", "give --address ADDRESS")
        body = self.host_key + self.seed
        for text in self.addresses:
            try:
                address = ipaddress.ip_address(text)
            except ValueError as error:
                hint = "a token takes addresses, not names: a host that installs may have no name server"
                raise UserError(f"{text!r} is no IP address", hint) from error
            body += bytes([V4 if address.version == 4 else V6]) + address.packed
        if self.port != 22:
            body += bytes([PORT]) + self.port.to_bytes(2, "big")
        raw = hashlib.sha256(body).digest()[:CHECK] + body
        return PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def __str__(self) -> str:
        return f"join token {self.id}"


def token_id(seed: bytes) -> str:
    """A token's name: base32 of the first 40 bits of a hash of its seed."""
    return base64.b32encode(hashlib.sha256(b"dom0kit join token\0" + seed).digest()[:5]).decode().lower()


def is_id(text: str) -> bool:
    """Can this be a token's name?"""
    return re.fullmatch(r"[a-z2-7]{8}", text) is not None


def read_token(text: str) -> JoinToken:
    """A token from its text; white space and line breaks are of no account.

    :raises UserError: when it is none, or mangled. What is wrong is said without the token's text.
    """
    packed = "".join(text.split())
    if not packed.startswith(PREFIX):
        if re.match(r"d0k[0-9]+-", packed):
            raise UserError(
                "this join token is of a newer form than this image knows", "install with an image as new as the pool's"
            )
        raise UserError("this is no join token: it does not begin with 'd0k1-'", NEW)
    body = packed.removeprefix(PREFIX)
    if wrong := re.sub(r"[A-Za-z0-9_-]", "", body):
        raise UserError(f"the join token is mangled: {wrong[0]!r} cannot be in it", WHOLE)
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error as error:
        raise UserError("the join token is mangled: a part of it is missing", WHOLE) from error
    check, rest = raw[:CHECK], raw[CHECK:]
    if len(rest) < KEY + SEED + 5:
        raise UserError("the join token is mangled: a part of it is missing", WHOLE)
    if hashlib.sha256(rest).digest()[:CHECK] != check:
        raise UserError("the join token is mangled: its checksum is wrong", WHOLE)
    return _understood(rest)


def _understood(rest: bytes) -> JoinToken:
    host_key, seed, fields = rest[:KEY], rest[KEY : KEY + SEED], rest[KEY + SEED :]
    addresses: list[str] = []
    port = 22
    try:
        openssh_keys.host_key_line(host_key)
        while fields:
            size = SIZES[fields[0]]
            content, fields = fields[1 : size + 1], fields[size + 1 :]
            if len(content) != size:
                raise ValueError("a field is cut off")
            if size == SIZES[PORT]:
                port = int.from_bytes(content, "big")
            else:
                addresses.append(str(ipaddress.ip_address(content)))
        if not addresses or not port:
            raise ValueError("no address")
    except (ValueError, KeyError) as error:
        # The checksum is right: another program than ours has made it.
        raise UserError("this join token cannot be understood", NEW) from error
    return JoinToken(host_key, seed, tuple(addresses), port)
