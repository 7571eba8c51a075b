"""The screens about the network, and the checks of what is typed there."""

from __future__ import annotations

import dataclasses

import pytest
from screen_samples import FACTS, NICS, chosen, state

from installer.tui.pages import field_validators, network
from installer.tui.state import State
from installer.tui.toolkit.forms import Problem, Table, Values


def fields(taken: State | list[Problem]) -> list[str]:
    assert isinstance(taken, list)
    return [problem.field for problem in taken]


def test_cards_with_a_cable_come_first() -> None:
    table = next(item for item in network.card(state()).items if isinstance(item, Table))
    assert [row.cells[2] for row in table.rows] == ["connected", "unknown", "no cable"]
    assert table.rows[0].cells[:2] == ("eno1", "52:54:00:00:00:01")


def test_one_card_offers_no_bond_and_none_no_way_on() -> None:
    one = state(dataclasses.replace(FACTS, nics=NICS[:1]))
    assert "card.bond" not in [field.name for field in network.card(one).fields()]
    none = state(dataclasses.replace(FACTS, nics=()))
    assert fields(network.submit_card(none, {"card.key": ""})) == [""]
    assert isinstance(network.submit_card(one, {"card.key": NICS[0].mac}), State)


def test_a_bond_has_two_to_eight_cards() -> None:
    start = chosen({"card.bond": True})
    assert fields(network.submit_bond(start, {"bond.cards": (), "bond.mode": "lacp"})) == ["bond.cards"]
    after = network.submit_bond(start, {"bond.cards": (NICS[1].mac,), "bond.mode": "lacp"})
    assert isinstance(after, State)
    assert after.cards() == (NICS[0].mac, NICS[1].mac)
    many = tuple(f"52:54:00:00:01:0{number}" for number in range(8))
    assert fields(network.submit_bond(start, {"bond.cards": many, "bond.mode": "lacp"})) == ["bond.cards"]


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"ip.v4": "none", "ip.v6": "none", "ip.vlan": ""}, ["ip.v4"]),
        ({"ip.v4": "dhcp", "ip.v6": "none", "ip.vlan": "0"}, ["ip.vlan"]),
        ({"ip.v4": "dhcp", "ip.v6": "none", "ip.vlan": "4095"}, ["ip.vlan"]),
        ({"ip.v4": "dhcp", "ip.v6": "none", "ip.vlan": "ten"}, ["ip.vlan"]),
    ],
)
def test_invalid_addressing(values: Values, wrong: list[str]) -> None:
    assert fields(network.submit_ip(chosen(), values)) == wrong


@pytest.mark.parametrize("vlan", ["", "1", "4094", " 42 "])
def test_valid_addressing(vlan: str) -> None:
    assert isinstance(network.submit_ip(chosen(), {"ip.v4": "none", "ip.v6": "autoconf", "ip.vlan": vlan}), State)


@pytest.mark.parametrize(
    ("address", "gateway", "where", "words"),
    [
        ("", "", "static.address", "Enter the host's address"),
        ("192.0.2.10", "", "static.address", "prefix length is missing"),
        ("192.0.2.300/24", "", "static.address", "192.0.2.10/24"),
        ("192.0.2.10/33", "", "static.address", "192.0.2.10/24"),
        ("2001:db8::1/64", "", "static.address", "an IPv6 address"),
        ("192.0.2.0/24", "", "static.address", "is the network address"),
        ("192.0.2.255/24", "", "static.address", "broadcast"),
        ("127.0.0.1/8", "", "static.address", "cannot be assigned"),
        ("192.0.2.10/24", "192.0.2.1/24", "static.gateway", "without a prefix"),
        ("192.0.2.10/24", "router", "static.gateway", "192.0.2.1."),
        ("192.0.2.10/24", "fe80::1", "static.gateway", "an IPv6 address"),
        ("192.0.2.10/24", "198.51.100.1", "static.gateway", "in the host's network 192.0.2.0/24"),
        ("192.0.2.10/24", "192.0.2.10", "static.gateway", "the host's own address"),
    ],
)
def test_an_invalid_address_is_explained(address: str, gateway: str, where: str, words: str) -> None:
    taken = network.submit_static4(chosen({"ip.v4": "static"}), {"static.address": address, "static.gateway": gateway})
    assert isinstance(taken, list)
    assert [problem.field for problem in taken] == [where]
    assert words in taken[0].text


@pytest.mark.parametrize(
    ("address", "gateway"), [("192.0.2.10/24", "192.0.2.1"), (" 10.0.0.1/8 ", ""), ("192.0.2.0/31", "192.0.2.1")]
)
def test_a_right_ipv4_address(address: str, gateway: str) -> None:
    assert isinstance(network.submit_static4(chosen(), {"static.address": address, "static.gateway": gateway}), State)


@pytest.mark.parametrize("gateway", ["2001:db8::1", "fe80::1", ""])
def test_a_right_ipv6_address(gateway: str) -> None:
    values = {"static6.address": "2001:db8::10/64", "static6.gateway": gateway}
    assert isinstance(network.submit_static6(chosen(), values), State)
    assert isinstance(network.submit_static6(chosen(), {**values, "static6.gateway": "2001:db9::1"}), list)


def test_names_are_checked_each_at_its_field() -> None:
    values = {"name.host": "Xen1", "name.dns": "192.0.2.53 dns", "name.search": "example.org, -x"}
    taken = network.submit_names(chosen(), values)
    assert isinstance(taken, list)
    assert [problem.field for problem in taken] == ["name.host", "name.dns", "name.search"]
    assert taken[0].text == "Use lower case: xen1"
    assert taken[1].text.startswith("dns: ")
    assert fields(network.submit_names(chosen(), {"name.host": " ", "name.dns": "", "name.search": ""})) == ["name.host"]
    good = {"name.host": "xen1.example.org", "name.dns": "192.0.2.53, 2001:db8::53", "name.search": "example.org"}
    assert isinstance(network.submit_names(chosen(), good), State)


def test_checks_of_single_fields_take_what_the_model_takes() -> None:
    assert field_validators.host_name("xen1") == ""
    assert "at least one letter" in field_validators.host_name("192.0.2.1")
    assert field_validators.address(4)("192.0.2.10/24") == ""
    assert field_validators.gateway(6)("") == ""
