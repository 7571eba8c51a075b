"""Checks of a host against prepared outputs of programs."""

from __future__ import annotations

import json

import pytest

from dom0kit.units import MIB
from qa.checks import host_checks
from qa.errors import ScenarioFailed
from qa.vm.guest import CommandResult, Guest


class Scripted(Guest):
    """A guest with prepared outputs by the beginnings of commands, underscores for spaces."""

    def __init__(self, **outputs: str) -> None:
        self._outputs = outputs

    def execute(self, command: str, *, limit: float = 0) -> CommandResult:
        for start, output in self._outputs.items():
            if command.startswith(start.replace("_", " ")):
                return CommandResult(command, 0, output)
        return CommandResult(command, 127, "not found")


def layout(**changes: object) -> str:
    """Return the output of lsblk for an installed disk; ``changes`` to the system partition."""
    parts = [
        {"size": MIB, "fstype": None, "label": None},
        {"size": 256 * MIB, "fstype": "vfat", "label": "EFI"},
        {"size": 10240 * MIB, "fstype": "ext4", "label": "dom0kit-system", **changes},
        {"size": 10000 * MIB, "fstype": "LVM2_member", "label": None},
    ]
    children = [{"name": f"vda{n}", "type": "part", **part} for n, part in enumerate(parts, 1)]
    return json.dumps({"blockdevices": [{"name": "vda", "type": "disk", "children": children}]})


def test_layout() -> None:
    """The layout of the architecture."""
    host_checks.check_layout(layout())


def test_the_esp_is_larger_with_large_sectors() -> None:
    """As installer.model.partition_layout makes it: FAT32 needs so many clusters."""
    large = layout().replace(str(256 * MIB), f'{260 * MIB}, "log-sec": 4096')
    host_checks.check_layout(large)
    with pytest.raises(AssertionError, match="ESP"):
        host_checks.check_layout(large.replace("4096", "512"))


@pytest.mark.parametrize("change", [{"label": "root"}, {"fstype": "xfs"}, {"size": 20000 * MIB}])
def test_wrong_layout(change: dict[str, object]) -> None:
    """Another system partition."""
    with pytest.raises(ScenarioFailed, match="system partition"):
        host_checks.check_layout(layout(**change))


def test_too_few_partitions() -> None:
    """A disk without partitions is not taken for one."""
    with pytest.raises(ScenarioFailed, match="0 partitions"):
        host_checks.check_layout('{"blockdevices": [{"name": "vda", "type": "disk"}]}')


def test_boot_order() -> None:
    """dom0kit first, whatever its number."""
    entries = "Boot0000* UiApp\nBoot0003* dom0kit\tHD(2,GPT)/\\EFI\\dom0kit\\grubx64.efi\n"
    host_checks.check_boot_order(f"BootCurrent: 0003\nBootOrder: 0003,0000\n{entries}")
    with pytest.raises(ScenarioFailed, match="not first"):
        host_checks.check_boot_order(f"BootCurrent: 0003\nBootOrder: 0000,0003\n{entries}")


def test_xen() -> None:
    """The version and the domain."""
    good = "host : xen1\nxen_version            : 4.20.3\nxen_caps : x"
    domains = "Name      ID   Mem VCPUs\tState\tTime(s)\nDomain-0   0  1024     2     r-----      20.1"
    host_checks.check_xen(Scripted(xl_info=good, xl_list=domains))
    with pytest.raises(ScenarioFailed, match="does not name Xen"):
        host_checks.check_xen(Scripted(xl_info=good.replace("4.20", "4.17"), xl_list=domains))
    with pytest.raises(ScenarioFailed, match="no Domain-0"):
        host_checks.check_xen(Scripted(xl_info=good, xl_list="Name ID"))


def test_network() -> None:
    """The bridge has an address and the default route."""
    addresses = json.dumps([{"ifname": "xenbr0", "addr_info": [{"local": "10.0.2.15"}]}])
    outputs = {
        "ovs-vsctl_show": "    Bridge xenbr0\n",
        "ovs-vsctl_list-ports": "eth0",
        "ip_-j_addr": addresses,
        "ip_route": "default via 10.0.2.2 dev xenbr0 proto dhcp",
    }
    host_checks.check_network(Scripted(**outputs))
    with pytest.raises(ScenarioFailed, match="has the addresses"):
        host_checks.check_network(Scripted(**{**outputs, "ip_-j_addr": "[]"}))


def test_failed_unit() -> None:
    """One failed unit is one too many."""
    with pytest.raises(ScenarioFailed, match=r"ssh\.service"):
        host_checks.check_services(Scripted(systemctl="ssh.service loaded failed failed"))


def test_mode() -> None:
    """A part of a word is not the mode."""
    host_checks.check_mode(Scripted(cat="boot=dom0kit dom0kit.mode=host quiet"), "host")
    with pytest.raises(ScenarioFailed, match="mode=host"):
        host_checks.check_mode(Scripted(cat="boot=dom0kit dom0kit.mode=hostile"), "host")


def test_the_session_of_a_log_in_that_gave_up_is_no_failed_unit_of_the_host() -> None:
    session = "session-1.scope loaded failed failed Session 1 of User root"
    unit = "lvm2-monitor.service loaded failed failed Monitoring of LVM2 mirrors, snapshots etc."
    assert host_checks.failed_units(f"{session}\n") == ""
    assert host_checks.failed_units(f"{session}\n{unit}\n") == unit
    assert host_checks.failed_units("") == ""
