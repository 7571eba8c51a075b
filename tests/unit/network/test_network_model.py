from __future__ import annotations

from typing import Any

import pytest

from answerfiles.model import Network
from dom0kit.errors import UserError
from network.host_json import bond_names, configured_families, management_port
from network.model import Bonding, Card, card_name, host_layout

A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"


def network(**settings: Any) -> Network:
    return Network.model_validate(settings)


def test_one_card() -> None:
    layout = host_layout(network(management={"mac": A.upper()}))
    assert [(switch.name, switch.cards, switch.bond) for switch in layout.switches] == [("xenbr0", (Card(A, "mgmt0"),), None)]
    assert (layout.port.name, layout.port.mac, layout.port.vlan) == ("xenbr0", A, None)


def test_bond_vlan_and_a_further_bridge() -> None:
    layout = host_layout(
        network(
            management={"bond": {"nics": [{"mac": B}, {"mac": A}], "mode": "lacp", "lacp_rate": "fast"}, "vlan": 100},
            bridges=[{"name": "storage", "nic": {"mac": C, "driver": "ixgbe"}, "mtu": 9000}, {"name": "inner"}],
        )
    )
    management, storage, inner = layout.switches
    assert management.cards == (Card(B, "mgmt0"), Card(A, "mgmt1"))
    assert management.bond == Bonding("mgmt-bond", "lacp", "fast")
    assert (layout.port.name, layout.port.mac, layout.port.vlan) == ("mgmt.100", B, 100)
    assert (storage.cards, storage.mtu, storage.bond) == ((Card(C, "storage-0"),), 9000, None)
    assert inner.cards == ()
    assert layout.cards == (*management.cards, *storage.cards)


def test_names_fit_into_the_kernel_and_stay_apart() -> None:
    assert card_name("storagebridge", 1) == "storagebridge-1"
    names = {card_name("storagebridge-a", 0), card_name("storagebridge-b", 0)}
    assert len(names) == 2
    assert all(len(name) <= 15 for name in names)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"management": {}}, "which network card"),
        ({"management": {"nic": {"driver": "ixgbe"}}}, "without its MAC"),
        ({"management": {"mac": A, "bridge": "mgmt0"}}, "the name mgmt0"),
        ({"management": {"mac": A, "vlan": 7}, "bridges": [{"name": "mgmt.7"}]}, r"the name mgmt\.7"),
    ],
)
def test_what_cannot_be_laid_out_is_said(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        host_layout(network(**settings))


def test_what_is_told_without_the_model() -> None:
    nothing: dict[str, Any] = {}
    assert (management_port(nothing), configured_families(nothing), bond_names(nothing)) == ("xenbr0", (4,), ())
    told = network(
        management={"bond": {"nics": [{"mac": A}, {"mac": B}]}, "ipv4": "none", "ipv6": "autoconf", "vlan": 5, "bridge": "br"},
        bridges=[{"name": "store", "bond": {"nics": [{"mac": C}, {"mac": "52:54:00:00:00:04"}]}}],
    ).model_dump(mode="json")
    assert (management_port({"network": told}), configured_families({"network": told})) == ("mgmt.5", (6,))
    assert bond_names({"network": told}) == ("mgmt-bond", "store-bond")
