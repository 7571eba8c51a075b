"""The steps ``network`` and ``address``: the host's networks are made, and then waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from firstboot import texts
from firstboot.network import cards, netplan, state, switch
from firstboot.network.layout import Layout, lay_out

if TYPE_CHECKING:
    from firstboot.host import Host

ADDRESS_SECONDS = 90
SERVICE_SECONDS = 300
DROP_INS = "etc/systemd/network"


def network(host: Host) -> None:
    """Bridges, bonds and the host's port, as the answers say.

    The single commands do what ``netplan apply`` does here, without its many seconds of Python on a slow machine.
    """
    layout = lay_out(host.answers.network)
    host.write("etc/netplan/50-dom0kit.yaml", netplan.text(layout), 0o600)
    _drop_in(host, layout)
    renames = _cards(host, layout)
    host.run(["/usr/libexec/netplan/generate"], hint="correct the files in /etc/netplan")
    host.run(["systemctl", "daemon-reload"])
    for command in renames:
        host.run(command)
    host.run(["systemctl", "start", "openvswitch-switch.service"], timeout=SERVICE_SECONDS)
    queries = [switch.find_command("Bridge", "bridge"), switch.find_command("Port", "port")]
    bridges, ports = (switch.names(host.run(query, timeout=SERVICE_SECONDS).output) for query in queries)
    host.run(switch.command(layout, switch.Present(bridges, ports)), timeout=SERVICE_SECONDS)
    host.run(["systemctl", "reload-or-restart", "systemd-networkd.service"], timeout=SERVICE_SECONDS)


def _drop_in(host: Host, layout: Layout) -> None:
    text, name = netplan.drop_in(layout.port), netplan.drop_in_name(layout.port.name)
    for path in host.path(DROP_INS).glob("10-netplan-*.network.d/50-dom0kit.conf"):
        if text is None or path != host.path(name):
            path.unlink()
    if text is not None:
        host.write(name, text)


def _cards(host: Host, layout: Layout) -> list[list[str]]:
    """The commands that name the cards. Cards that are not there are a warning while one for management is."""
    nics = cards.read_nics(host.root)
    if cards.missing(layout.cards, nics):
        # Drivers of some cards take their time; the events under way are worth waiting for.
        host.run(["udevadm", "settle", "--timeout=60"], check=False)
        nics = cards.read_nics(host.root)
    gone = cards.missing(layout.cards, nics)
    management = layout.switches[0].cards
    if all(card in gone for card in management):
        raise cards.missing_error(management, nics)
    if gone:
        host.warnings.append(cards.missing_text(gone, nics))
    return cards.rename_commands(layout.cards, nics)


def address(host: Host) -> None:
    """Wait until the host's port has the addresses that the answers ask for, with a limit: none is a warning.

    networkd goes on trying. A host without network must still come up, or nobody could mend it at its console.
    """
    families = host.families
    wait = "/usr/lib/systemd/systemd-networkd-wait-online"
    argv = [wait, f"--interface={host.port}:routable", *(f"--ipv{family}" for family in families)]
    host.run([*argv, f"--timeout={ADDRESS_SECONDS}"], check=False, timeout=ADDRESS_SECONDS + 60)
    found = host.addresses()
    host.warnings.extend(_missing(host, family) for family in families if not found[family])
    _down_members(host)
    _write_own_name(host, found)


def arrived(host: Host) -> None:
    """Take back the warnings of :func:`address` about addresses that have come since: warnings are told at the end."""
    found = host.addresses()
    late = [text for family in host.families if found[family] and (text := _missing(host, family)) in host.warnings]
    if late:
        host.warnings[:] = [text for text in host.warnings if text not in late]
        _write_own_name(host, found)


def _missing(host: Host, family: int) -> str:
    source = "cable and DHCP server" if family == 4 else "cable, router and DHCP server"
    return f"{host.port} has no IPv{family} address yet; look at {source}: networkctl status {host.port}"


def _write_own_name(host: Host, found: dict[int, list[str]]) -> None:
    best = state.best(found, host.families)
    if best is not None:
        host.write("etc/hosts", texts.hosts_text(host.read("etc/hosts"), host.name, best))


def _down_members(host: Host) -> None:
    for name, bond in host.bonds().items():
        if down := [str(member["name"]) for member in bond["members"] if not member["enabled"]]:
            host.warnings.append(f"{name} runs without {', '.join(down)}; look at the cables: ovs-appctl bond/show {name}")
