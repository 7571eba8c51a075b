"""A host of a Ganeti pool in a folder, and commands that are only noted down."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_runner import FakeRunner

from pool.host_access import LocalHost, ManagedHost
from pool.join import openssh_keys


@pytest.fixture
def commands() -> FakeRunner:
    outputs = {"vgs --noheadings": "  30464.00\n", "gnt-node list": "h1.example.org\nh2.example.org\n"}
    return FakeRunner({**outputs, "gnt-cluster command": "return code = 0\n"}, errors="Failure: it broke")


@pytest.fixture
def access(tmp_path: Path, commands: FakeRunner) -> LocalHost:
    """Return a host that is ready for a pool."""
    value = LocalHost(tmp_path, commands)
    value.write("usr/sbin/gnt-cluster", "#!")
    value.write("usr/share/dom0kit/ganeti/cron", "*/5 * * * * root ganeti-watcher\n")
    value.write("etc/ssh/ssh_host_ed25519_key.pub", f"{openssh_keys.ed25519_line(b'h' * 32)} root@h1\n")
    value.write("etc/hostname", "h1.example.org\n")
    value.write("etc/hosts", "127.0.0.1\tlocalhost\n10.0.0.11\th1.example.org h1\n")
    return value


@pytest.fixture
def own() -> ManagedHost:
    return ManagedHost("h1.example.org", "10.0.0.11", volume_group="guests")


@pytest.fixture
def in_pool(access: LocalHost) -> LocalHost:
    """Return the same host as the master of a pool of two."""
    make_pool(access)
    return access


def make_pool(access: LocalHost, master: str = "h1.example.org") -> None:
    """Write the files that Ganeti writes on each host of a pool."""
    files = {
        "cluster_name": "pool.example.org",
        "master_ip": "10.0.0.10",
        "master_node": master,
        "node_list": "h1.example.org\nh2.example.org",
        "node_primary_ips": "h1.example.org 10.0.0.11\nh2.example.org 10.0.0.12",
        "master_candidates": "h1.example.org\nh2.example.org",
        "offline_nodes": "",
    }
    for name, text in files.items():
        access.write(f"var/lib/ganeti/ssconf_{name}", text + "\n")
    access.write("var/lib/ganeti/server.pem", "certificate")
