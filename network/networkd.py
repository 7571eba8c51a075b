"""The management network as files of systemd-networkd, without Open vSwitch: the installer tries it out with them.

The formats are those of systemd.network(5) and systemd.netdev(5).
"""

from __future__ import annotations

from collections.abc import Iterable

from network.model import Bonding, HostPort, Layout

PREFIX = "05-dom0kit-test"
BOOT_PREFIX = "70-dom0kit-boot"
"""Files for VLAN, bond and fixed address of the kernel arguments, which the live root wrote (scripts/dom0kit-stack)."""
BOND, VLAN = "dom0kit-bond", "dom0kit-vlan"
"""Interfaces of a trial, and of the kernel arguments: there is one of them at a time."""
BOND_MODES = {"active-backup": "active-backup", "balance-slb": "active-backup", "lacp": "802.3ad"}
"""Modes of the kernel's bonds. It has no balance-slb; one member at a time gets through wherever that does."""
MII_MILLISECONDS = 100
"""Interval at which the kernel looks at the links of a bond's cards.

Kind: pace. Reason: the kernel's recommendation (bonding.rst, miimon). Expiry: the next look.
"""
Section = tuple[str, list[str]]


def trial_files(layout: Layout) -> tuple[str, dict[str, str]]:
    """Return the interface that gets the host's addresses, and the files by name.

    :param layout: with cards by the names that they have now; see :func:`network.model.trial_layout`.
    """
    switch, port = layout.management, layout.port
    link: list[Section] = [] if switch.mtu is None else [("Link", [f"MTUBytes={switch.mtu}"])]
    files: dict[str, str] = {}
    base = switch.cards[0].name
    if switch.bond is not None:
        base = BOND
        files[f"{PREFIX}-bond.netdev"] = text_of(_bond_netdev(switch.bond, port.mac, switch.mtu))
        for card in switch.cards:
            files[f"{PREFIX}-{card.name}.network"] = text_of([_match(card.name), *link, ("Network", [f"Bond={BOND}"])])
    top = base
    if port.vlan is not None:
        top = VLAN
        files[f"{PREFIX}-vlan.netdev"] = text_of([("NetDev", [f"Name={VLAN}", "Kind=vlan"]), ("VLAN", [f"Id={port.vlan}"])])
        carrier = [f"VLAN={VLAN}", "LinkLocalAddressing=no", "DHCP=no", "IPv6AcceptRA=no"]
        files[f"{PREFIX}-base.network"] = text_of([_match(base), *link, ("Network", carrier)])
    mtu = layout.mtu_of(port)
    top_link: list[Section] = [] if mtu is None else [("Link", [f"MTUBytes={mtu}"])]
    files[f"{PREFIX}-top.network"] = text_of([_match(top), *top_link, *address_sections(port, mtu)])
    return top, files


def address_sections(port: HostPort, mtu: int | None = None) -> list[Section]:
    """Return the sections of a ``.network`` file that give an interface the host's addresses.

    :param mtu: bytes; when it is configured, that of DHCP does not count.
    """
    dhcp = {(True, True): "yes", (True, False): "ipv4", (False, True): "ipv6", (False, False): "no"}
    network = [
        f"DHCP={dhcp[(port.ipv4 == 'dhcp', port.ipv6 == 'dhcp')]}",
        f"IPv6AcceptRA={_yes(port.accepts_ra)}",
        f"LinkLocalAddressing={'no' if port.ipv6 == 'none' else 'ipv6'}",
        *(f"DNS={server}" for server in port.dns),
    ]
    if port.search:
        network.append(f"Domains={' '.join(port.search)}")
    sections: list[Section] = [("Network", network)]
    if port.ipv4 == "dhcp":
        # As on the host: the lease belongs to the MAC address, so both get the same address.
        sections.append(("DHCPv4", ["ClientIdentifier=mac", *([] if mtu is None else ["UseMTU=no"])]))
    sections += ignored(port)
    for static in port.static:
        # Another machine's address is detected and not taken (RFC 5227, RFC 4862).
        sections.append(("Address", [f"Address={static.address}", "DuplicateAddressDetection=both"]))
        if static.gateway is not None and port.default_route:
            sections.append(("Route", [f"Gateway={static.gateway}"]))
    for route in port.routes:
        metric = [] if route.metric is None else [f"Metric={route.metric}"]
        sections.append(("Route", [f"Destination={route.to}", f"Gateway={route.via}", *metric]))
    return sections


def ignored(port: HostPort) -> list[Section]:
    """Return the sections that keep networkd from using all that DHCP and routers offer.

    With a fixed IPv6 address the gateway of router advertisements counts, and no second address is made. Without the default
    route no gateway counts, nor DHCP's routes, among which it may be (option 121); of additional networks no names either.
    """
    advertised, v4, v6 = [], [], []
    if port.only_gateway_by_ra:
        advertised += ["UseAutonomousPrefix=no", "DHCPv6Client=no"]
    if not port.default_route:
        v4 += ["UseGateway=no", "UseRoutes=no"]
        advertised.append("UseGateway=no")
    if not port.names:
        v4 += ["UseDNS=no", "UseDomains=no", "UseNTP=no", "UseHostname=no"]
        v6 += ["UseDNS=no", "UseDomains=no", "UseNTP=no", "UseHostname=no"]
        advertised += ["UseDNS=no", "UseDomains=no"]
    return [(name, lines) for name, lines in (("DHCPv4", v4), ("DHCPv6", v6), ("IPv6AcceptRA", advertised)) if lines]


def unmanaged(macs: Iterable[str], comment: str) -> str:
    """Return a ``.network`` file that keeps systemd-networkd away from cards.

    It matches by ``MACAddress``, not by ``PermanentMACAddress``: a VLAN of a card has the card's address, but no permanent one.
    """
    return f"# {comment}\n" + text_of([("Match", [f"MACAddress={' '.join(sorted(macs))}"]), ("Link", ["Unmanaged=yes"])])


def _bond_netdev(bond: Bonding, mac: str, mtu: int | None) -> list[Section]:
    # The bond has the first card's MAC address, as the host's bridge will: a DHCP server knows it by that.
    device = [f"Name={BOND}", "Kind=bond", f"MACAddress={mac}", *([] if mtu is None else [f"MTUBytes={mtu}"])]
    settings = [f"Mode={BOND_MODES[bond.mode]}", f"MIIMonitorSec={MII_MILLISECONDS}ms"]
    if bond.mode == "lacp":
        settings.append(f"LACPTransmitRate={bond.lacp_rate}")
    return [("NetDev", device), ("Bond", settings)]


def _match(name: str) -> Section:
    return ("Match", [f"Name={name}"])


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def text_of(sections: Iterable[Section]) -> str:
    """Return a file of sections."""
    return "\n".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections)
