"""Addresses in several networks: what a host can have, and what contradicts itself."""

from __future__ import annotations

import re
from typing import Any

import pytest

from answerfiles.model import Network

STORAGE: dict[str, Any] = {"name": "storage", "mac": "52:54:00:00:00:02", "mtu": 9000, "ipv4": {"address": "10.1.0.5/24"}}
HOST = {"address": "192.0.2.10/24", "gateway": "192.0.2.1"}


def network(bridge: dict[str, Any] | None = None, **management: Any) -> dict[str, Any]:
    bridges = [{**STORAGE, **bridge}] if bridge is not None else []
    return {"management": {"mac": "52:54:00:00:00:01", "ipv4": HOST, **management}, "bridges": bridges}


@pytest.mark.parametrize(
    "value",
    [
        network({}),
        network({"vlan": 20}),
        network({"vlans": [{"vlan": 30, "ipv4": "dhcp", "mtu": 1500}, {"vlan": 31, "ipv6": "autoconf"}]}),
        network({"routes": [{"to": "10.2.0.0/16", "via": "10.1.0.1"}]}),
        network({"ipv6": {"address": "2001:db8:1::5/64"}, "routes": [{"to": "2001:db8:2::/48", "via": "fe80::1"}]}),
        network(vlan=10, vlans=[{"vlan": 11, "ipv4": {"address": "10.3.0.5/24"}}]),
        {**network({"ipv4": {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}}, ipv4="dhcp"), "default_route": "storage"},
        {**network(ipv4="dhcp", vlans=[{"vlan": 11, "ipv4": "dhcp"}]), "default_route": "management.11"},
    ],
)
def test_what_racks_have(value: dict[str, Any]) -> None:
    Network.model_validate(value)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (network({"ipv4": {"address": "10.1.0.5/24", "gateway": "10.1.0.1"}}), "a gateway only on management"),
        ({**network({}), "default_route": "storage"}, "a gateway only on storage"),
        ({**network({}), "default_route": "storage.7"}, "default_route as one of management, storage"),
        (network({"ipv4": {"address": "192.0.2.11/24"}}), "networks that do not overlap"),
        (network({"ipv4": {"address": "192.0.0.11/16"}}), "networks that do not overlap"),
        (network({"ipv4": HOST | {"gateway": None}}), "networks that do not overlap"),
        (network({"vlan": 20, "vlans": [{"vlan": 20, "ipv4": "dhcp"}]}), "each VLAN of an uplink once; 20"),
        (network({"vlans": [{"vlan": 20, "ipv4": "dhcp"}, {"vlan": 20, "ipv4": "dhcp"}]}), "each VLAN of an uplink once"),
        (network(vlan=20, vlans=[{"vlan": 20, "ipv4": "dhcp"}]), "each VLAN of an uplink once"),
        (network({"vlans": [{"vlan": 20}]}), "an address"),
        (network({"ipv4": "none", "vlan": 20}), "vlan and routes only with an address"),
        (network({"vlans": [{"vlan": 20, "ipv4": "dhcp", "mtu": 9216}]}), "at most that of its uplink, 9000"),
        (network({"mtu": 1279, "ipv6": "autoconf"}), "at least 1280 with IPv6 on storage"),
        (network({"vlans": [{"vlan": 20, "ipv6": "dhcp", "mtu": 600}]}), "at least 1280 with IPv6 on storage.20"),
        (network({"routes": [{"to": "10.2.0.0/16", "via": "10.9.0.1"}]}), "via a gateway in 10.1.0.0/24"),
        (network({"routes": [{"to": "10.2.0.0/16", "via": "10.1.0.5"}]}), "another machine than the host itself"),
        (network({"routes": [{"to": "2001:db8:2::/48", "via": "fe80::1"}]}), "only with an IPv6 address"),
        (network({"vlans": [{"vlan": 0, "ipv4": "dhcp"}]}), "greater than or equal to 1"),
        (network({"vlans": [{"vlan": 4095, "ipv4": "dhcp"}]}), "less than or equal to 4094"),
    ],
)
def test_what_contradicts_itself(value: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        Network.model_validate(value)
