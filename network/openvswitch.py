"""Bridges, bonds and VLANs as rows of Open vSwitch's database, which outlives reboots.

Everything that dom0kit makes is marked with ``external_ids:dom0kit``; ports of guests and those of administrators are not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from network.model import Bonding, HostPort, Layout, Switch

MARK = "external_ids:dom0kit"


@dataclass(frozen=True)
class Present:
    """The names of dom0kit's bridges and ports that the database holds."""

    bridges: tuple[str, ...] = ()
    ports: tuple[str, ...] = ()


def find_command(table: str, kind: str) -> list[str]:
    """Return the command that lists rows of ``Bridge`` or ``Port`` that dom0kit made; ``kind`` is ``bridge`` or ``port``."""
    return ["ovs-vsctl", "--bare", "--columns=name", "find", table, f"{MARK}={kind}"]


def names(text: str) -> tuple[str, ...]:
    """Return the names in the output of :func:`find_command`."""
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def command(layout: Layout, present: Present = Present()) -> list[str]:
    """Return the command that makes a layout and removes what an earlier one made, in one transaction.

    Between two commands networkd could ask for a lease with a random MAC address, and a host that is managed over this very
    network would be cut off. Ports are recreated, for a bond's members cannot be changed in place; ovs-vswitchd compares by
    name and keeps what is unchanged. Bridges stay, with the guests' ports in them.
    """
    wanted = {switch.name for switch in layout.switches}
    parts = [["--if-exists", "del-br", name] for name in present.bridges if name not in wanted]
    made = [*(card.name for card in layout.cards), *(port.name for port in layout.ports if port.vlan is not None)]
    parts += [["--if-exists", "del-port", name] for name in dict.fromkeys([*present.ports, *made])]
    for switch in layout.switches:
        parts += _switch(switch, _mac_of(switch, layout))
    for port in layout.ports:
        if port.vlan is not None:
            parts += _vlan_port(layout, port, port.vlan)
    words = ["ovs-vsctl"]
    for number, part in enumerate(parts):
        words += part if number == 0 else ["--", *part]
    return words


def _switch(switch: Switch, mac: str | None) -> Iterable[list[str]]:
    yield ["--may-exist", "add-br", switch.name]
    hardware = [] if mac is None else [f'other-config:hwaddr="{mac}"']
    yield ["set", "Bridge", switch.name, f"{MARK}=bridge", *hardware]
    yield _size(switch.name, switch.mtu)
    if switch.bond is not None:
        members = [card.name for card in switch.cards]
        yield ["add-bond", switch.name, switch.bond.port, *members]
        yield ["set", "Port", switch.bond.port, f"{MARK}=port", *bond_settings(switch.bond)]
    elif switch.cards:
        yield ["add-port", switch.name, switch.cards[0].name]
        yield ["set", "Port", switch.cards[0].name, f"{MARK}=port"]


def bond_settings(bond: Bonding) -> list[str]:
    """Return the columns of a bond.

    With LACP the host is reachable before its switch speaks it: over one member, as active-backup (lacp-fallback-ab).
    """
    if bond.mode != "lacp":
        return [f"bond_mode={bond.mode}"]
    rate = f"other_config:lacp-time={bond.lacp_rate}"
    return ["bond_mode=balance-tcp", "lacp=active", rate, "other_config:lacp-fallback-ab=true"]


def _mac_of(switch: Switch, layout: Layout) -> str | None:
    """Return the MAC address of a bridge on which the host has addresses; others keep what Open vSwitch gives them."""
    return next((port.mac for port in layout.ports if port.mac and layout.switch_of(port) is switch), None)


def _vlan_port(layout: Layout, port: HostPort, vlan: int) -> Iterable[list[str]]:
    yield ["add-port", layout.switch_of(port).name, port.name, f"tag={vlan}"]
    yield ["set", "Port", port.name, f"{MARK}=port"]
    yield ["set", "Interface", port.name, "type=internal", *([f'mac="{port.mac}"'] if port.mac else [])]
    yield _size(port.name, layout.mtu_of(port))


def _size(interface: str, mtu: int | None) -> list[str]:
    # Without a request ovs-vswitchd gives internal ports the smallest size of the bridge's cards.
    if mtu is None:
        return ["clear", "Interface", interface, "mtu_request"]
    return ["set", "Interface", interface, f"mtu_request={mtu}"]
