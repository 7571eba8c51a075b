"""The join token: one line of text by which a host finds its pool, verifies it and is admitted.

Bytes: checksum (4, of all that follows), the pool's SSH host key (33), the seed of a single-purpose
key (32), then fields of one byte for the kind and their content: ``04`` IPv4 address (4), ``06``
IPv6 address (16), ``10`` port (2; 22 without it).
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
MAX_ADDRESSES = 8
"""A host tries the addresses in order."""
COPY_HINT = "copy the whole token again, from 'd0k1-' to the end; it is case-sensitive"
NEW_HINT = "create a token on the pool's master: dom0ctl pool token create"


@dataclass(frozen=True)
class JoinToken:
    """A join token; ``str`` and ``repr`` do not contain the secret, :meth:`write` does.

    :param host_key: the pool's SSH host key, a compressed P-256 point.
    :param seed: of the ed25519 key that the pool accepts.
    :param addresses: addresses of the pool in order, IPv4 and IPv6.
    """

    host_key: bytes = field(repr=False)
    seed: bytes = field(repr=False)
    addresses: tuple[str, ...]
    port: int = 22

    @property
    def id(self) -> str:
        """Eight letters and digits that identify the token in public.

        Derived from the seed by a hash.
        """
        return token_id(self.seed)

    def write(self) -> str:
        """Return the token's text, which is a secret.

        :raises UserError: when an address is invalid, or there are none or too many.
        """
        if not 1 <= len(self.addresses) <= MAX_ADDRESSES:
            raise UserError(
                f"a join token has 1 to {MAX_ADDRESSES} addresses, not {len(self.addresses)}", "use --address ADDRESS"
            )
        body = self.host_key + self.seed
        for text in self.addresses:
            try:
                address = ipaddress.ip_address(text)
            except ValueError as error:
                hint = "use an address, not a name: during an installation there may be no name server"
                raise UserError(f"{text!r} is not an IP address", hint) from error
            body += bytes([V4 if address.version == 4 else V6]) + address.packed
        if self.port != 22:
            body += bytes([PORT]) + self.port.to_bytes(2, "big")
        raw = hashlib.sha256(body).digest()[:CHECK] + body
        return PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def __str__(self) -> str:
        return f"join token {self.id}"


def token_id(seed: bytes) -> str:
    """Return a token's ID: base32 of the first 40 bits of a hash of its seed."""
    return base64.b32encode(hashlib.sha256(b"dom0kit join token\0" + seed).digest()[:5]).decode().lower()


def is_id(text: str) -> bool:
    """Whether the text can be a token's ID."""
    return re.fullmatch(r"[a-z2-7]{8}", text) is not None


def read_token(text: str) -> JoinToken:
    """Parse a token; white space and line breaks are ignored.

    :raises UserError: when the text is not a token or is damaged; the message does not contain the
        token.
    """
    packed = "".join(text.split())
    if not packed.startswith(PREFIX):
        if re.match(r"d0k[0-9]+-", packed):
            raise UserError(
                "this join token has a newer format than this image supports", "install with an image as new as the pool's"
            )
        raise UserError("this is not a join token: it does not begin with 'd0k1-'", NEW_HINT)
    body = packed.removeprefix(PREFIX)
    if wrong := re.sub(r"[A-Za-z0-9_-]", "", body):
        raise UserError(f"the join token is damaged: it contains {wrong[0]!r}", COPY_HINT)
    try:
        raw = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    except binascii.Error as error:
        raise UserError("the join token is damaged: a part of it is missing", COPY_HINT) from error
    check, rest = raw[:CHECK], raw[CHECK:]
    if len(rest) < KEY + SEED + 5:
        raise UserError("the join token is damaged: a part of it is missing", COPY_HINT)
    if hashlib.sha256(rest).digest()[:CHECK] != check:
        raise UserError("the join token is damaged: its checksum is wrong", COPY_HINT)
    return _parse_body(rest)


def _parse_body(rest: bytes) -> JoinToken:
    host_key, seed, fields = rest[:KEY], rest[KEY : KEY + SEED], rest[KEY + SEED :]
    addresses: list[str] = []
    port = 22
    try:
        openssh_keys.host_key_line(host_key)
        while fields:
            size = SIZES[fields[0]]
            content, fields = fields[1 : size + 1], fields[size + 1 :]
            if len(content) != size:
                raise ValueError("a field is incomplete")
            if size == SIZES[PORT]:
                port = int.from_bytes(content, "big")
            else:
                addresses.append(str(ipaddress.ip_address(content)))
        if not addresses or not port:
            raise ValueError("no address")
    except (ValueError, KeyError) as error:
        # The checksum is correct: the token was made by another program.
        raise UserError("the content of this join token is invalid", NEW_HINT) from error
    return JoinToken(host_key, seed, tuple(addresses), port)
