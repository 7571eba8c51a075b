"""The steps ``network`` and ``address``: make the host's networks, then wait for addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dom0kit.linux.udev import settle
from dom0kit.polling import TimedOut, poll
from dom0kit.process import QUERY_SECONDS
from firstboot import config_files
from firstboot.network import nic_list
from network import netplan, observed, openvswitch
from network.host_json import other_ports
from network.model import Layout, host_layout

if TYPE_CHECKING:
    from firstboot.host import Host

ADDRESS_SECONDS = 130
"""Wait for the addresses of the management network once networkd configures its port.

Kind: protocol. Reason: DHCP asks after 0, 4, 12, 28, 60 and 124 s (RFC 2131), and a switch's port may learn for 30 s (802.1D);
a host without network must still come up. Expiry: a warning on the console, taken back when the address comes before first boot
ends; networkd goes on trying.
"""
SERVICE_SECONDS = 3600
"""Start or stop services with systemctl(1), and talk to Open vSwitch.

Kind: cap. Reason: the state of the units is the condition: each has its own start limit, at the end of which systemctl returns.
Expiry: the step fails, names the command, and is tried again.
"""
NETWORKD_SECONDS = 600
"""Wait until systemd-networkd configures the management port.

Kind: cap. Reason: networkd's own state of the link is the condition; it takes a second on an idle machine. Expiry: a warning
that names the port and the time; the wait for addresses begins all the same.
"""
LOOK_SECONDS = 0.5
"""First pause between two looks at networkd's state; doubled for each one after it.

Kind: pace. Reason: one call of networkctl(1), which asks networkd over D-Bus. Expiry: the next look.
"""
LONGEST_LOOK_SECONDS = 4.0
"""Longest pause between two looks at networkd's state.

Kind: pace. Reason: where networkd takes long the machine is slow, and each look keeps it from its work. Expiry: the next look.
"""
UNITS = "run/systemd/system"
DROP_INS = "etc/systemd/network"


def network(host: Host) -> None:
    """Make bridges, bonds and the host's port as configured.

    The single commands do what ``netplan apply`` does here, without its many seconds of Python on a slow machine.
    """
    layout = host_layout(host.answers.network)
    host.write("etc/netplan/50-dom0kit.yaml", netplan.text(layout), 0o600)
    _drop_in(host, layout)
    renames = _cards(host, layout)
    units = _netplan_units(host)
    host.run(["/usr/libexec/netplan/generate"], hint="correct the files in /etc/netplan")
    # A reload runs all generators and reads all units again, seconds on a slow machine.
    if units | _netplan_units(host):
        host.run(["systemctl", "daemon-reload"])
    for command in renames:
        host.run(command)
    host.run(["systemctl", "start", "openvswitch-switch.service"], timeout=SERVICE_SECONDS)
    queries = [openvswitch.find_command("Bridge", "bridge"), openvswitch.find_command("Port", "port")]
    bridges, ports = (openvswitch.names(host.run(query, timeout=SERVICE_SECONDS).output) for query in queries)
    host.run(openvswitch.command(layout, openvswitch.Present(bridges, ports)), timeout=SERVICE_SECONDS)
    host.run(["systemctl", "reload-or-restart", "systemd-networkd.service"], timeout=SERVICE_SECONDS)


def _netplan_units(host: Host) -> set[str]:
    """Return the units of netplan's that systemd must know.

    For dom0kit's own file netplan makes but one, which takes away what another file left behind; others come from an
    administrator's files (Open vSwitch, SR-IOV, Wi-Fi).
    """
    return {path.name for path in host.path(UNITS).glob("netplan-*.service")} - {"netplan-ovs-cleanup.service"}


def _drop_in(host: Host, layout: Layout) -> None:
    texts = {netplan.drop_in_name(port.name): text for port in layout.ports if (text := netplan.drop_in(port)) is not None}
    for path in host.path(DROP_INS).glob("10-netplan-*.network.d/50-dom0kit.conf"):
        if path not in map(host.path, texts):
            path.unlink()
    for name, text in texts.items():
        host.write(name, text)


def _cards(host: Host, layout: Layout) -> list[list[str]]:
    """Return the commands that name the cards. Missing cards are a warning as long as one for management is present."""
    nics = nic_list.read_nics(host.root)
    if nic_list.missing(layout.cards, nics):
        # Drivers of some cards take their time; the events under way are worth waiting for.
        settle(host.run, host.root)
        nics = nic_list.read_nics(host.root)
    gone = nic_list.missing(layout.cards, nics)
    management = layout.switches[0].cards
    if all(card in gone for card in management):
        raise nic_list.missing_error(management, nics)
    if gone:
        host.warnings.append(nic_list.missing_text(gone, nics))
    return nic_list.rename_commands(layout.cards, nics)


def address(host: Host) -> None:
    """Wait until the host's port has the configured addresses, with a limit; a missing one is a warning.

    The limit is the network's own: it counts from the moment at which networkd configures the port, however long that took.

    networkd goes on trying. A host without network must still come up, so that it can be repaired at its console.
    """
    families = host.families
    try:
        what = f"networkd to configure {host.port}"
        poll(lambda: _configures(host), NETWORKD_SECONDS, LOOK_SECONDS, what, longest=LONGEST_LOOK_SECONDS)
    except TimedOut as error:
        host.warnings.append(f"{error.message}: networkctl status {host.port}")
    wait = "/usr/lib/systemd/systemd-networkd-wait-online"
    argv = [wait, f"--interface={host.port}:routable", *(f"--ipv{family}" for family in families)]
    host.run([*argv, f"--timeout={ADDRESS_SECONDS}"], check=False, timeout=ADDRESS_SECONDS + QUERY_SECONDS)
    found = host.addresses()
    host.warnings.extend(_missing(host.port, family) for family in families if not found[family])
    host.warnings.extend(_missing_elsewhere(host))
    _down_members(host)
    _write_own_name(host, found)


def _configures(host: Host) -> bool:
    """Return whether networkd has taken up the host's port."""
    argv = ["networkctl", "--json=short", "status", host.port]
    return observed.is_taken_up(host.run(argv, check=False, timeout=QUERY_SECONDS).output)


def arrived(host: Host) -> None:
    """Take back the warnings of :func:`address` about addresses that have come since: warnings are printed at the end."""
    found = host.addresses()
    late = [text for family in host.families if found[family] and (text := _missing(host.port, family)) in host.warnings]
    others = [_missing(port, family) for port, families in other_ports(host.host_json) for family in families]
    if waiting := [text for text in others if text in host.warnings]:
        still = _missing_elsewhere(host)
        late += [text for text in waiting if text not in still]
    if late:
        host.warnings[:] = [text for text in host.warnings if text not in late]
        _write_own_name(host, found)


def _missing(port: str, family: int) -> str:
    source = "cable and DHCP server" if family == 4 else "cable, router and DHCP server"
    return f"{port} has no IPv{family} address yet; look at {source}: networkctl status {port}"


def _missing_elsewhere(host: Host) -> list[str]:
    """Return a warning for each address of additional networks that is not there; nothing waits for them."""
    missing = []
    for port, families in other_ports(host.host_json):
        found = host.addresses(port)
        missing += [_missing(port, family) for family in families if not found[family]]
    return missing


def _write_own_name(host: Host, found: dict[int, list[str]]) -> None:
    best = observed.best(found, host.families)
    if best is not None:
        host.write("etc/hosts", config_files.hosts_text(host.read("etc/hosts"), host.name, best))


def _down_members(host: Host) -> None:
    for name, bond in host.bonds().items():
        if down := [str(member["name"]) for member in bond["members"] if not member["enabled"]]:
            host.warnings.append(f"{name} runs without {', '.join(down)}; look at the cables: ovs-appctl bond/show {name}")
