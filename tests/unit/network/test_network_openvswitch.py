from __future__ import annotations

from typing import Any

import pytest

from answerfiles.model import Network
from network.model import Bonding, host_layout
from network.openvswitch import Present, bond_settings, command, find_command, names

A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def transaction(present: Present | None = None, **settings: Any) -> list[str]:
    """Return the parts of the only command."""
    words = command(host_layout(Network.model_validate(settings)), present or Present())
    assert words[0] == "ovs-vsctl"
    return " ".join(words[1:]).split(" -- ")


def test_one_card() -> None:
    assert transaction(management={"mac": A}) == [
        "--if-exists del-port mgmt0",
        "--may-exist add-br xenbr0",
        f'set Bridge xenbr0 external_ids:dom0kit=bridge other-config:hwaddr="{A}"',
        "clear Interface xenbr0 mtu_request",
        "add-port xenbr0 mgmt0",
        "set Port mgmt0 external_ids:dom0kit=port",
    ]


def test_bond_vlan_size_and_further_bridges() -> None:
    assert transaction(
        management={"bond": {"nics": [{"mac": A}, {"mac": B}]}, "vlan": 100, "mtu": 9000},
        bridges=[{"name": "storage", "mac": C}, {"name": "inner"}],
    ) == [
        "--if-exists del-port mgmt0",
        "--if-exists del-port mgmt1",
        "--if-exists del-port storage-0",
        "--if-exists del-port mgmt.100",
        "--may-exist add-br xenbr0",
        f'set Bridge xenbr0 external_ids:dom0kit=bridge other-config:hwaddr="{A}"',
        "set Interface xenbr0 mtu_request=9000",
        "add-bond xenbr0 mgmt-bond mgmt0 mgmt1",
        "set Port mgmt-bond external_ids:dom0kit=port bond_mode=active-backup",
        "--may-exist add-br storage",
        "set Bridge storage external_ids:dom0kit=bridge",
        "clear Interface storage mtu_request",
        "add-port storage storage-0",
        "set Port storage-0 external_ids:dom0kit=port",
        "--may-exist add-br inner",
        "set Bridge inner external_ids:dom0kit=bridge",
        "clear Interface inner mtu_request",
        "add-port xenbr0 mgmt.100 tag=100",
        "set Port mgmt.100 external_ids:dom0kit=port",
        f'set Interface mgmt.100 type=internal mac="{A}"',
        "set Interface mgmt.100 mtu_request=9000",
    ]


def test_what_an_earlier_layout_made_goes() -> None:
    present = Present(bridges=("xenbr0", "old"), ports=("mgmt-bond", "mgmt0"))
    assert transaction(present, management={"mac": A})[:4] == [
        "--if-exists del-br old",
        "--if-exists del-port mgmt-bond",
        "--if-exists del-port mgmt0",
        "--may-exist add-br xenbr0",
    ]


@pytest.mark.parametrize(
    ("bond", "expected"),
    [
        (Bonding("b", "active-backup"), ["bond_mode=active-backup"]),
        (Bonding("b", "balance-slb"), ["bond_mode=balance-slb"]),
        (
            Bonding("b", "lacp", "fast"),
            ["bond_mode=balance-tcp", "lacp=active", "other_config:lacp-time=fast", "other_config:lacp-fallback-ab=true"],
        ),
        (
            Bonding("b", "lacp"),
            ["bond_mode=balance-tcp", "lacp=active", "other_config:lacp-time=slow", "other_config:lacp-fallback-ab=true"],
        ),
    ],
)
def test_bonds(bond: Bonding, expected: list[str]) -> None:
    assert bond_settings(bond) == expected


def test_what_is_present_is_asked_by_its_mark() -> None:
    assert " ".join(find_command("Port", "port")) == "ovs-vsctl --bare --columns=name find Port external_ids:dom0kit=port"
    assert names("mgmt0\n\nmgmt.100\n") == ("mgmt0", "mgmt.100")
    assert names("") == ()


def test_addresses_on_additional_bridges_and_in_vlans() -> None:
    parts = transaction(
        management={"mac": A, "vlans": [{"vlan": 7, "ipv4": "dhcp"}]},
        bridges=[
            {"name": "storage", "mac": C, "mtu": 9000, "ipv4": "dhcp", "vlans": [{"vlan": 30, "ipv4": "dhcp", "mtu": 1500}]}
        ],
    )
    assert parts[:4] == [f"--if-exists del-port {name}" for name in ("mgmt0", "storage-0", "mgmt.7", "storage.30")]
    # The bridge's own interface has an address: a lease must survive boots, so its MAC address must too.
    assert f'set Bridge storage external_ids:dom0kit=bridge other-config:hwaddr="{C}"' in parts
    assert parts[-8:] == [
        "add-port xenbr0 mgmt.7 tag=7",
        "set Port mgmt.7 external_ids:dom0kit=port",
        f'set Interface mgmt.7 type=internal mac="{A}"',
        "clear Interface mgmt.7 mtu_request",
        "add-port storage storage.30 tag=30",
        "set Port storage.30 external_ids:dom0kit=port",
        f'set Interface storage.30 type=internal mac="{C}"',
        "set Interface storage.30 mtu_request=1500",
    ]


def test_a_bridge_without_cards_gives_its_vlans_no_address_of_a_card() -> None:
    parts = transaction(management={"mac": A}, bridges=[{"name": "inner", "ipv4": "dhcp", "vlan": 5}])
    assert "set Interface inner.5 type=internal" in parts
    assert "set Bridge inner external_ids:dom0kit=bridge" in parts
