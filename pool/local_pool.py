"""The pool of this host for ``dom0ctl pool``: its token store, its host key, the addresses to contact it at."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from pool.ganeti.facts import candidates
from pool.join import openssh_keys
from pool.join.pool_facts import PoolFacts
from pool.join.token_store import TokenStore

HOST_KEY = "etc/ssh/ssh_host_ecdsa_key.pub"
PROGRAM = "usr/bin/dom0ctl"


def token_store(root: Path) -> TokenStore:
    """Return the token store of this host.

    It replicates changes to the other master candidates when the image contains Ganeti.
    """
    command = f"{root / PROGRAM} pool answer" + ("" if root == Path("/") else f" --root {root}")
    if root != Path("/") or importlib.util.find_spec("pool.ganeti.peers.file_replication") is None:
        return TokenStore(root, command)
    module: Any = importlib.import_module("pool.ganeti.peers.file_replication")

    def spread(files: list[Path]) -> None:
        # The change is effective on this host; a candidate that is down must not turn it into a failure.
        try:
            module.copy_to_candidates(files)
        except UserError as error:
            print(f"warning: {error}", file=sys.stderr, flush=True)

    return TokenStore(root, command, spread)


def as_root(job: Callable[[], Any]) -> Any:
    """Call a function and translate missing permission into an error for the user.

    :raises UserError: when the files are readable by root only.
    """
    try:
        return job()
    except PermissionError as error:
        raise UserError(f"{error.filename} is readable by root only", "run this command as root") from error


def host_key(root: Path) -> bytes:
    """Return the SSH host key that all nodes of the pool share, in its 33-byte form.

    It is the ECDSA key: Ganeti copies RSA, DSA and ECDSA keys to each node, but no ed25519 keys.

    :raises UserError: when the key is missing or invalid.
    """
    path = root / HOST_KEY
    try:
        return openssh_keys.short_host_key(path.read_text())
    except (OSError, ValueError) as error:
        raise UserError(f"/{HOST_KEY} is missing or invalid: {error}", "create host keys: ssh-keygen -A") from error


def addresses(facts: PoolFacts, root: Path) -> tuple[str, ...]:
    """Return the addresses to contact the pool at.

    Its own, the master's, and those of two other master candidates.
    """
    others = [m.address for m in facts.members if m.name in candidates(root) and m.name != facts.master][:2]
    return tuple(dict.fromkeys(a for a in (facts.address, facts.master_address, *others) if a))
