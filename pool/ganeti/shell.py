"""Commands on other hosts of the pool, with the keys that Ganeti gives its masters to be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pool.ganeti.ssconf import KNOWN_HOSTS, Ssconf

if TYPE_CHECKING:
    from pool.place import Place


def command_on(place: Place, pool: Ssconf, address: str, argv: Sequence[str]) -> list[str]:
    """The ssh(1) command: all hosts of a pool share their RSA and ECDSA host keys, known by the pool's name."""
    options = {
        "BatchMode": "yes",
        "HostKeyAlias": pool.pool,
        "GlobalKnownHostsFile": str(place.path(KNOWN_HOSTS)),
        "UserKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": "30",
        "LogLevel": "ERROR",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", *words, f"root@{address}", *argv]
