"""The answers that the scenarios install with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from qa.command import MANAGEMENT_MAC
from qa.credentials import Credentials

HOST_NAME = "xen1.example.org"
ZONE = "Europe/Berlin"
NTP = "ntp.example.org"
BRIDGE = "xenbr0"
VOLUME_GROUP = "guests"
DISK_SERIAL = "DISK1"


def answers(
    credentials: Credentials, *, wipe: bool = False, finish: str = "reboot", more: Mapping[str, Any] | None = None
) -> str:
    """A whole answer file as YAML: one disk by its serial number, DHCP on the management bridge.

    :param more: top-level keys that are added or replaced.
    """
    disk: dict[str, Any] = {"disk": {"serial": DISK_SERIAL}}
    if wipe:
        disk["wipe"] = True
    document = {
        "version": 1,
        "mode": "install",
        "host_name": HOST_NAME,
        "target": disk,
        "guests": {"volume_group": VOLUME_GROUP},
        "network": {"management": {"mac": MANAGEMENT_MAC, "ipv4": "dhcp", "dns": ["10.0.2.3"], "bridge": BRIDGE}},
        "time": {"zone": ZONE, "ntp": [NTP]},
        "root": {"password_hash": credentials.password_hash, "ssh_keys": [credentials.public]},
        "finish": finish,
        **(more or {}),
    }
    return yaml.safe_dump(document, sort_keys=False)
