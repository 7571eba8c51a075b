"""First-boot step ``time``: time zone and time servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.errors import UserError
from dom0kit.fs import link_atomic
from firstboot import config_files

if TYPE_CHECKING:
    from firstboot.host import Host


def clock(host: Host) -> None:
    """Set time zone and time servers. Early, because chrony's start waits for this step."""
    answers = host.answers.time
    if not host.path(f"usr/share/zoneinfo/{answers.zone}").is_file():
        raise UserError(f"this image has no time zone {answers.zone}", "use a name from /usr/share/zoneinfo")
    link_atomic(host.path("etc/localtime"), f"/usr/share/zoneinfo/{answers.zone}")
    host.write("etc/timezone", answers.zone + "\n")
    config = config_files.chrony_config(host.read("etc/chrony/chrony.conf"), own_servers=bool(answers.ntp))
    changed = host.write("etc/chrony/chrony.conf", config)
    changed |= host.write("etc/chrony/sources.d/dom0kit.sources", config_files.chrony_sources(answers.ntp))
    if changed:
        host.run(["systemctl", "--no-block", "try-restart", "chrony.service"])
