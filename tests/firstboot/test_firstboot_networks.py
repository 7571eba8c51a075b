from __future__ import annotations

from pathlib import Path

import yaml

from firstboot.networks import Management, Nic, find_nic, first_ipv4, missing_nic, netplan_text, read_nics, rename_commands

MAC = "52:54:00:12:34:56"


def test_dhcp_keeps_the_lease_with_the_nic() -> None:
    network = yaml.safe_load(netplan_text(Management(MAC.upper(), "xenbr0")))["network"]
    assert network["ethernets"]["mgmt0"]["match"] == {"macaddress": MAC}
    assert network["ethernets"]["mgmt0"]["set-name"] == "mgmt0"
    bridge = network["bridges"]["xenbr0"]
    assert bridge["interfaces"] == ["mgmt0"]
    assert bridge["macaddress"] == bridge["openvswitch"]["other-config"]["hwaddr"] == MAC
    assert bridge["dhcp4"] is True
    assert bridge["dhcp-identifier"] == "mac"
    assert "nameservers" not in bridge
    assert "addresses" not in bridge


def test_static_address() -> None:
    management = Management(MAC, "xenbr0", "192.0.2.10/24", "192.0.2.1", ("192.0.2.2",), ("example.net",))
    bridge = yaml.safe_load(netplan_text(management))["network"]["bridges"]["xenbr0"]
    assert bridge["dhcp4"] is False
    assert bridge["addresses"] == ["192.0.2.10/24"]
    assert bridge["routes"] == [{"to": "default", "via": "192.0.2.1"}]
    assert bridge["nameservers"] == {"addresses": ["192.0.2.2"], "search": ["example.net"]}


def test_a_bridge_with_the_same_address_is_no_network_card(tmp_path: Path) -> None:
    for name, real in (("enp3s0", True), ("xenbr0", False)):
        folder = tmp_path / "sys/class/net" / name
        folder.mkdir(parents=True)
        (folder / "address").write_text(MAC + "\n")
        if real:
            (folder / "device").mkdir()
    assert read_nics(tmp_path) == [Nic("enp3s0", MAC)]


def test_find_nic_prefers_the_one_that_has_the_name() -> None:
    assert find_nic([Nic("a", MAC), Nic("mgmt0", MAC)], MAC.upper()) == Nic("mgmt0", MAC)
    assert find_nic([Nic("a", "00:00:00:00:00:01")], MAC) is None


def test_rename_only_when_needed() -> None:
    assert rename_commands(Nic("mgmt0", MAC)) == []
    assert rename_commands(Nic("enp3s0", MAC))[-1] == ["ip", "link", "set", "dev", "enp3s0", "name", "mgmt0"]


def test_a_missing_card_is_said_with_those_present() -> None:
    assert "present: eth0 (00:00:00:00:00:01)" in missing_nic(MAC, [Nic("eth0", "00:00:00:00:00:01")]).message
    assert "present: none" in missing_nic(MAC, []).message


def test_first_ipv4() -> None:
    addresses = (
        '[{"addr_info": [{"family": "inet", "local": "169.254.1.1", "scope": "link"}, '
        '{"family": "inet", "local": "10.0.2.15", "scope": "global"}]}]'
    )
    assert first_ipv4(addresses) == "10.0.2.15"
    assert first_ipv4("") is None
    assert first_ipv4("Device does not exist") is None
