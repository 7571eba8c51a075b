"""Find and remove what Ganeti leaves on a host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pool.ganeti import daemons, rapi
from pool.ganeti.peers.etc_hosts import HOSTS, hosts_text
from pool.ganeti.ssconf import DATA

if TYPE_CHECKING:
    from pool.host_access import HostAccess

STOP_SECONDS = 1800
"""Stop Ganeti's daemons.

Kind: cap. Reason: systemd's stop limit of each unit is below it. Expiry: the command is killed, and
the error names it and the time.
"""


def leftover_files(access: HostAccess) -> list[str]:
    """Return the names of the files in Ganeti's folder, which has none on a host without a pool."""
    folder = access.path(DATA)
    return sorted(entry.name for entry in folder.iterdir() if not entry.is_dir()) if folder.is_dir() else []


def remove_pool_files(access: HostAccess) -> None:
    """Remove everything of a pool on this host except guests' disks.

    That is daemons, configuration, queue, keys, names and cron jobs.
    """
    access.run(["systemctl", "stop", daemons.UNIT, *reversed(daemons.DAEMONS)], check=False, timeout=STOP_SECONDS)
    for folder in (access.path(DATA), access.path(f"{DATA}/queue"), access.path(f"{DATA}/queue/archive")):
        for entry in folder.iterdir() if folder.is_dir() else ():
            if not entry.is_dir() or entry.is_symlink():
                entry.unlink()
    for name in (daemons.CRON, rapi.USERS, rapi.CREDENTIALS):
        access.path(name).unlink(missing_ok=True)
    access.write(HOSTS, hosts_text(access.read(HOSTS), {}))
