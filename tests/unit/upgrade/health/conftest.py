"""A host in a folder that runs from an image, with commands that answer as those of a healthy host."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_runner import FakeRunner
from image_host import BOOT, HOST_JSON, ROUTE, RUNNING, start

from firstboot.host import Host


@pytest.fixture
def runner() -> FakeRunner:
    ip = '[{"addr_info": [{"family": "inet", "local": "192.0.2.15", "scope": "global"}]}]'
    outputs = {"ip -json address": ip, "ip -4": ROUTE, "systemctl is-active dom0kit-firstboot.service": "inactive\n"}
    return FakeRunner({**outputs, "sshd -T": "port 22\nlistenaddress [::]:22\nlistenaddress 0.0.0.0:22\n"})


@pytest.fixture
def host(tmp_path: Path, runner: FakeRunner) -> Host:
    files = {
        "etc/dom0kit/host.json": json.dumps(HOST_JSON),
        "proc/sys/kernel/random/boot_id": f"{BOOT}\n",
        "proc/cmdline": "",
        "sys/hypervisor/type": "xen\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    host = Host(tmp_path, runner)
    start(tmp_path, RUNNING)
    return host
