"""What the drivers of the toolstacks are told of this host, out of its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from network.host_json import management_port, management_settings
from pool.host_access import Member

if TYPE_CHECKING:
    from firstboot.host import Host


def told_pool(told: dict[str, Any]) -> dict[str, Any]:
    """The part ``pool`` of the answers as it stands, with the toolstack filled in."""
    return {"toolstack": "ganeti", **(told.get("pool") or {})}


def told_member(told: dict[str, Any], address: str | None = None) -> Member:
    """The host for a driver.

    :param address: its IPv4 address now, if it has one.
    """
    management = management_settings(told)
    bridge = str(management.get("bridge") or "xenbr0")
    vlan = management.get("vlan")
    guests = told.get("guests")
    group = None if guests == "none" else str((guests or {}).get("volume_group") or "guests")
    return Member(str(told.get("host_name", "")), address, management_port(told), bridge, vlan, group)


def member(host: Host) -> Member:
    """This host with its address of now."""
    found = host.addresses()[4]
    fixed = management_settings(host.told).get("ipv4")
    wanted = str(fixed.get("address", "")).partition("/")[0] if isinstance(fixed, dict) else ""
    # A master has the pool's address, too.
    address = wanted if wanted in found else found[0] if found else None
    return told_member(host.told, address)
