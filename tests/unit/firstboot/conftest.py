"""A host in a folder, and commands that are only noted down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_runner import Call, FakeRunner

from firstboot.host import Host

MAC = "52:54:00:12:34:56"
HASH = "$6$saltsaltsalt$" + "x" * 86
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhc2U2NGJhc2U2NGJhc2U2NGJhc2U2NGJhc2U2NDEy admin@example"


@pytest.fixture
def host_answers() -> dict[str, Any]:
    return {
        "version": 1,
        "mode": "install",
        "host_name": "xen1.example.net",
        "target": {"disk": {"serial": "S1", "path": None, "wwn": None}, "wipe": False},
        "guests": {"volume_group": "guests"},
        "network": {"management": {"mac": MAC, "ipv4": "dhcp", "dns": [], "search": [], "bridge": "xenbr0"}},
        "time": {"zone": "Europe/Berlin", "ntp": ["192.0.2.1"]},
        "root": {"password_hash": HASH, "ssh_keys": [KEY]},
        "finish": "reboot",
    }


def make_key(call: Call) -> str:
    """Stand in for ssh-keygen(1) with the file as its last argument."""
    Path(call.argv[-1]).write_text("key")
    Path(f"{call.argv[-1]}.pub").write_text("public key")
    return ""


@pytest.fixture
def host(tmp_path: Path, host_answers: dict[str, Any]) -> Host:
    """Return a freshly installed host with one network card."""
    files = {
        "etc/dom0kit/host.json": json.dumps(host_answers),
        "etc/machine-id": "0123456789abcdef0123456789abcdef\n",
        "etc/hosts": "127.0.0.1\tlocalhost\n",
        "etc/shadow": "root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n",
        "etc/chrony/chrony.conf": "pool 2.debian.pool.ntp.org iburst\nmakestep 1 3\n",
        "etc/ssh/sshd_config": "",
        "usr/share/zoneinfo/Europe/Berlin": "zone",
        "sys/class/net/enp3s0/address": MAC + "\n",
        "sys/class/net/enp3s0/device/vendor": "",
        "sys/class/net/lo/address": "00:00:00:00:00:00\n",
        "sys/hypervisor/type": "xen\n",
        "proc/sys/kernel/hostname": "dom0kit",
        "proc/sys/kernel/random/boot_id": "first-boot\n",
        "run/dom0kit/image/manifest.json": '{"version": "0.1.0"}',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    ip = '[{"addr_info": [{"family": "inet", "local": "10.0.2.15", "scope": "global"}]}]'
    runner = FakeRunner({"ip": ip, "networkctl": '{"AdministrativeState": "configuring"}'})
    runner.outputs["ssh-keygen"] = make_key
    return Host(tmp_path, runner)


@pytest.fixture
def calls(host: Host) -> list[str]:
    assert isinstance(host.run, FakeRunner)
    return host.run.calls


@pytest.fixture
def failing(host: Host) -> set[str]:
    """Programs that fail from now on."""
    assert isinstance(host.run, FakeRunner)
    return host.run.failing
