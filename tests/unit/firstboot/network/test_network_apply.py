from __future__ import annotations

import json
import shutil
from functools import partial
from typing import Any

import pytest

from dom0kit import polling
from dom0kit.errors import UserError
from dom0kit.linux import udev
from firstboot.host import Host
from firstboot.network import apply
from firstboot.network.apply import address, arrived, network

A, B = "52:54:00:12:34:56", "52:54:00:00:00:02"
QUERIES = [
    "ovs-vsctl --bare --columns=name find Bridge external_ids:dom0kit=bridge",
    "ovs-vsctl --bare --columns=name find Port external_ids:dom0kit=port",
]
BOND = "bond_mode: active-backup\nlacp_status: off\n\nmember mgmt0: enabled\n  active member\n\nmember mgmt1: disabled\n"


def with_answers(host: Host, host_answers: dict[str, Any], **management: Any) -> Host:
    host_answers["network"]["management"] = management
    host.path("etc/dom0kit/host.json").write_text(json.dumps(host_answers))
    return Host(host.root, host.run)


def test_network(host: Host, calls: list[str]) -> None:
    network(host)
    assert host.path("etc/netplan/50-dom0kit.yaml").stat().st_mode & 0o777 == 0o600
    transaction = calls.pop(-2)
    assert transaction.startswith("ovs-vsctl --if-exists del-port mgmt0 -- --may-exist add-br xenbr0 -- ")
    assert calls == [
        "/usr/libexec/netplan/generate",
        "ip link set dev enp3s0 down",
        "ip link set dev enp3s0 name mgmt0",
        "systemctl start openvswitch-switch.service",
        *QUERIES,
        "systemctl reload-or-restart systemd-networkd.service",
    ]


@pytest.mark.parametrize(
    ("unit", "reloads"), [("netplan-ovs-cleanup.service", 0), ("netplan-ovs-br0.service", 1), ("netplan-wpa-wlan0.service", 1)]
)
def test_systemd_reads_its_units_again_for_those_of_an_administrators_netplan_file(
    host: Host, calls: list[str], unit: str, reloads: int
) -> None:
    path = host.path("run/systemd/system") / unit
    path.parent.mkdir(parents=True)
    path.touch()
    network(host)
    assert calls.count("systemctl daemon-reload") == reloads


def test_network_without_the_card(host: Host, calls: list[str]) -> None:
    host.path("sys/class/net/enp3s0/address").write_text("52:54:00:00:00:01\n")
    host.path("run/udev").mkdir()
    host.path("run/udev/control").touch()
    with pytest.raises(UserError, match="enp3s0"):
        network(host)
    assert calls == [f"udevadm settle --timeout={udev.SLICE_SECONDS}"]


def test_a_bond_comes_up_without_one_of_its_cards(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    host = with_answers(host, host_answers, bond={"nics": [{"mac": B}, {"mac": A}]})
    network(host)
    assert host.warnings == [f"no network card has the address {B} (mgmt0); present: enp3s0 ({A})"]
    assert "ip link set dev enp3s0 name mgmt1" in calls
    assert "add-bond xenbr0 mgmt-bond mgmt0 mgmt1" in calls[-2]


def test_the_addition_to_netplan_follows_the_answers(host: Host, host_answers: dict[str, Any]) -> None:
    folder = "etc/systemd/network/10-netplan-{}.network.d/50-dom0kit.conf"
    network(with_answers(host, host_answers, mac=A, ipv4="none", ipv6={"address": "2001:db8::10/64"}))
    assert "UseAutonomousPrefix=no" in host.read(folder.format("xenbr0"))
    network(with_answers(host, host_answers, mac=A, ipv4="none", ipv6={"address": "2001:db8::10/64"}, vlan=5))
    assert not host.path(folder.format("xenbr0")).exists()
    assert host.path(folder.format("mgmt.5")).exists()
    network(with_answers(host, host_answers, mac=A))
    assert not host.path(folder.format("mgmt.5")).exists()


def test_an_address_goes_into_hosts(host: Host, calls: list[str]) -> None:
    address(host)
    assert host.warnings == []
    assert calls[0] == "networkctl --json=short status xenbr0"
    assert calls[1].split()[1:] == ["--interface=xenbr0:routable", "--ipv4", f"--timeout={apply.ADDRESS_SECONDS}"]
    assert "10.0.2.15\txen1.example.net xen1" in host.read("etc/hosts")


def test_the_limit_of_dhcp_begins_when_networkd_has_the_port(
    host: Host, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a slow machine networkd began so late that no time was left for DHCP, which was then called missing."""
    states = iter(["", "{}", '{"AdministrativeState": "pending"}', '{"AdministrativeState": "configuring"}'])

    def pause(seconds: float) -> None:
        host.run.outputs["networkctl"] = next(states)  # type: ignore[attr-defined]

    host.run.outputs["networkctl"] = '{"AdministrativeState": "initialized"}'  # type: ignore[attr-defined]
    monkeypatch.setattr(apply, "poll", partial(polling.poll, sleep=pause))
    address(host)
    assert host.warnings == []
    assert [call.split()[0].rpartition("/")[2] for call in calls] == ["networkctl"] * 5 + ["systemd-networkd-wait-online", "ip"]


def test_a_port_that_networkd_does_not_take_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.run.outputs["networkctl"] = ""  # type: ignore[attr-defined]
    monkeypatch.setattr(apply, "NETWORKD_SECONDS", 0)
    address(host)
    assert host.warnings == ["gave up waiting for networkd to configure xenbr0 after 0.0 s: networkctl status xenbr0"]


def test_ipv6_alone_waits_for_no_ipv4(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    host = with_answers(host, host_answers, mac=A, ipv4="none", ipv6="autoconf", vlan=9)
    host.run.outputs["ip"] = json.dumps(  # type: ignore[attr-defined]
        [{"addr_info": [{"family": "inet6", "local": "2001:db8::5054:ff:fe00:1", "scope": "global"}]}]
    )
    address(host)
    assert calls[1].split()[1:] == ["--interface=mgmt.9:routable", "--ipv6", f"--timeout={apply.ADDRESS_SECONDS}"]
    assert host.warnings == []
    assert "2001:db8::5054:ff:fe00:1\txen1.example.net xen1" in host.read("etc/hosts")


def test_each_address_that_does_not_come_is_a_warning(host: Host, host_answers: dict[str, Any], failing: set[str]) -> None:
    host = with_answers(host, host_answers, mac=A, ipv6="dhcp")
    failing.add("/usr/lib/systemd/systemd-networkd-wait-online")
    host.run.outputs["ip"] = "[]"  # type: ignore[attr-defined]
    address(host)
    assert [warning.partition(";")[0] for warning in host.warnings] == [
        "xenbr0 has no IPv4 address yet",
        "xenbr0 has no IPv6 address yet",
    ]


def test_an_address_that_came_late_is_no_warning_at_the_end(host: Host, host_answers: dict[str, Any], failing: set[str]) -> None:
    host = with_answers(host, host_answers, mac=A, ipv6="dhcp")
    failing.add("/usr/lib/systemd/systemd-networkd-wait-online")
    host.run.outputs["ip"] = "[]"  # type: ignore[attr-defined]
    host.warnings.append("this host runs without Xen")
    address(host)
    host.run.outputs["ip"] = json.dumps(  # type: ignore[attr-defined]
        [{"addr_info": [{"family": "inet", "local": "192.0.2.10", "scope": "global"}]}]
    )
    arrived(host)
    assert [warning.partition(";")[0] for warning in host.warnings] == [
        "this host runs without Xen",
        "xenbr0 has no IPv6 address yet",
    ]
    assert "192.0.2.10\txen1.example.net xen1" in host.read("etc/hosts")


def test_a_member_without_cable_is_a_warning(host: Host, host_answers: dict[str, Any]) -> None:
    host = with_answers(host, host_answers, bond={"nics": [{"mac": A}, {"mac": B}]})
    host.run.outputs["ovs-appctl"] = BOND  # type: ignore[attr-defined]
    address(host)
    assert host.warnings == ["mgmt-bond runs without mgmt1; look at the cables: ovs-appctl bond/show mgmt-bond"]


def test_no_card_at_all(host: Host) -> None:
    shutil.rmtree(host.path("sys/class/net/enp3s0"))
    with pytest.raises(UserError, match="present: none"):
        network(host)
