"""A host in a folder, and commands that are only noted down."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dom0kit.process import CommandFailed, Result
from firstboot.host import Host

MAC = "52:54:00:12:34:56"
HASH = "$6$saltsaltsalt$" + "x" * 86
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJhc2U2NGJhc2U2NGJhc2U2NGJhc2U2NGJhc2U2NDEy admin@example"


@dataclass
class FakeRun:
    """Stands in for :func:`dom0kit.process.run`."""

    root: Path
    outputs: dict[str, str] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)

    def __call__(self, argv: Sequence[str], /, *, check: bool = True, timeout: float | None = None, hint: str = "") -> Result:
        self.calls.append(" ".join(argv))
        if argv[0] == "ssh-keygen":
            Path(argv[-1]).write_text("key")
            Path(f"{argv[-1]}.pub").write_text("public key")
        failed = argv[0] in self.failing
        if failed and check:
            raise CommandFailed(argv, 5, "it broke", hint)
        return Result(tuple(argv), 5 if failed else 0, self.outputs.get(argv[0], ""), "", 0.0)


@pytest.fixture
def told() -> dict[str, Any]:
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


@pytest.fixture
def host(tmp_path: Path, told: dict[str, Any]) -> Host:
    """A freshly installed host with one network card, as the image ships it."""
    files = {
        "etc/dom0kit/host.json": json.dumps(told),
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
    return Host(tmp_path, FakeRun(tmp_path, outputs={"ip": ip, "networkctl": '{"AdministrativeState": "configuring"}'}))


@pytest.fixture
def calls(host: Host) -> list[str]:
    assert isinstance(host.run, FakeRun)
    return host.run.calls


@pytest.fixture
def failing(host: Host) -> set[str]:
    """Programs that fail from now on."""
    assert isinstance(host.run, FakeRun)
    return host.run.failing
