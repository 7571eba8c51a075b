"""The answer files of the scenarios."""

from __future__ import annotations

from typing import Any

import yaml

from qa.guest.ssh_access import Credentials
from qa.vm.qemu_args import MANAGEMENT_MAC

HOST_NAME = "xen1.example.org"
ZONE = "Europe/Berlin"
NTP = "ntp.example.org"
BRIDGE = "xenbr0"
VOLUME_GROUP = "guests"
DISK_SERIAL = "DISK1"


USER_NETWORK_DNS = "10.0.2.3"

Values = dict[str, Any]


def document(credentials: Credentials, *, wipe: bool = False, finish: str = "reboot", **changes: Any) -> Values:
    """Return a complete answer file as values: one disk by its serial number, DHCP on the management bridge.

    :param wipe: allow the installer to erase the disk.
    :param finish: what the installer does at its end.
    :param changes: top-level keys that replace these.
    """
    disk: Values = {"disk": {"serial": DISK_SERIAL}}
    if wipe:
        disk["wipe"] = True
    base: Values = {
        "version": 1,
        "mode": "install",
        "host_name": HOST_NAME,
        "target": disk,
        "guests": {"volume_group": VOLUME_GROUP},
        "network": {"management": management(dns=[USER_NETWORK_DNS])},
        "time": {"zone": ZONE, "ntp": [NTP]},
        "root": {"password_hash": credentials.password_hash, "ssh_keys": [credentials.public]},
        "finish": finish,
    }
    return {**base, **changes}


def management(**changes: Any) -> Values:
    """Return the management network: the usual card by DHCP; ``changes`` replace values or, if None, remove them."""
    values = {"mac": MANAGEMENT_MAC, "ipv4": "dhcp", "bridge": BRIDGE, **changes}
    return {key: value for key, value in values.items() if value is not None}


def to_yaml(values: Values) -> str:
    """Return values as the text of an answer file."""
    return yaml.safe_dump(values, sort_keys=False)


def answers(credentials: Credentials, *, wipe: bool = False, finish: str = "reboot", **changes: Any) -> str:
    """Return a complete answer file as YAML, see :func:`document`."""
    return to_yaml(document(credentials, wipe=wipe, finish=finish, **changes))
