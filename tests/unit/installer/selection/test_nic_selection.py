"""Rules for network cards become MAC addresses; each card is used once."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from installer_samples import OPTIONS, answers, facts, manifest

from installer.model import actions
from installer.model.hardware import Facts, Nic
from installer.plan.plan import Plan, PlanError, make_plan

CARDS = tuple(
    Nic(f"eno{n}", f"52:54:00:00:00:0{n}", "ixgbe" if n < 3 else "tg3", n != 3, f"0000:0{n}:00.0") for n in (1, 2, 3, 4)
)


def plan(network: str, found: Facts | None = None) -> Plan:
    return make_plan(found or facts(nics=CARDS), answers(more=f"network: {network}\n"), manifest(), OPTIONS)


def network_of(made: Plan) -> dict[str, Any]:
    state = next(a for a in made.actions if isinstance(a, actions.WriteState))
    network: dict[str, Any] = json.loads(state.host_json)["network"]
    return network


def refused(network: str, found: Facts | None = None) -> str:
    with pytest.raises(PlanError) as caught:
        plan(network, found)
    return "\n".join(caught.value.problems)


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("name: eno2", 2),
        ("slot: '0000:03:00.0'", 3),
        ("slot: '04:00.0'", 4),
        ("driver: tg3, carrier: true", 4),
        ("carrier: false", 3),
        ("mac: 52-54-00-00-00-01", 1),
    ],
)
def test_rules(rule: str, number: int) -> None:
    made = plan(f"{{management: {{nic: {{{rule}}}}}}}")
    management = network_of(made)["management"]
    assert management["mac"] == f"52:54:00:00:00:0{number}"
    assert management["nic"] is None
    # A card that was chosen by its address is named by it once.
    why = "\n" if rule.startswith("mac:") else ", chosen by"
    assert f"management: eno{number} 52:54:00:00:00:0{number}{why}" in made.render()


def test_bond_of_one_rule_twice_and_bridges() -> None:
    made = plan(
        "{management: {bond: {nics: [{driver: ixgbe}, {driver: ixgbe}], mode: lacp}}, "
        "bridges: [{name: xenbr1, nic: {name: eno4}}, {name: xenbr2}]}"
    )
    network = network_of(made)
    assert [nic["mac"] for nic in network["management"]["bond"]["nics"]] == ["52:54:00:00:00:01", "52:54:00:00:00:02"]
    assert all(nic["driver"] is None for nic in network["management"]["bond"]["nics"])
    assert [bridge["mac"] for bridge in network["bridges"]] == ["52:54:00:00:00:04", None]
    text = made.render()
    assert "management: bond (lacp) of eno1 52:54:00:00:00:01, chosen by driver: ixgbe; eno2" in text
    assert "bridge xenbr2: no network card" in text
    assert made.to_json()["uplinks"][0]["bond"] == "lacp"


def test_a_selector_that_matches_too_many_or_no_cards() -> None:
    text = refused("{management: {nic: {driver: ixgbe}}}")
    assert text.startswith("2 network cards match network.management (driver: ixgbe), exactly one must match [nic-ambiguous]:")
    assert "(eno3, tg3, 0000:03:00.0, no link): its driver is tg3" in text
    assert refused("{management: {nic: {name: eth9}}}").startswith("no network card matches")


def test_each_card_once() -> None:
    text = refused("{management: {nic: {name: eno1}}, bridges: [{name: xenbr1, mac: '52:54:00:00:00:01'}]}")
    assert "is selected more than once: for xenbr0 and xenbr1" in text


def test_no_cable_is_a_warning() -> None:
    assert plan("{management: {nic: {name: eno3}}}").warnings == ("no link on eno3 52:54:00:00:00:03 (management)",)
    down = Nic("eth0", "52:54:00:00:00:09")
    assert plan("{}", facts(nics=(down,))).warnings == ()


@pytest.mark.parametrize("driver", ["cdc_ether", "rndis_host", "cdc_subset", "cdc_ncm", "cdc_eem"])
def test_b10_the_usb_function_of_a_management_controller_is_not_the_only_card(driver: str) -> None:
    """A server with one card and a BMC that shows a network card over USB."""
    bmc = Nic("enx0a0027000001", "0a:00:27:00:00:01", driver, True)
    made = plan("{}", facts(nics=(bmc, CARDS[0])))
    assert made.nic_mac == CARDS[0].mac
    assert made.uplinks[0].cards[0][1] == "the only network card"
    chosen = plan("{management: {mac: '0a:00:27:00:00:01'}}", facts(nics=(bmc, CARDS[0])))
    assert chosen.nic_mac == bmc.mac
    alone = refused("{}", facts(nics=(bmc,)))
    assert "there are 0 network cards, not one" in alone
    assert "such as that of a management controller; a rule can choose it" in alone
    two = refused("{}", facts(nics=(bmc, *CARDS[:2])))
    assert "there are 2 network cards" in two


def test_a_usb_adapter_is_a_card() -> None:
    adapter = Nic("enx00e04c680001", "00:e0:4c:68:00:01", "r8152", True)
    assert plan("{}", facts(nics=(adapter,))).nic_mac == adapter.mac


def test_a_card_without_an_address_of_its_own_is_refused() -> None:
    cards = (dataclasses.replace(CARDS[0], permanent=False), CARDS[1])
    assert "[nic-mac-not-permanent]" in refused("{management: {nic: {name: eno1}}}", facts(nics=cards))
    assert "[nic-mac-not-permanent]" in refused("{}", facts(nics=cards[:1]))
    assert plan("{management: {nic: {name: eno2}}}", facts(nics=cards)).nic_mac == CARDS[1].mac


def test_two_cards_with_one_address_are_named() -> None:
    cards = (CARDS[0], dataclasses.replace(CARDS[1], mac=CARDS[0].mac), CARDS[2])
    text = refused("{management: {nic: {name: eno1}}}", facts(nics=cards))
    assert "[nic-mac-not-unique]" in text
    assert "eno2" in text
    assert "[nic-ambiguous]" in refused("{management: {mac: '52:54:00:00:00:01'}}", facts(nics=cards))
    assert "[nic-mac-not-unique]" in refused(
        "{management: {bond: {nics: [{name: eno1}, {name: eno2}], mode: active-backup}}}", facts(nics=cards)
    )
    assert plan("{management: {nic: {name: eno3}}}", facts(nics=cards)).nic_mac == CARDS[2].mac
