"""SSH keys between the hosts of a pool: pure functions on lines of files, and atomic writes.

Ganeti appends to ``authorized_keys`` without fsync: a power cut left hundreds of NUL bytes there,
and no later join could log in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from pool.ganeti.ssconf import PUBLIC_KEYS

if TYPE_CHECKING:
    from pool.host_access import HostAccess

AUTHORIZED = "root/.ssh/authorized_keys"
KINDS = ("ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-ed25519")


def is_public_key(text: str) -> bool:
    """Whether the text is one line with a plain public key, without options in front of it."""
    words = text.split()
    return "\n" not in text.strip() and "\0" not in text and len(words) >= 2 and words[0] in KINDS


def with_keys(text: str, keys: Iterable[str]) -> str:
    """Return ``authorized_keys`` with these keys added; lines damaged by a power cut are removed."""
    lines = [line for line in text.split("\n") if line.strip() and "\0" not in line]
    known = {tuple(line.split()[:2]) for line in lines}
    lines += [key.strip() for key in keys if tuple(key.split()[:2]) not in known]
    return "".join(f"{line}\n" for line in lines)


def without_owner(text: str, owner: str) -> str:
    """Return ``ganeti_pub_keys`` without the lines of one owner.

    Its lines are ``UUID KEY``, and ``NAME KEY`` while a host is being added.
    """
    return "".join(line for line in text.splitlines(keepends=True) if line.split(" ", 1)[0] != owner)


def authorize_keys(access: HostAccess, keys: Iterable[str]) -> bool:
    """Authorize keys to log in as root.

    :returns: whether the file was changed.
    :raises UserError: when a key is not a plain public key.
    """
    wanted = list(keys)
    for key in wanted:
        if not is_public_key(key):
            raise UserError("the pool sent an invalid public SSH key", "compare the dom0kit versions of the master and this host")
    folder = access.path(AUTHORIZED).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return access.write(AUTHORIZED, with_keys(access.read(AUTHORIZED), wanted), 0o600)


def remove_partial_keys(access: HostAccess, name: str) -> bool:
    """Remove the keys that an interrupted addition has left under the host's name.

    Runs on the master.

    Otherwise the next addition would give the host two keys, and ``gnt-cluster verify`` reports
    ENODESSH from then on.

    :returns: whether there were any.
    """
    before = access.read(PUBLIC_KEYS)
    after = without_owner(before, name)
    return after != before and access.write(PUBLIC_KEYS, after, 0o600)
