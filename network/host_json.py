"""What ``host.json`` says of the management network, read without loading the answers' model: at boot that costs seconds."""

from __future__ import annotations

from dom0kit.host_json import BridgeJson, HostJson, ManagementJson, VlanJson
from network.model import PREFIX, bond_name, port_name

DEFAULT_BRIDGE = "xenbr0"
"""The management bridge when ``host.json`` names none; the default of the answers' model, which a test compares."""


def management_settings(host_json: HostJson) -> ManagementJson:
    """Return the management network of ``host.json`` as it stands; empty without one."""
    network = host_json.get("network")
    management = network.get("management") if isinstance(network, dict) else None
    return management if isinstance(management, dict) else {}


def management_port(host_json: HostJson) -> str:
    """Return the name of the interface with the host's addresses."""
    management = management_settings(host_json)
    return port_name(str(management.get("bridge") or DEFAULT_BRIDGE), management.get("vlan"))


def configured_families(host_json: HostJson) -> tuple[int, ...]:
    """Return the address families that are configured: 4, 6 or both."""
    management = management_settings(host_json)
    configured = {4: management.get("ipv4", "dhcp"), 6: management.get("ipv6", "none")}
    return tuple(family for family, value in configured.items() if value != "none")


def other_ports(host_json: HostJson) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return the names of additional interfaces with addresses of the host, each with its families: 4, 6 or both."""
    network = host_json.get("network")
    management = management_settings(host_json)
    first = str(management.get("bridge") or DEFAULT_BRIDGE)
    places: list[tuple[str, str, BridgeJson | VlanJson]] = [(first, PREFIX, vlan) for vlan in management.get("vlans") or ()]
    for bridge in (network.get("bridges") or ()) if isinstance(network, dict) else ():
        name = str(bridge.get("name"))
        places += [(name, name, settings) for settings in (bridge, *(bridge.get("vlans") or ()))]
    found = []
    for bridge_name, prefix, settings in places:
        configured = {4: settings.get("ipv4", "none"), 6: settings.get("ipv6", "none")}
        if families := tuple(family for family, value in configured.items() if value != "none"):
            found.append((port_name(bridge_name, settings.get("vlan"), prefix), families))
    return tuple(found)


def bond_names(host_json: HostJson) -> tuple[str, ...]:
    """Return the names of all bonds in Open vSwitch."""
    network = host_json.get("network")
    bridges = network.get("bridges") or [] if isinstance(network, dict) else []
    named = [(PREFIX, management_settings(host_json)), *((str(bridge.get("name")), bridge) for bridge in bridges)]
    return tuple(bond_name(name) for name, uplink in named if uplink.get("bond"))
