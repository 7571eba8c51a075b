"""First-boot steps ``services`` and ``confirm``."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from firstboot.network.apply import SERVICE_SECONDS

if TYPE_CHECKING:
    from firstboot.host import Host


def services(host: Host) -> None:
    """Start SSH unless the answers disable it, and Xen's daemons on Xen."""
    units = [] if host.host_json.get("ssh") == "off" else ["ssh.service"]
    if host.on_xen:
        units.append("xen.service")
    else:
        host.warnings.append("this host runs without Xen")
    if units:
        host.run(["systemctl", "start", *units], timeout=SERVICE_SECONDS, hint=f"check: systemctl status {' '.join(units)}")


def confirm(host: Host) -> None:
    """Record on disk that this version of the image is set up."""
    os.sync()
    value = {"version": host.version, "time": round(time.time(), 3)}
    host.write("var/lib/dom0kit/confirmed.json", json.dumps(value, sort_keys=True) + "\n")
