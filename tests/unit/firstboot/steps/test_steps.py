from __future__ import annotations

import json
import os
import time
from typing import Any

import pytest

from dom0kit.errors import UserError
from firstboot.host import Host
from firstboot.steps import access, clock, identity, proxy, services, steps, storage


def with_answers(host: Host, host_answers: dict[str, Any]) -> Host:
    host.path("etc/dom0kit/host.json").write_text(json.dumps(host_answers))
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
    cut_off = host.path("etc/ssh/.ssh_host_ecdsa_key.0.new")
    cut_off.write_text("half a key")
    identity.identity(host)
    assert [call.split(" -N ")[0] for call in calls] == ["ssh-keygen -q -t ecdsa", "ssh-keygen -q -t ed25519"]
    names = ["ssh_host_ecdsa_key", "ssh_host_ecdsa_key.pub", "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "sshd_config"]
    assert sorted(os.listdir(host.path("etc/ssh"))) == names
    name = host.path("etc/iscsi/initiatorname.iscsi")
    first = name.read_text()
    assert name.stat().st_mode & 0o777 == 0o600
    nvme = host.read("etc/nvme/hostid")
    assert host.read("etc/nvme/hostnqn") == f"nqn.2014-08.org.nvmexpress:uuid:{nvme}"
    identity.identity(host)
    assert name.read_text() == first
    assert host.read("etc/nvme/hostid") == nvme


def test_a_machine_id_that_does_not_come_is_an_error(host: Host, calls: list[str]) -> None:
    host.path("etc/machine-id").write_text("uninitialized\n")
    with pytest.raises(UserError, match="machine ID"):
        identity.identity(host)
    assert calls == ["systemd-machine-id-setup"]


def test_name(host: Host) -> None:
    identity.name(host)
    assert host.read("etc/hostname") == "xen1.example.net\n"
    assert host.read("proc/sys/kernel/hostname") == "xen1.example.net"
    assert "127.0.1.1\txen1.example.net xen1" in host.read("etc/hosts")


def test_a_static_address_goes_into_hosts(host: Host, host_answers: dict[str, Any]) -> None:
    host_answers["network"]["management"]["ipv4"] = {"address": "192.0.2.10/24", "gateway": "192.0.2.1"}
    host = with_answers(host, host_answers)
    identity.name(host)
    assert "192.0.2.10\txen1.example.net xen1" in host.read("etc/hosts")
    host_answers["network"]["management"].update(ipv4="none", ipv6={"address": "2001:db8::10/64"})
    host = with_answers(host, host_answers)
    identity.name(host)
    assert "2001:db8::10\txen1.example.net xen1" in host.read("etc/hosts")


def test_root(host: Host, host_answers: dict[str, Any]) -> None:
    host.write("root/.ssh/authorized_keys", "ssh-ed25519 other\n", 0o600)
    access.root(host)
    assert host.read("etc/shadow").startswith(f"root:{host_answers['root']['password_hash']}:")
    assert host.path("etc/shadow").stat().st_mode & 0o777 == 0o640
    keys = host.path("root/.ssh/authorized_keys")
    assert keys.read_text() == f"ssh-ed25519 other\n# dom0kit: begin\n{host_answers['root']['ssh_keys'][0]}\n# dom0kit: end\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_mode & 0o777 == 0o700


def test_a_locked_root_has_keys_alone(host: Host, host_answers: dict[str, Any]) -> None:
    host_answers["root"] = {"ssh_keys": host_answers["root"]["ssh_keys"], "lock": True}
    host.write("etc/shadow", "root:$6$old$hash:20000:0:99999:7:::\n", 0o640)
    access.root(with_answers(host, host_answers))
    assert host.read("etc/shadow").startswith("root:*:")
    assert host_answers["root"]["ssh_keys"][0] in host.read("root/.ssh/authorized_keys")


def test_ssh_is_on_and_stays_so(host: Host, calls: list[str]) -> None:
    host.run.outputs["systemctl"] = "enabled\n"  # type: ignore[attr-defined]
    access.ssh(host)
    assert calls == ["systemctl is-enabled ssh.service"]
    host.run.outputs["systemctl"] = "disabled\n"  # type: ignore[attr-defined]
    access.ssh(host)
    assert calls[-1] == "systemctl enable ssh.service"


def test_ssh_off(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    host_answers["ssh"] = "off"
    host = with_answers(host, host_answers)
    host.run.outputs["systemctl"] = "enabled\n"  # type: ignore[attr-defined]
    access.ssh(host)
    assert calls == [
        "systemctl is-enabled ssh.service",
        "systemctl disable ssh.service ssh.socket",
        "systemctl stop ssh.service ssh.socket",
    ]
    calls.clear()
    services.services(host)
    assert calls == ["systemctl start xen.service"]


def test_clock(host: Host, calls: list[str]) -> None:
    clock.clock(host)
    assert os.readlink(host.path("etc/localtime")) == "/usr/share/zoneinfo/Europe/Berlin"
    assert host.read("etc/timezone") == "Europe/Berlin\n"
    assert host.read("etc/chrony/sources.d/dom0kit.sources") == "server 192.0.2.1 iburst\n"
    assert calls == ["systemctl --no-block try-restart chrony.service"]
    clock.clock(host)
    assert len(calls) == 1


def test_an_unknown_zone_is_an_error(host: Host) -> None:
    host.path("usr/share/zoneinfo/Europe/Berlin").unlink()
    with pytest.raises(UserError, match="Europe/Berlin"):
        clock.clock(host)


def test_storage(host: Host, host_answers: dict[str, Any], calls: list[str]) -> None:
    storage.storage(host)
    assert calls == ["vgs --noheadings --options vg_name guests"]
    host_answers["guests"] = "none"
    storage.storage(with_answers(host, host_answers))
    assert len(calls) == 1


def test_services(host: Host, calls: list[str]) -> None:
    services.services(host)
    assert calls == ["systemctl start ssh.service xen.service"]


def test_without_xen_there_is_a_warning(host: Host, calls: list[str]) -> None:
    host.path("sys/hypervisor/type").unlink()
    services.services(host)
    assert calls == ["systemctl start ssh.service"]
    assert host.warnings == ["this host runs without Xen"]


def test_confirm(host: Host) -> None:
    services.confirm(host)
    value = json.loads(host.read("var/lib/dom0kit/confirmed.json"))
    assert value["version"] == "0.1.0"
    assert abs(value["time"] - time.time()) < 60


def test_damaged_answers_are_said_in_words(host: Host, host_answers: dict[str, Any]) -> None:
    host_answers["time"]["zone"] = 7
    with pytest.raises(UserError, match=r"damaged at time\.zone"):
        _ = with_answers(host, host_answers).answers


def test_no_answers(host: Host) -> None:
    host.path("etc/dom0kit/host.json").unlink()
    with pytest.raises(UserError, match="does not exist"):
        _ = host.host_json
    assert host.name == "this host"


def test_apt_uses_the_proxy_of_the_answers_and_no_other(host: Host, host_answers: dict[str, Any]) -> None:
    place = "etc/apt/apt.conf.d/50dom0kit-proxy"
    proxy.proxy(with_answers(host, {**host_answers, "proxy": {"url": "http://192.0.2.9:3128", "except_for": ["192.0.2.1"]}}))
    assert 'Acquire::http::Proxy "http://192.0.2.9:3128";' in host.read(place)
    proxy.proxy(with_answers(host, host_answers))
    assert not host.path(place).exists()
