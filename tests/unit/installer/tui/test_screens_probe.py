"""What networkd is told, what comes of it, and sticks to save to."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from fake_runner import Call, Ended, FakeRunner
from screen_samples import NICS, chosen

from dom0kit.errors import UserError
from dom0kit.units import GIB, MIB
from installer.command_log import Commands
from installer.model.hardware import MEDIUM
from installer.network import trial
from installer.network.trial import find_addresses
from installer.tui.operations import network_probe, usb_sticks
from installer.tui.operations.network_probe import Probe, find_gateway, has_neighbour, is_up
from installer.tui.state import to_answers
from installer.tui.toolkit.forms import Value
from network import networkd


def files(values: dict[str, Value] | None = None) -> tuple[str, dict[str, str]]:
    where = chosen(values)
    nics = tuple(nic for mac in where.cards() if (nic := where.nic(mac)))
    return networkd.trial_files(trial.layout(to_answers(where).network.management, nics))


def test_dhcp_on_a_card() -> None:
    top, made = files()
    assert top == "eno1"
    text = made["05-dom0kit-test-top.network"]
    assert "Name=eno1" in text
    assert "DHCP=ipv4\nIPv6AcceptRA=no" in text


def test_a_fixed_address_with_names() -> None:
    values: dict[str, Value] = {"ip.v4": "static", "static.address": "192.0.2.10/24", "static.gateway": "192.0.2.1"}
    _, made = files({**values, "name.dns": "192.0.2.53"})
    text = made["05-dom0kit-test-top.network"]
    assert "DHCP=no" in text
    assert (
        "DNS=192.0.2.53\n\n[Address]\nAddress=192.0.2.10/24\nDuplicateAddressDetection=both\n\n[Route]\nGateway=192.0.2.1" in text
    )


def test_ipv6_by_router_and_by_dhcp() -> None:
    assert "DHCP=no\nIPv6AcceptRA=yes" in files({"ip.v4": "none", "ip.v6": "autoconf"})[1]["05-dom0kit-test-top.network"]
    assert "DHCP=yes" in files({"ip.v6": "dhcp"})[1]["05-dom0kit-test-top.network"]


def test_a_vlan_on_a_bond() -> None:
    top, made = files({"card.bond": True, "bond.cards": (NICS[1].mac,), "bond.mode": "lacp", "ip.vlan": "42"})
    assert top == "dom0kit-vlan"
    assert "Mode=802.3ad" in made["05-dom0kit-test-bond.netdev"]
    assert {"05-dom0kit-test-eno1.network", "05-dom0kit-test-eno2.network"} <= set(made)
    assert "Id=42" in made["05-dom0kit-test-vlan.netdev"]
    assert "Name=dom0kit-bond" in made["05-dom0kit-test-base.network"]
    assert "VLAN=dom0kit-vlan" in made["05-dom0kit-test-base.network"]
    assert all(len(name) <= 15 for name in (networkd.BOND, networkd.VLAN))


ADDRESSES = [
    {
        "addr_info": [
            {"family": "inet", "local": "192.0.2.7", "prefixlen": 24, "scope": "global"},
            {"family": "inet6", "local": "fe80::1", "prefixlen": 64, "scope": "link"},
            {"family": "inet6", "local": "2001:db8::7", "prefixlen": 64, "scope": "global", "tentative": True},
        ]
    }
]


def test_what_ip_says() -> None:
    assert find_addresses(json.dumps(ADDRESSES)) == {4: "192.0.2.7/24"}
    # An address that DHCP gave before is not the one that is waited for.
    assert find_addresses(json.dumps(ADDRESSES), {4: "192.0.2.8/24"}) == {}
    assert find_addresses(json.dumps(ADDRESSES), {4: "192.0.2.7/24"}) == {4: "192.0.2.7/24"}
    assert is_up('[{"flags": ["BROADCAST", "UP", "LOWER_UP"]}]')
    assert not is_up('[{"flags": ["NO-CARRIER", "UP"]}]')
    assert find_addresses("") == find_addresses("no JSON") == {}
    assert find_gateway('[{"dst": "default", "gateway": "192.0.2.1"}]') == "192.0.2.1"
    assert find_gateway("[]") == ""
    assert has_neighbour('[{"dst": "192.0.2.1", "lladdr": "52:54:00:00:00:09", "state": ["REACHABLE"]}]')
    assert not has_neighbour('[{"dst": "192.0.2.1", "state": ["FAILED"]}]')


class Machine:
    """Commands of a machine whose DHCP server and gateway do what they are told."""

    def __init__(
        self, address: bool = True, route: bool = True, ping: bool = True, neighbour: bool = False, *, up: bool = True
    ) -> None:
        self.up = up
        self.address, self.route, self.ping, self.neighbour = address, route, ping, neighbour
        self.runner = FakeRunner({"": self.reply})
        self.calls = self.runner.calls

    def reply(self, call: Call) -> Ended:
        argv, text, code = call.argv, "", 0
        if "address" in argv and self.address:
            text = json.dumps(ADDRESSES)
        elif "route" in argv and self.route:
            text = '[{"gateway": "192.0.2.1"}]'
        elif "link" in argv and self.up:
            text = '[{"flags": ["LOWER_UP"]}]'
        elif argv[0] == "ping":
            code = 0 if self.ping else 1
        elif "neighbour" in argv and self.neighbour:
            text = '[{"lladdr": "x", "state": ["STALE"]}]'
        return Ended(code, text)


def run_probe(machine: Machine, folder: Path, values: dict[str, Value] | None = None) -> str:
    where = chosen(values)
    ticks = iter(range(1000))
    test = Probe(
        to_answers(where).network.management,
        (NICS[0],),
        runner=machine.runner,
        folder=folder,
        seconds=5,
        sleep=lambda seconds: None,
        clock=lambda: float(next(ticks)),
        start=False,
    )
    test.work()
    return test.view()


@pytest.mark.parametrize(
    ("machine", "expected"),
    [
        (Machine(), ["[ok] IPv4 address 192.0.2.7/24 by DHCP", "[ok] The gateway 192.0.2.1 answers"]),
        (Machine(ping=False, neighbour=True), ["reachable (but does not answer ping)"]),
        (Machine(ping=False), ["[!!] The gateway 192.0.2.1 does not answer"]),
        (Machine(route=False), ["[--] No gateway"]),
        (Machine(address=False), ["[!!] No IPv4 address within 5 s. No DHCP server answered"]),
    ],
)
def test_each_result_is_reported(machine: Machine, expected: list[str], tmp_path: Path) -> None:
    text = run_probe(machine, tmp_path)
    for words in expected:
        assert words in text
    assert "networkctl reload" in machine.calls
    assert "networkctl reconfigure eno1" in machine.calls


@pytest.mark.parametrize(("up", "words"), [(True, "Another machine seems to use this address"), (False, "check the cable")])
def test_a_static_address_that_is_not_assigned(up: bool, words: str, tmp_path: Path) -> None:
    text = run_probe(Machine(up=up), tmp_path, {"ip.v4": "static", "static.address": "192.0.2.10/24"})
    assert "[!!] No IPv4 address within 5 s." in text
    assert words in text
    assert text.endswith(network_probe.FAILED)


def test_the_end_is_reported(tmp_path: Path) -> None:
    assert run_probe(Machine(), tmp_path).endswith(network_probe.PASSED)


def test_files_of_the_test_before_are_gone(tmp_path: Path) -> None:
    (tmp_path / "05-dom0kit-test-vlan.netdev").write_text("old")
    (tmp_path / "80-other.network").write_text("not ours")
    run_probe(Machine(), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["05-dom0kit-test-top.network", "80-other.network"]


def test_a_test_that_cannot_run_reports_it(tmp_path: Path) -> None:
    def missing(call: Call) -> str:
        raise UserError("the program networkctl is not installed")

    runner = FakeRunner({"": missing})
    test = Probe(to_answers(chosen()).network.management, (NICS[0],), runner=runner, folder=tmp_path, start=False)
    test.work()
    assert "The test could not be run: the program networkctl is not installed" in test.view()


LSBLK = {
    "blockdevices": [
        {"path": "/dev/sda", "type": "disk", "fstype": "vfat", "size": 1},
        {
            "path": "/dev/sdb",
            "type": "disk",
            "rm": True,
            "tran": "usb",
            "model": "Ultra Fit ",
            "children": [
                {"path": "/dev/sdb1", "type": "part", "fstype": "vfat", "label": "KEYS", "size": 2 * GIB},
                {"path": "/dev/sdb2", "type": "part", "fstype": "ext4"},
            ],
        },
        {"path": "/dev/sdc", "type": "disk", "rm": True, "fstype": "vfat", "size": 4 * MIB},
        {"path": "/dev/sdd", "type": "disk", "rm": True, "fstype": "vfat", "ro": True},
        {
            "path": "/dev/sde",
            "type": "disk",
            "tran": "usb",
            "children": [{"path": "/dev/sde2", "fstype": "vfat", "type": "part"}],
            "mountpoints": [MEDIUM],
        },
    ]
}


def test_sticks_are_removable_fat_volumes_but_not_the_medium() -> None:
    found = usb_sticks.parse_sticks(json.dumps(LSBLK))
    assert [stick.device for stick in found] == ["/dev/sdb1", "/dev/sdc"]
    assert found[0].row().cells == ("sdb1", "KEYS", "2.0 GiB", "Ultra Fit")
    assert usb_sticks.parse_sticks("") == ()


def test_saving_mounts_writes_and_unmounts(tmp_path: Path) -> None:
    written: list[bytes] = []

    def unmount(call: Call) -> str:
        written.append((Path(call.argv[1]) / "xen1.yaml").read_bytes())
        (Path(call.argv[1]) / "xen1.yaml").unlink()
        return ""

    runner = FakeRunner({"umount": unmount})
    usb_sticks.write_to_stick("/dev/sdb1", "xen1.yaml", b"version: 1\n", Commands(io.StringIO(), runner))
    assert written == [b"version: 1\n"]
    assert [words[0] for words in runner.words] == ["mount", "umount"]
    assert runner.words[0][-2] == "/dev/sdb1"
