"""The commands that make and remove a lab network, as pure functions.

A lab network is one network namespace with a bridge ``br0``; every network card of a machine has a tap on a bridge. A
second namespace holds the site's own servers, because two DHCP servers cannot share a port. Neither of them has an
interface to the outside. See ip-netns(8), ip-link(8), bridge(8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

PREFIX = "dom0kit-qa-"
BRIDGE = "br0"
ADDRESS = "10.77.0.1"
ADDRESS6 = "fd77::1"
SITE_ADDRESS = "10.77.0.2"
SITE_CARD = "eth0"
"""The site's network card in its own namespace."""
_NAME = re.compile(rf"{PREFIX}(\d+)-\d+(?:-site)?")

Command = list[str]


def name(pid: int, number: int) -> str:
    """Return the name of a process's namespace; the process number lets later runs see whether it is in use."""
    return f"{PREFIX}{pid}-{number}"


def site_name(namespace: str) -> str:
    """Return the name of the namespace of the site's own servers."""
    return f"{namespace}-site"


def listed(output: str) -> list[str]:
    """Return the names in the output of ``ip netns list``, where a number may follow a name."""
    return [line.split()[0] for line in output.splitlines() if line.strip()]


def left_overs(names: Iterable[str], alive: Callable[[int], bool]) -> list[str]:
    """Return the lab namespaces whose process has ended."""
    found = [(match, name) for name in names if (match := _NAME.fullmatch(name))]
    return [name for match, name in found if not alive(int(match.group(1)))]


def inside(namespace: str, argv: Sequence[str]) -> Command:
    """Return the command that runs a command in a namespace; the command itself if the namespace is ""."""
    return ["ip", "netns", "exec", namespace, *argv] if namespace else list(argv)


def make(namespace: str) -> list[Command]:
    """Return the commands that make a namespace with loopback and the bridge."""
    return [
        ["ip", "netns", "add", namespace],
        ["ip", "-n", namespace, "link", "set", "lo", "up"],
        *bridge(namespace, BRIDGE, f"{ADDRESS}/24", f"{ADDRESS6}/64"),
    ]


def bridge(namespace: str, device: str, *addresses: str) -> list[Command]:
    """Return the commands that make a bridge which forwards at once, whatever the tags of its frames.

    Duplicate address detection is off: a bridge without a running machine has no carrier, and its IPv6 address would
    stay tentative. Snooping is off: no querier is here, and neighbor discovery uses multicast groups.
    """
    ip = ["ip", "-n", namespace]
    commands = [[*ip, "link", "add", device, "type", "bridge", "stp_state", "0", "forward_delay", "0", "mcast_snooping", "0"]]
    for address in addresses:
        commands.append([*ip, "address", "add", address, "dev", device, *(["nodad"] if ":" in address else [])])
    return [*commands, [*ip, "link", "set", device, "up"]]


def tap(namespace: str, device: str, bridge: str = "", address: str = "") -> list[Command]:
    """Return the commands that make a tap on a bridge, for a machine's card, or with an address of its own."""
    ip = ["ip", "-n", namespace]
    commands = [[*ip, "tuntap", "add", "dev", device, "mode", "tap"]]
    if bridge:
        commands.append([*ip, "link", "set", device, "master", bridge])
    if address:
        commands.append([*ip, "address", "add", address, "dev", device])
    return [*commands, [*ip, "link", "set", device, "up"]]


def vlan(namespace: str, bridge: str, tag: int, address: str) -> list[Command]:
    """Return the commands for the lab's address in a VLAN: two taps between which :mod:`qa.lab.vlan_bridge` handles the tag."""
    trunk, inner = vlan_devices(tag)
    return [*tap(namespace, trunk, bridge), *tap(namespace, inner, address=address)]


def vlan_devices(tag: int) -> tuple[str, str]:
    """Return the tap on the bridge, and the tap with the VLAN's address."""
    return f"trunk{tag}", f"vlan{tag}"


def site(namespace: str) -> list[Command]:
    """Return the commands that make the second namespace, with one card on the bridge."""
    other = site_name(namespace)
    here, there = ["ip", "-n", namespace], ["ip", "-n", other]
    return [
        ["ip", "netns", "add", other],
        [*there, "link", "set", "lo", "up"],
        [*here, "link", "add", "site0", "type", "veth", "peer", "name", SITE_CARD, "netns", other],
        [*here, "link", "set", "site0", "master", BRIDGE],
        [*here, "link", "set", "site0", "up"],
        [*there, "address", "add", f"{SITE_ADDRESS}/24", "dev", SITE_CARD],
        [*there, "link", "set", SITE_CARD, "up"],
    ]


def remove(namespace: str) -> list[Command]:
    """Return the commands that remove a namespace; its bridges and taps go with it when no process is in it."""
    return [["ip", "netns", "delete", namespace]]


def dnsmasq(
    card: str,
    *,
    ranges: Sequence[str],
    options: Sequence[str] = (),
    flags: Sequence[str] = (),
) -> Command:
    """Return the command of a plain dnsmasq on one card, without DNS and configuration file; it logs to standard error.

    :param ranges: values of ``--dhcp-range``, such as ``10.77.0.100,10.77.0.199,1h``.
    :param options: values of ``--dhcp-option``.
    """
    return [
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--log-facility=-", "--port=0", "--user=root"),
        *("--log-dhcp", "--dhcp-leasefile=/dev/null", "--leasefile-ro", f"--interface={card}", "--bind-interfaces"),
        *("--except-interface=lo", "--dhcp-authoritative", "--no-ping"),
        *(f"--dhcp-range={value}" for value in ranges),
        *(f"--dhcp-option={value}" for value in options),
        *flags,
    ]
