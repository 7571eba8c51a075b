"""SSH keys between the hosts of a pool, as pure functions on the lines of files, and their writing.

Ganeti appends to ``authorized_keys`` without fsync: a power cut left hundreds of NUL bytes there, and no later join could log
in. What is written here is written whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from pool.ganeti.ssconf import PUBLIC_KEYS

if TYPE_CHECKING:
    from pool.host_access import Place

AUTHORIZED = "root/.ssh/authorized_keys"
OWN_KEYS = ("root/.ssh/id_rsa.pub", "root/.ssh/id_ecdsa.pub")
"""Where Ganeti keeps the key of a host, by its key types; the first one that is there counts."""
KINDS = ("ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519")


def is_public_key(text: str) -> bool:
    """Is this one line with a plain public key, without options in front of it?"""
    words = text.split()
    return "\n" not in text.strip() and "\0" not in text and len(words) >= 2 and words[0] in KINDS


def with_keys(text: str, keys: Iterable[str]) -> str:
    """``authorized_keys`` with these keys; lines that a power cut spoilt go, everything else stays as it is."""
    lines = [line for line in text.split("\n") if line.strip() and "\0" not in line]
    known = {tuple(line.split()[:2]) for line in lines}
    lines += [key.strip() for key in keys if tuple(key.split()[:2]) not in known]
    return "".join(f"{line}\n" for line in lines)


def without_owner(text: str, owner: str) -> str:
    """``ganeti_pub_keys`` (lines ``UUID KEY``, ``NAME KEY`` while a host is being added) without the lines of one owner."""
    return "".join(line for line in text.splitlines(keepends=True) if line.split(" ", 1)[0] != owner)


def own_key(place: Place) -> str:
    """This host's public key in the pool.

    :raises UserError: when there is none.
    """
    for name in OWN_KEYS:
        if is_public_key(key := place.read(name)):
            return key.strip()
    raise UserError("this host has no SSH key of the pool's", "is it in a pool? dom0ctl pool status")


def let_in(place: Place, keys: Iterable[str]) -> bool:
    """Let the holders of these keys log in as root. Was the file changed?

    :raises UserError: for what is no plain public key.
    """
    wanted = list(keys)
    for key in wanted:
        if not is_public_key(key):
            raise UserError("the pool sent something that is no public SSH key", "is its software the same as this host's?")
    folder = place.path(AUTHORIZED).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place.write(AUTHORIZED, with_keys(place.read(AUTHORIZED), wanted), 0o600)


def forget_half_added(place: Place, name: str) -> bool:
    """On the master: the keys that an addition which was cut off has left under the host's name.

    The next addition would give the host two keys, and ``gnt-cluster verify`` says ENODESSH from then on. Were there any?
    """
    before = place.read(PUBLIC_KEYS)
    after = without_owner(before, name)
    return after != before and place.write(PUBLIC_KEYS, after, 0o600)
