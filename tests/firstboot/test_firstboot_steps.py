from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from dom0kit.errors import UserError
from firstboot import steps
from firstboot.host import Host


def retold(host: Host, told: dict[str, Any]) -> Host:
    host.path("etc/dom0kit/host.json").write_text(json.dumps(told))
    return Host(host.root, host.run)


def test_steps_need_only_earlier_ones() -> None:
    seen: set[str] = set()
    for step in steps.STEPS:
        assert set(step.needs) <= seen, step.name
        seen.add(step.name)
    assert set(steps.STEPS[-1].needs) == seen - {"confirm"}


def test_identity(host: Host, calls: list[str]) -> None:
    empty = host.path("etc/ssh/ssh_host_rsa_key")
    empty.touch()
    steps.identity(host)
    assert calls == ["ssh-keygen -A"]
    assert not empty.exists()
    name = host.path("etc/iscsi/initiatorname.iscsi")
    first = name.read_text()
    assert name.stat().st_mode & 0o777 == 0o600
    nvme = host.read("etc/nvme/hostid")
    assert host.read("etc/nvme/hostnqn") == f"nqn.2014-08.org.nvmexpress:uuid:{nvme}"
    steps.identity(host)
    assert name.read_text() == first
    assert host.read("etc/nvme/hostid") == nvme


def test_a_machine_id_that_does_not_come_is_an_error(host: Host, calls: list[str]) -> None:
    host.path("etc/machine-id").write_text("uninitialized\n")
    with pytest.raises(UserError, match="machine id"):
        steps.identity(host)
    assert calls == ["systemd-machine-id-setup"]


def test_name(host: Host) -> None:
    steps.name(host)
    assert host.read("etc/hostname") == "xen1.example.net\n"
    assert host.read("proc/sys/kernel/hostname") == "xen1.example.net"
    assert "127.0.1.1\txen1.example.net xen1" in host.read("etc/hosts")


def test_a_static_address_goes_into_hosts(host: Host, told: dict[str, Any]) -> None:
    told["network"]["management"]["ipv4"] = {"address": "192.0.2.10/24", "gateway": "192.0.2.1"}
    host = retold(host, told)
    steps.name(host)
    assert "192.0.2.10\txen1.example.net xen1" in host.read("etc/hosts")
    steps.network(host)
    assert "192.0.2.10/24" in host.read("etc/netplan/50-dom0kit.yaml")


def test_root(host: Host, told: dict[str, Any]) -> None:
    host.write("root/.ssh/authorized_keys", "ssh-ed25519 other\n", 0o600)
    steps.root(host)
    assert host.read("etc/shadow").startswith(f"root:{told['root']['password_hash']}:")
    assert host.path("etc/shadow").stat().st_mode & 0o777 == 0o640
    keys = host.path("root/.ssh/authorized_keys")
    assert keys.read_text() == f"ssh-ed25519 other\n# dom0kit: begin\n{told['root']['ssh_keys'][0]}\n# dom0kit: end\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o777 == 0o700


def test_clock(host: Host, calls: list[str]) -> None:
    steps.clock(host)
    assert os.readlink(host.path("etc/localtime")) == "/usr/share/zoneinfo/Europe/Berlin"
    assert host.read("etc/timezone") == "Europe/Berlin\n"
    assert host.read("etc/chrony/sources.d/dom0kit.sources") == "server 192.0.2.1 iburst\n"
    assert calls == ["systemctl --no-block try-restart chrony.service"]
    steps.clock(host)
    assert len(calls) == 1


def test_an_unknown_zone_is_an_error(host: Host) -> None:
    host.path("usr/share/zoneinfo/Europe/Berlin").unlink()
    with pytest.raises(UserError, match="Europe/Berlin"):
        steps.clock(host)


def test_network(host: Host, calls: list[str]) -> None:
    steps.network(host)
    assert host.path("etc/netplan/50-dom0kit.yaml").stat().st_mode & 0o777 == 0o600
    assert calls == [
        "/usr/libexec/netplan/generate",
        "systemctl daemon-reload",
        "ip link set dev enp3s0 down",
        "ip link set dev enp3s0 name mgmt0",
        "systemctl start openvswitch-switch.service",
        'ovs-vsctl --may-exist add-br xenbr0 -- set Bridge xenbr0 other-config:hwaddr="52:54:00:12:34:56"'
        " -- --may-exist add-port xenbr0 mgmt0",
        "systemctl reload-or-restart systemd-networkd.service",
        "systemctl start netplan-ovs-xenbr0.service",
    ]


def test_network_without_the_card(host: Host, calls: list[str]) -> None:
    host.path("sys/class/net/enp3s0/address").write_text("52:54:00:00:00:01\n")
    with pytest.raises(UserError, match="enp3s0"):
        steps.network(host)
    assert calls == ["udevadm settle --timeout=60"]


def test_storage(host: Host, told: dict[str, Any], calls: list[str]) -> None:
    steps.storage(host)
    assert calls == ["vgs --noheadings --options vg_name guests"]
    told["guests"] = "none"
    steps.storage(retold(host, told))
    assert len(calls) == 1


def test_an_address_goes_into_hosts(host: Host) -> None:
    steps.address(host)
    assert host.warnings == []
    assert "10.0.2.15\txen1.example.net xen1" in host.read("etc/hosts")


def test_no_address_is_a_warning(host: Host, failing: set[str]) -> None:
    failing.add("/usr/lib/systemd/systemd-networkd-wait-online")
    host.run.outputs["ip"] = "[]"  # type: ignore[attr-defined]
    steps.address(host)
    assert "xenbr0 has no IPv4 address yet" in host.warnings[0]


def test_services(host: Host, calls: list[str]) -> None:
    steps.services(host)
    assert calls == ["systemctl start ssh.service xen.service"]


def test_without_xen_there_is_a_warning(host: Host, calls: list[str]) -> None:
    host.path("sys/hypervisor/type").unlink()
    steps.services(host)
    assert calls == ["systemctl start ssh.service"]
    assert host.warnings == ["this host runs without Xen"]


def test_confirm(host: Host) -> None:
    steps.confirm(host)
    value = json.loads(host.read("var/lib/dom0kit/confirmed.json"))
    assert value["version"] == "0.1.0"
    assert abs(value["time"] - time.time()) < 60


def test_damaged_answers_are_said_in_words(host: Host, told: dict[str, Any]) -> None:
    told["time"]["zone"] = 7
    with pytest.raises(UserError, match=r"damaged at time\.zone"):
        _ = retold(host, told).answers


def test_no_answers(host: Host) -> None:
    host.path("etc/dom0kit/host.json").unlink()
    with pytest.raises(UserError, match="is not there"):
        _ = host.told
    assert host.name == "this host"
