"""The facts about this host that toolstack drivers need, from its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.host_json import HostJson, PoolJson
from network.host_json import DEFAULT_BRIDGE, management_port, management_settings
from pool.host_access import ManagedHost

if TYPE_CHECKING:
    from firstboot.host import Host


def pool_settings(host_json: HostJson) -> PoolJson:
    """Return ``pool`` of the answers as JSON, with the default toolstack."""
    return {"toolstack": "ganeti", **(host_json.get("pool") or {})}


def managed_host_from_json(host_json: HostJson, address: str | None = None) -> ManagedHost:
    """Return the facts from ``host.json``.

    :param address: the current IPv4 address, if any.
    """
    management = management_settings(host_json)
    bridge = str(management.get("bridge") or DEFAULT_BRIDGE)
    vlan = management.get("vlan")
    guests = host_json.get("guests")
    group = None if guests == "none" else "guests"
    if isinstance(guests, dict):
        group = guests.get("volume_group") or group
    return ManagedHost(str(host_json.get("host_name", "")), address, management_port(host_json), bridge, vlan, group)


def managed_host(host: Host) -> ManagedHost:
    """Return the facts about this host with its current address."""
    found = host.addresses()[4]
    fixed = management_settings(host.host_json).get("ipv4")
    wanted = str(fixed.get("address", "")).partition("/")[0] if isinstance(fixed, dict) else ""
    # A master has the pool's address, too.
    address = wanted if wanted in found else found[0] if found else None
    return managed_host_from_json(host.host_json, address)
