from __future__ import annotations

from typing import Any

import pytest
import yaml

from answerfiles.model import Network
from network.model import host_layout
from network.netplan import QUIET, document, drop_in, drop_in_name, text

A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def ethernets(management: dict[str, Any], **others: Any) -> dict[str, Any]:
    layout = host_layout(Network.model_validate({"management": management, **others}))
    value = document(layout)
    assert yaml.safe_load(text(layout)) == value
    assert (value["network"]["version"], value["network"]["renderer"]) == (2, "networkd")
    ethernets: dict[str, Any] = value["network"]["ethernets"]
    return ethernets


def port(**management: Any) -> dict[str, Any]:
    return dict(ethernets({"mac": A, **management})["xenbr0"])


def test_dhcp_keeps_the_lease_with_the_nic() -> None:
    assert ethernets({"mac": A.upper()}) == {
        "mgmt0": {"match": {"macaddress": A}, "set-name": "mgmt0", **QUIET},
        "xenbr0": {"dhcp4": True, "dhcp6": False, "accept-ra": False, "link-local": [], "dhcp-identifier": "mac"},
    }


def test_static() -> None:
    assert port(
        ipv4={"address": "192.0.2.10/24", "gateway": "192.0.2.1"},
        dns=["192.0.2.53", "2001:db8::53"],
        search=["example.net"],
        routes=[{"to": "198.51.100.0/24", "via": "192.0.2.2", "metric": 10}, {"to": "2001:db8:1::/48", "via": "2001:db8::2"}],
    ) == {
        "dhcp4": False,
        "dhcp6": False,
        "accept-ra": False,
        "link-local": [],
        "addresses": ["192.0.2.10/24"],
        "routes": [
            {"to": "0.0.0.0/0", "via": "192.0.2.1"},
            {"to": "198.51.100.0/24", "via": "192.0.2.2", "metric": 10},
            {"to": "2001:db8:1::/48", "via": "2001:db8::2"},
        ],
        "nameservers": {"addresses": ["192.0.2.53", "2001:db8::53"], "search": ["example.net"]},
    }


@pytest.mark.parametrize(
    ("ipv6", "expected"),
    [
        ("autoconf", {"dhcp6": False, "accept-ra": True}),
        ("dhcp", {"dhcp6": True, "accept-ra": True}),
        ({"address": "2001:db8::10/64"}, {"dhcp6": False, "accept-ra": True, "addresses": ["2001:db8::10/64"]}),
        (
            {"address": "2001:db8::10/64", "gateway": "fe80::1"},
            {
                "dhcp6": False,
                "accept-ra": False,
                "addresses": ["2001:db8::10/64"],
                "routes": [{"to": "::/0", "via": "fe80::1"}],
            },
        ),
    ],
)
def test_ipv6_alone(ipv6: Any, expected: dict[str, Any]) -> None:
    assert port(ipv4="none", ipv6=ipv6) == {"dhcp4": False, "link-local": ["ipv6"], **expected}


def test_both_families() -> None:
    value = port(ipv4={"address": "192.0.2.10/24"}, ipv6={"address": "2001:db8::10/64", "gateway": "2001:db8::1"})
    assert value["addresses"] == ["192.0.2.10/24", "2001:db8::10/64"]
    assert value["routes"] == [{"to": "::/0", "via": "2001:db8::1"}]


def test_the_packet_size_is_that_of_the_answers() -> None:
    value = ethernets({"mac": A, "mtu": 9000, "ipv6": "dhcp"}, bridges=[{"name": "storage", "mac": B, "mtu": 8000}])
    assert (value["mgmt0"]["mtu"], value["storage-0"]["mtu"]) == (9000, 8000)
    assert value["xenbr0"]["dhcp4-overrides"] == value["xenbr0"]["dhcp6-overrides"] == {"use-mtu": False}
    assert "mtu" not in value["xenbr0"]


def test_bond_vlan_and_further_bridges() -> None:
    value = ethernets(
        {"bond": {"nics": [{"mac": A}, {"mac": B}]}, "vlan": 100}, bridges=[{"name": "storage", "mac": C}, {"name": "inner"}]
    )
    assert value == {
        "mgmt0": {"match": {"macaddress": A}, "set-name": "mgmt0", **QUIET},
        "mgmt1": {"match": {"macaddress": B}, "set-name": "mgmt1", **QUIET},
        "xenbr0": QUIET,
        "mgmt.100": {"dhcp4": True, "dhcp6": False, "accept-ra": False, "link-local": [], "dhcp-identifier": "mac"},
        "storage-0": {"match": {"macaddress": C}, "set-name": "storage-0", **QUIET},
        "storage": QUIET,
        "inner": QUIET,
    }


@pytest.mark.parametrize("ipv6", ["none", "autoconf", "dhcp", {"address": "2001:db8::10/64", "gateway": "2001:db8::1"}])
def test_no_addition_to_netplan(ipv6: Any) -> None:
    assert drop_in(host_layout(Network.model_validate({"management": {"mac": A, "ipv6": ipv6}})).port) is None


def test_a_fixed_address_is_the_only_one() -> None:
    layout = host_layout(Network.model_validate({"management": {"mac": A, "ipv6": {"address": "2001:db8::10/64"}}}))
    assert drop_in(layout.port) == "[IPv6AcceptRA]\nUseAutonomousPrefix=no\nDHCPv6Client=no\n"
    assert drop_in_name("xenbr0") == "etc/systemd/network/10-netplan-xenbr0.network.d/50-dom0kit.conf"


def test_additional_networks_give_addresses_and_nothing_else() -> None:
    bridge = {"name": "storage", "mac": "52:54:00:00:00:03", "ipv4": "dhcp", "mtu": 9000}
    value = Network.model_validate({"management": {"mac": A}, "bridges": [bridge]})
    layout = host_layout(value)
    made = document(layout)["network"]["ethernets"]["storage"]
    assert made["dhcp4"] is True
    assert made["optional"] is True
    assert made["dhcp4-overrides"] == {"use-mtu": False}
    text = drop_in(layout.others[0]) or ""
    assert "[DHCPv4]\nUseGateway=no\nUseRoutes=no\nUseDNS=no\n" in text
    assert "[IPv6AcceptRA]\nUseGateway=no\nUseDNS=no\n" in text
    assert drop_in(layout.port) is None


def test_the_default_route_is_where_the_answers_want_it() -> None:
    bridge = {"name": "storage", "mac": "52:54:00:00:00:03", "ipv4": {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}}
    value = Network.model_validate({"management": {"mac": A}, "bridges": [bridge], "default_route": "storage"})
    layout = host_layout(value)
    assert document(layout)["network"]["ethernets"]["storage"]["routes"] == [{"to": "0.0.0.0/0", "via": "10.1.0.1"}]
    assert drop_in(layout.port) == "[DHCPv4]\nUseGateway=no\nUseRoutes=no\n[IPv6AcceptRA]\nUseGateway=no\n".replace(
        "\n[IPv6", "\n\n[IPv6"
    )
