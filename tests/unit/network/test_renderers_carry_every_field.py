"""Every renderer carries every field of the model: a change of any field changes what each of them writes."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from answer_strategies import MODEST, ipv4, ipv6, route
from hypothesis import given
from hypothesis import strategies as st

from answerfiles.model import Management, Network
from answerfiles.model.network import Route, StaticAddress, StaticAddress6
from network import netplan, networkd, openvswitch
from network.host_json import DEFAULT_BRIDGE, other_ports
from network.model import LONGEST_NAME, Bonding, Card, HostPort, Layout, Switch, host_layout, trial_layout

A, B, C = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"
CARDS = (Card(A, "eno1"), Card(B, "eno2"))
BASE = Layout(
    (Switch("xenbr0", CARDS, Bonding("mgmt-bond", "lacp", "slow"), 9000), Switch("br9", mtu=9000)),
    HostPort(
        "mgmt.5",
        A,
        StaticAddress.model_validate({"address": "192.0.2.10/24", "gateway": "192.0.2.1"}),
        StaticAddress6.model_validate({"address": "2001:db8::10/64", "gateway": "2001:db8::1"}),
        5,
        ("192.0.2.53",),
        ("example.net",),
        (Route.model_validate({"to": "198.51.100.0/24", "via": "192.0.2.2", "metric": 10}),),
        bridge="xenbr0",
    ),
)
DYNAMIC = dataclasses.replace(BASE, port=dataclasses.replace(BASE.port, ipv4="dhcp", ipv6="dhcp", routes=()))
BASES = (BASE, DYNAMIC)
"""A field must show with fixed addresses or with DHCP."""
CHANGES: dict[tuple[type, str], Any] = {
    (Card, "mac"): C,
    (Card, "name"): "eno9",
    (Bonding, "port"): "other-bond",
    (Bonding, "mode"): "active-backup",
    (Bonding, "lacp_rate"): "fast",
    (Switch, "name"): "br9",
    (Switch, "cards"): CARDS[:1],
    (Switch, "bond"): None,
    (Switch, "mtu"): 1400,
    (HostPort, "name"): "mgmt.6",
    (HostPort, "mac"): B,
    (HostPort, "ipv4"): "dhcp",
    (HostPort, "ipv6"): "autoconf",
    (HostPort, "vlan"): 6,
    (HostPort, "dns"): ("192.0.2.54",),
    (HostPort, "search"): ("example.org",),
    (HostPort, "bridge"): "br9",
    (HostPort, "mtu"): 1400,
    (HostPort, "routes"): (Route.model_validate({"to": "203.0.113.0/24", "via": "192.0.2.2", "metric": 10}),),
}
"""Another value for each field whose type is not plain, or whose value must fit others; see :func:`another`."""


def another(annotation: str, present: Any) -> Any:
    """Return another value of a plain type; None for types that need a value in :data:`CHANGES`."""
    plain = annotation.removesuffix(" | None")
    if re.fullmatch(r"Literal\[[^\]]*\]", plain):
        return next((word for word in re.findall(r'"([^"]+)"', plain) if word != present), None)
    if plain == "tuple[str, ...]":
        return (*present, "x")
    return {"bool": not present, "int": 1400, "str": f"{present or ''}x"}.get(plain)


EXAMPLES = {Card: CARDS[0], Bonding: BASE.switches[0].bond, Switch: BASE.switches[0], HostPort: BASE.port}
for kind, example in EXAMPLES.items():
    for known in dataclasses.fields(kind):
        if (kind, known.name) not in CHANGES:
            derived = another(str(known.type), getattr(example, known.name))
            CHANGES |= {} if derived is None else {(kind, known.name): derived}
NOT_IN_A_TRIAL = {
    (Card, "mac"): "a trial matches cards by their present names",
    (Bonding, "port"): "a trial's bond has a name of its own",
    (Switch, "name"): "a trial has no bridge",
    (HostPort, "bridge"): "a trial has no bridge",
    (HostPort, "name"): "a trial's interface has a name of its own",
}


def host(layout: Layout) -> str:
    """Return what first boot writes: netplan's file, its drop-in, and the rows of Open vSwitch."""
    drop_ins = [netplan.drop_in(port) or "" for port in layout.ports]
    return "\n".join([netplan.text(layout), *drop_ins, *openvswitch.command(layout)])


def trial(layout: Layout) -> str:
    """Return what the installer's trial writes."""
    return str(networkd.trial_files(layout))


def changed(base: Layout, owner: type, field: str, value: Any) -> Layout:
    """Return a layout with another value of one field."""
    switch, port = base.switches[0], base.port
    if owner is Card:
        switch = dataclasses.replace(switch, cards=(dataclasses.replace(CARDS[0], **{field: value}), CARDS[1]))
    elif owner is Bonding:
        assert switch.bond is not None
        switch = dataclasses.replace(switch, bond=dataclasses.replace(switch.bond, **{field: value}))
    elif owner is Switch:
        switch = dataclasses.replace(switch, **{field: value})
    else:
        port = dataclasses.replace(port, **{field: value})
    return Layout((switch, *base.switches[1:]), port)


def test_every_field_has_another_value_here() -> None:
    fields = {(owner, field.name) for owner in (Card, Bonding, Switch, HostPort) for field in dataclasses.fields(owner)}
    assert fields == set(CHANGES), "give the field another value in CHANGES"


@pytest.mark.parametrize(("owner", "field"), CHANGES)
def test_a_change_of_any_field_changes_the_host(owner: type, field: str) -> None:
    assert any(host(changed(base, owner, field, CHANGES[owner, field])) != host(base) for base in BASES)


@pytest.mark.parametrize(("owner", "field"), [key for key in CHANGES if key not in NOT_IN_A_TRIAL])
def test_a_change_of_any_field_changes_the_trial(owner: type, field: str) -> None:
    assert any(trial(changed(base, owner, field, CHANGES[owner, field])) != trial(base) for base in BASES)


def test_the_default_bridge_is_that_of_the_model() -> None:
    assert Management().bridge == DEFAULT_BRIDGE


@MODEST
@given(st.data())
def test_addresses_names_routes_and_sizes_of_any_network_are_in_both(data: st.DataObject) -> None:
    """The trial network once dropped routes, packet sizes and search domains: the pool was contacted over another network."""
    values: dict[str, Any] = {
        "ipv4": data.draw(ipv4()),
        "ipv6": data.draw(ipv6),
        "routes": data.draw(st.lists(route, max_size=3)),
        "dns": data.draw(st.sampled_from([[], ["192.0.2.53", "2001:db8::53"]])),
        "search": data.draw(st.sampled_from([[], ["example.net", "example.org"]])),
        "mtu": data.draw(st.sampled_from([None, 1280, 1400, 9000])),
        "vlan": data.draw(st.sampled_from([None, 5])),
    }
    mode = data.draw(st.sampled_from([None, "active-backup", "balance-slb", "lacp"]))
    values |= {"mac": A} if mode is None else {"bond": {"nics": [{"mac": A}, {"mac": B}], "mode": mode}}
    management = Network.model_validate({"management": values}).management
    layout = trial_layout(management, CARDS[: 1 if mode is None else 2])
    fixed = [value for value in (management.ipv4, management.ipv6) if not isinstance(value, str)]
    words = [str(value.address) for value in fixed]
    words += [str(value.gateway) for value in fixed if value.gateway is not None]
    words += [*management.dns, *management.search]
    words += [str(word) for route_ in management.routes for word in (route_.to, route_.via, route_.metric) if word is not None]
    words += [str(management.mtu)] if management.mtu else []
    written = {"host": host(layout), "trial": "\n".join(networkd.trial_files(layout)[1].values())}
    for name, text in written.items():
        assert not [word for word in words if word not in text], name


def test_any_field_of_an_additional_interface_is_on_the_host() -> None:
    """Addresses in storage and migration networks are rendered as those of the management network are."""
    own_place = {"name": "br9.7", "vlan": 7, "bridge": "br9", "names": False, "default_route": False}
    own: dict[str, Any] = {"names": True, "default_route": True, "bridge": "xenbr0"}

    def with_extra(base: Layout, **changes: Any) -> str:
        return host(dataclasses.replace(base, others=(dataclasses.replace(base.port, **{**own_place, **changes}),)))

    for (owner, field), value in CHANGES.items():
        if owner is HostPort:
            change = {field: own.get(field, value)}
            assert any(with_extra(base, **change) != with_extra(base) for base in BASES), field


@MODEST
@given(st.data())
def test_addresses_of_all_networks_are_on_the_host(data: st.DataObject) -> None:
    number = st.integers(1, 4094)
    mtu = st.sampled_from([None, 1280, 1500])

    def settings(net: int) -> dict[str, Any]:
        fixed4 = {"address": f"10.{net}.0.5/24"}
        fixed6 = {"address": f"2001:db8:{net}::5/64"}
        ipv4, ipv6 = data.draw(st.sampled_from([("dhcp", "none"), (fixed4, "none"), ("none", fixed6), (fixed4, fixed6)]))
        to = {"to": f"10.9{net}.0.0/16", "via": f"10.{net}.0.1"}
        return {"ipv4": ipv4, "ipv6": ipv6, "routes": [to] if ipv4 == fixed4 else []}

    def vlans(net: int) -> list[dict[str, Any]]:
        numbers = data.draw(st.lists(number, max_size=2, unique=True))
        return [{"vlan": vlan, "mtu": data.draw(mtu), **settings(net + i)} for i, vlan in enumerate(numbers)]

    bridges: list[dict[str, Any]] = [{"name": "storage", "mac": B, "mtu": 9000, **settings(1), "vlans": vlans(3)}]
    bridges.append({"name": "migration-net-1", **settings(2)})
    management = {"mac": A, "vlans": vlans(5), "mtu": data.draw(st.sampled_from([None, 9000]))}
    found = {"management": management, "bridges": bridges}
    places = ["management", "storage", "migration-net-1", *(f"management.{vlan['vlan']}" for vlan in management["vlans"])]
    found["default_route"] = data.draw(st.sampled_from(places))
    network = Network.model_validate(found)
    layout = host_layout(network)
    text = host(layout)
    assert len(layout.ports) == 3 + len(management["vlans"]) + len(bridges[0]["vlans"])
    assert [port.default_route for port in layout.ports].count(True) == 1
    assert all(len(port.name) <= LONGEST_NAME for port in layout.ports)
    for place in (*bridges, *bridges[0]["vlans"], *management["vlans"]):
        words = [value["address"] for value in (place["ipv4"], place["ipv6"]) if isinstance(value, dict)]
        words += [route_["via"] for route_ in place["routes"]]
        assert not [word for word in words if word not in text]
    value = network.model_dump(mode="json")
    wanted = [(port.name, tuple(f for f, how in ((4, port.ipv4), (6, port.ipv6)) if how != "none")) for port in layout.others]
    assert list(other_ports({"network": value})) == wanted
