"""First-boot step ``proxy``: the HTTP proxy of apt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstboot import config_files

if TYPE_CHECKING:
    from firstboot.host import Host

APT_CONF = "etc/apt/apt.conf.d/50dom0kit-proxy"


def proxy(host: Host) -> None:
    """Make apt use the proxy of the answers, or none."""
    wanted = host.answers.proxy
    if wanted is None:
        host.path(APT_CONF).unlink(missing_ok=True)
    else:
        host.write(APT_CONF, config_files.apt_proxy(wanted))
