"""What DHCP offers is proposed, and gives way to what is typed."""

from __future__ import annotations

from pathlib import Path

from screen_samples import chosen

from installer.tui.operations import dhcp_lease
from installer.tui.pages import network
from installer.tui.toolkit.forms import Form, Value

LEASE = """# This is private data. Do not parse.
ADDRESS=192.0.2.77
NETMASK=255.255.255.0
ROUTER=192.0.2.1 192.0.2.2
DNS=192.0.2.53 192.0.2.54
DOMAINNAME=example.org
HOSTNAME=xen7
"""
LEASED: dict[str, Value] = {**dhcp_lease.parse_lease(LEASE)}


def shown(form: Form) -> dict[str, Value]:
    return form.values()


def test_a_lease_becomes_proposals() -> None:
    assert LEASED == {
        "lease.address": "192.0.2.77/24",
        "lease.gateway": "192.0.2.1",
        "lease.dns": "192.0.2.53 192.0.2.54",
        "lease.search": "example.org",
        "lease.host": "xen7.example.org",
    }
    for broken in ("", "ADDRESS=192.0.2.77\n", "ADDRESS=x\nNETMASK=y\nROUTER=192.0.2.1\n"):
        assert set(dhcp_lease.parse_lease(broken).values()) == {""}
    # A server that says the live system's own name back has named none.
    assert dhcp_lease.parse_lease(LEASE, "xen7.local")["lease.host"] == ""
    assert dhcp_lease.parse_lease(LEASE.replace("HOSTNAME=xen7\n", ""), "live")["lease.host"] == ""


def test_the_lease_of_a_card_is_found_by_its_number(tmp_path: Path) -> None:
    card = tmp_path / "sys/class/net/eno1"
    card.mkdir(parents=True)
    (card / "ifindex").write_text("3\n")
    assert dhcp_lease.read_lease("eno1", tmp_path)["lease.address"] == ""
    (tmp_path / "run/systemd/netif/leases").mkdir(parents=True)
    (tmp_path / "run/systemd/netif/leases/3").write_text(LEASE)
    assert dhcp_lease.read_lease("eno1", tmp_path) == LEASED
    assert dhcp_lease.read_lease("eno2", tmp_path)["lease.address"] == ""


def test_a_static_address_defaults_to_the_lease() -> None:
    values: dict[str, Value] = {"ip.v4": "static", **LEASED}
    assert shown(network.static4(chosen(values))) == {"static.address": "192.0.2.77/24", "static.gateway": "192.0.2.1"}
    assert "unused" in str(network.static4(chosen(values)).items[0])
    # In a VLAN the network is another one; IPv6 has nothing of it.
    assert shown(network.static4(chosen({**values, "ip.vlan": "7"})))["static.address"] == ""
    assert shown(network.static6(chosen(values)))["static6.address"] == ""


def test_input_overrides_the_lease() -> None:
    values: dict[str, Value] = {"ip.v4": "static", **LEASED, "static.address": "192.0.2.9/24", "static.gateway": ""}
    assert shown(network.static4(chosen(values))) == {"static.address": "192.0.2.9/24", "static.gateway": ""}
    assert shown(network.names(chosen({**values, "name.dns": ""})))["name.dns"] == ""


def test_names_are_proposed_where_dhcp_will_not_give_them() -> None:
    unnamed = {"name.host": ""}
    fixed = shown(network.names(chosen({**LEASED, "ip.v4": "static"})))
    assert (fixed["name.dns"], fixed["name.search"]) == ("192.0.2.53 192.0.2.54", "example.org")
    by_dhcp = shown(network.names(chosen({**LEASED, **unnamed})))
    assert (by_dhcp["name.dns"], by_dhcp["name.search"]) == ("", "")
    assert fixed["name.host"] == "xen1.example.org"
