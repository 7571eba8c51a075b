"""The arguments for VLAN, bond and fixed address of the live root are checked before a machine starts with them."""

from __future__ import annotations

import pytest

from answerfiles.inventory.boot_arguments import line_problem, network_problem

A, B = "52:54:00:00:00:01", "52:54:00:00:00:02"


@pytest.mark.parametrize(
    "arguments",
    [
        "quiet",
        "dom0kit.vlan=1 dom0kit.vlan=4094",
        f"dom0kit.bond=lacp:{A},{B}",
        f"dom0kit.bond=active-backup:{A.replace(':', '-')}",
        "ip=dhcp",
        "ip=192.0.2.5::192.0.2.1:255.255.255.0:xen1:eth0:none:192.0.2.1:192.0.2.2",
        "ip=192.0.2.5::192.0.2.1:24",
        "ip=192.0.2.5:::",
        "ip=[2001:db8::5]::[2001:db8::1]:64::eth0:none:[2001:db8::53]",
        "ip=[2001:db8::5]:::64",
        "ip=[2001:db8::5]::[fe80::1]:64::::192.0.2.53",
    ],
)
def test_arguments_that_the_live_root_understands(arguments: str) -> None:
    assert network_problem(arguments.split()) == ""


@pytest.mark.parametrize(
    "word",
    [
        "dom0kit.vlan=",
        "dom0kit.vlan=0",
        "dom0kit.vlan=4095",
        "dom0kit.vlan=077",
        "dom0kit.vlan=eth0.77",
        "dom0kit.bond=",
        "dom0kit.bond=lacp",
        "dom0kit.bond=lacp:",
        f"dom0kit.bond=balance-slb:{A},{B}",
        f"dom0kit.bond=lacp:{A},{A.replace(':', '-')}",
        f"dom0kit.bond=lacp:{A},eth1",
        f"dom0kit.bond=lacp:{A}:{B}",
        "ip=2001:db8::5::2001:db8::1:64",
        "ip=[2001:db8::5]::192.0.2.1:64",
        "ip=[2001:db8::5]::[2001:db8::1]:65000",
        "ip=[2001:db8::5]x:::64",
        "ip=[2001:db8::5:::64",
        "ip=192.0.2.5::192.0.2.1:255.0.255.0",
        "ip=192.0.2.500:::24",
        "ip=192.0.2.5/24:::",
        "ip=192.0.2.5::192.0.2.1:24::eth0:none:dns.example.org",
        "ip=192.0.2.5:::24:::none:::192.0.2.1",
        "ip=eth0:dhcp",
    ],
)
def test_arguments_that_it_does_not(word: str) -> None:
    wrong = line_problem(f"quiet {word}", "xen1", "http://192.0.2.1", report="", consoles="", trust="")
    assert wrong is not None
    assert wrong[0] == "boot-arguments"
    assert wrong[1].startswith(f"found '{word}'; allowed: ")
