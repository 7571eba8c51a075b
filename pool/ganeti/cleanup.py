"""What Ganeti leaves on a host: finding it, and taking it away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pool.ganeti import daemons, rapi
from pool.ganeti.peers.etc_hosts import HOSTS, hosts_text
from pool.ganeti.ssconf import DATA

if TYPE_CHECKING:
    from pool.host_access import Place

STOP_SECONDS = 1800
"""Stop Ganeti's daemons.

Kind: cap. Reason: systemd's stop limit of each unit is below it. Expiry: the command is killed, and the error names it and the
time.
"""


def left_overs(place: Place) -> list[str]:
    """Names of the files in Ganeti's folder, which is without any on a host that is in no pool."""
    folder = place.path(DATA)
    return sorted(entry.name for entry in folder.iterdir() if not entry.is_dir()) if folder.is_dir() else []


def forget_pool(place: Place) -> None:
    """Take away what a pool has on this host, but for guests' disks: daemons, configuration, queue, keys, names, cron jobs."""
    place.run(["systemctl", "stop", daemons.UNIT, *reversed(daemons.DAEMONS)], check=False, timeout=STOP_SECONDS)
    for folder in (place.path(DATA), place.path(f"{DATA}/queue"), place.path(f"{DATA}/queue/archive")):
        for entry in folder.iterdir() if folder.is_dir() else ():
            if not entry.is_dir() or entry.is_symlink():
                entry.unlink()
    for name in (daemons.CRON, rapi.USERS, rapi.CREDENTIALS):
        place.path(name).unlink(missing_ok=True)
    place.write(HOSTS, hosts_text(place.read(HOSTS), {}))
