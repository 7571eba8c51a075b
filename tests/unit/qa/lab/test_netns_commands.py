"""The commands of a lab network."""

from __future__ import annotations

from qa.lab import netns_commands


def test_names_tell_their_process() -> None:
    """A run removes the namespaces of ended runs, and no others."""
    mine, dead = netns_commands.name(41, 0), netns_commands.name(7, 3)
    names = [mine, dead, netns_commands.site_name(dead), "dom0kit-qa-x", "other", "dom0kit-qa-7"]
    assert netns_commands.left_overs(names, lambda pid: pid == 41) == [dead, netns_commands.site_name(dead)]


def test_listed_namespaces() -> None:
    """A number follows the name of a namespace that has one."""
    assert netns_commands.listed("dom0kit-qa-1-0 (id: 3)\nblue\n\n") == ["dom0kit-qa-1-0", "blue"]


def test_everything_happens_inside() -> None:
    """No command touches the machine's own network: each names a namespace."""
    made = [
        *netns_commands.make("ns"),
        *netns_commands.tap("ns", "tap0", "br0"),
        *netns_commands.vlan("ns", "br0", 77, "10.77.77.1/24"),
        *netns_commands.site("ns"),
        *netns_commands.remove("ns"),
    ]
    for command in made:
        assert command[:2] in (["ip", "-n"], ["ip", "netns"]), command
        assert command[2] in ("ns", "ns-site") or command[2:4] in (["add", "ns"], ["add", "ns-site"], ["delete", "ns"]), command


def test_bridge_has_its_addresses_at_once() -> None:
    """An IPv6 address must not wait for a carrier that comes with the first machine."""
    made = netns_commands.bridge("ns", "br0", "10.77.0.1/24", "fd77::1/64")
    assert ["ip", "-n", "ns", "address", "add", "fd77::1/64", "dev", "br0", "nodad"] in made
    assert ["ip", "-n", "ns", "address", "add", "10.77.0.1/24", "dev", "br0"] in made
    assert made[-1][-1] == "up"


def test_the_vlan_ends_in_two_taps() -> None:
    """One in the bridge, one with the address."""
    made = netns_commands.vlan("ns", "br0", 77, "10.77.77.1/24")
    assert ["ip", "-n", "ns", "link", "set", "trunk77", "master", "br0"] in made
    assert ["ip", "-n", "ns", "address", "add", "10.77.77.1/24", "dev", "vlan77"] in made


def test_inside_nothing() -> None:
    """Without a namespace a command is what it was."""
    assert netns_commands.inside("", ["ssh", "x"]) == ["ssh", "x"]
    assert netns_commands.inside("ns", ["ssh", "x"]) == ["ip", "netns", "exec", "ns", "ssh", "x"]


def test_dnsmasq_reads_and_leaves_no_file() -> None:
    """The build machine's own configuration and leases stay out of it."""
    words = netns_commands.dnsmasq("br0", ranges=["10.77.0.100,10.77.0.199,1h"], options=["3"], flags=["--enable-ra"])
    assert "--conf-file=/dev/null" in words
    assert "--dhcp-leasefile=/dev/null" in words
    assert "--interface=br0" in words
    assert "--port=0" in words
    assert words[-3:] == ["--dhcp-range=10.77.0.100,10.77.0.199,1h", "--dhcp-option=3", "--enable-ra"]
