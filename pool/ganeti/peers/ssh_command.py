"""Commands on other hosts of the pool, with the keys that Ganeti gives to master candidates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pool.ganeti.ssconf import KNOWN_HOSTS, Ssconf

if TYPE_CHECKING:
    from pool.host_access import HostAccess

CONNECT_SECONDS = 60
"""Connect to another host of the pool by ssh (ConnectTimeout of ssh_config(5)).

Kind: protocol. Reason: covers the key exchange of a busy host as well; one that is silent longer is
down. Expiry: the command counts as failed on that host.
"""


def command_on(access: HostAccess, pool: Ssconf, address: str, argv: Sequence[str]) -> list[str]:
    """Return the ssh(1) command.

    All hosts of a pool share their RSA and ECDSA host keys under the pool's name.
    """
    options = {
        "BatchMode": "yes",
        "HostKeyAlias": pool.pool,
        "GlobalKnownHostsFile": str(access.path(KNOWN_HOSTS)),
        "UserKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(CONNECT_SECONDS),
        "LogLevel": "ERROR",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    return ["ssh", *words, f"root@{address}", *argv]
