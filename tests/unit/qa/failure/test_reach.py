"""The ways to a guest."""

from __future__ import annotations

import json
from pathlib import Path

from qa.failure import reach
from qa.interactive import access
from qa.vm.machine import Machine
from qa.vm.qemu_args import MachineSpec


def test_addresses_of_a_machines_cards() -> None:
    listing = [
        {"dst": "fe80::1", "dev": "br0", "lladdr": "52:54:00:77:01:01"},
        {"dst": "10.77.0.11", "dev": "br0", "lladdr": "52:54:00:77:01:01"},
        {"dst": "10.77.0.12", "dev": "br0", "lladdr": "52:54:00:77:01:02"},
        {"dst": "10.77.0.13", "dev": "br0"},
    ]
    found = reach.neighbors(json.dumps(listing), ["52:54:00:77:01:01"])
    assert found == ["10.77.0.11", "fe80::1%br0"]
    assert reach.neighbors("", ["x"]) == []


def test_an_ssh_client_waits_shortly_inside_a_namespace_as_well() -> None:
    argv = reach.short_argv(["ip", "netns", "exec", "n", "ssh", "-F", "none", "-o", "ConnectTimeout=300"])
    assert argv[4:8] == ["ssh", "-o", f"ConnectTimeout={reach.BANNER_SECONDS}", "-F"]


def test_a_machine_that_has_ended_is_not_asked(tmp_path: Path) -> None:
    machine = Machine(MachineSpec(tmp_path), "m", tmp_path)
    assert reach.ask(machine, None, may_type=True) == (None, "the machine had ended")  # type: ignore[arg-type]


def test_a_person_gets_an_ssh_command_with_a_terminal() -> None:
    argv = ["ssh", "-F", "none", "-i", "/k", "-p", "22", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", "root@10.0.0.1", "true"]
    assert access.ssh_command(argv) == "ssh -F none -i /k -p 22 -o LogLevel=ERROR root@10.0.0.1"


def test_every_way_to_a_machine_is_printed(tmp_path: Path) -> None:
    text = "\n".join(access.lines("host", MachineSpec(tmp_path, interactive=True), ["ssh x"]))
    for part in ("console", "qa attach", "socat", "ssh x", "QMP", "monitor", "vncviewer"):
        assert part in text
