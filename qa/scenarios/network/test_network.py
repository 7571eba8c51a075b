"""Hosts on other networks than one card with DHCP: bond, VLAN, static addresses, additional bridges, IPv6 only."""

from __future__ import annotations

import re

from qa import timeouts
from qa.checks import host_checks
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.checks.host_checks import need
from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Credentials, Ssh
from qa.install.answers import BRIDGE, DISK_SERIAL, Values, answers, management
from qa.install.installed_disk import install_from_cd
from qa.lab import netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.guest import Guest
from qa.vm.qemu_args import MANAGEMENT_MAC, Drive

MACS = ("52:54:00:77:01:01", "52:54:00:77:01:02", "52:54:00:77:01:03")
TAG = 77
GATEWAY, ADDRESS = "10.77.77.1", "10.77.77.10"
BEHIND = "10.99.0.1"
"""An address behind the gateway, reached by a route of the answers."""
GUESTS = "guests0"
BOND_STATE = (
    "ovs-appctl bond/show; ovs-appctl fdb/show xenbr0; ip -s link; ip neigh; "
    "timeout 10 tcpdump -nei mgmt0 -c 20; timeout 10 tcpdump -nei mgmt1 -c 20; true"
)
LAB_STATE = "bridge fdb show; ip neigh; ip -s link"
STATIC_PORT = f"mgmt.{TAG}"
"""The interface with the host's address: a port of the bridge in the VLAN."""


def bond_network() -> Values:
    """Return the networks of the answers: a bond in a VLAN with a fixed address, and a bridge for guests."""
    return {
        "management": {
            "bond": {"nics": [{"mac": MACS[0]}, {"mac": MACS[1]}], "mode": "active-backup"},
            "vlan": TAG,
            "ipv4": {"address": f"{ADDRESS}/24", "gateway": GATEWAY},
            "dns": [GATEWAY],
            "search": ["example.org"],
            "routes": [{"to": "10.99.0.0/24", "via": GATEWAY}],
            "bridge": BRIDGE,
        },
        "bridges": [{"name": GUESTS, "mac": MACS[2]}],
    }


def active_member(listing: str) -> str:
    """Return the MAC address of the bond's active card in the output of ``ovs-appctl bond/show``."""
    found = re.search(r"^active (?:slave|member) mac: *([0-9a-f:]{17})", listing, re.MULTILINE)
    need(found, f"the bond has no active member:\n{listing}")
    assert found
    return found.group(1)


@scenario("network-bond-vlan-static", firmware="bios", minutes=12, tags={"network"}, lab=True)
def test_network_bond_vlan_static(scenario: Scenario, lab: Lab) -> None:
    """Bond two cards in VLAN 77 with a fixed address, a third for guests; pull a cable; reboot."""
    lab.vlan(netns_commands.BRIDGE, TAG, f"{GATEWAY}/24")
    lab.address("lo", f"{BEHIND}/32")
    lab.bridge("br1")
    nics = (lab.nic(MACS[0]), lab.nic(MACS[1]), lab.nic(MACS[2], bridge="br1"))
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    machine_is: Values = {"nics": nics, "netns": lab.namespace}
    install_from_cd(scenario, [disk], answers(scenario.settings.credentials, network=bond_network()), **machine_is)
    ssh = Ssh(scenario.settings.credentials, address=ADDRESS, netns=lab.namespace)
    with scenario.machine("host", scenario.spec("host", drives=(disk,), **machine_is)) as machine:
        console = wait_for_first_boot(scenario, machine)
        ssh.wait_for_login()
        before = check_static(ssh)
        scenario.diagnose("network.txt", ssh, "ip address; ip route; ovs-vsctl show; ovs-appctl bond/show")
        working = MACS.index(active_member(ssh.succeed("ovs-appctl bond/show")))
        with scenario.phase("a cable is pulled"):
            machine.set_link(working, up=False)
            if not lab.reaches(ADDRESS):
                scenario.diagnose("away-host.txt", console, BOND_STATE)
                scenario.keep("away-lab.txt", lab.run(["sh", "-c", LAB_STATE], check=False).output)
                raise ScenarioFailed("the bond does not use its second card; see away-host.txt and away-lab.txt")
            other = MACS.index(active_member(ssh.succeed("ovs-appctl bond/show")))
        need(other != working, f"the bond's active card is still {MACS[working]}, which has no cable")
        machine.set_link(working, up=True)
        need(lab.reaches(ADDRESS), "the host is not reached after the cable was plugged in again")
        with scenario.phase("shut down"):
            machine.reboot(ssh)
    with scenario.machine("again", scenario.spec("again", drives=(disk,), **machine_is)) as machine:
        console = machine.console()
        with scenario.phase("second boot"):
            console.login("root", scenario.settings.credentials.password)
            console.wait_for_boot()
        ssh.wait_for_login()
        after = check_static(ssh)
        host_checks.check_services(ssh)
    need(before == after, f"the reboot changed the networks: {before} became {after}")


def check_static(guest: Guest) -> dict[str, str]:
    """Check that address, routes, names and bridges are those of the answers; return them."""
    seen = {
        "address": " ".join(host_checks.addresses(guest, STATIC_PORT)),
        "default": guest.succeed("ip -4 route show default").strip(),
        "route": guest.succeed("ip -4 route show 10.99.0.0/24").strip(),
        "management ports": " ".join(sorted(guest.succeed(f"ovs-vsctl list-ports {BRIDGE}").split())),
        "guests' ports": " ".join(sorted(guest.succeed(f"ovs-vsctl list-ports {GUESTS}").split())),
        "names": " ".join(sorted(guest.succeed("cat /etc/resolv.conf").split())),
    }
    need(ADDRESS in seen["address"].split(), f"{STATIC_PORT} has the addresses {seen['address']!r}")
    need(f"via {GATEWAY}" in seen["default"], f"the default route is {seen['default']!r}")
    need(f"via {GATEWAY}" in seen["route"], f"the route of the answers is {seen['route']!r}")
    need(guest.execute(f"ping -n -c 3 -W 5 {BEHIND}").code == 0, f"{BEHIND} behind the gateway does not answer")
    guests = guest.succeed(f"cat /sys/class/net/$(ovs-vsctl list-ports {GUESTS} | head -n 1)/address").strip()
    need(guests == MACS[2], f"the card of {GUESTS} is {guests}")
    resolv = guest.succeed("cat /etc/resolv.conf; resolvectl status 2>/dev/null; true")
    need(GATEWAY in resolv and "example.org" in resolv, f"DNS server and search domain are not set:\n{resolv}")
    return seen


def ipv6_answers(credentials: Credentials, url: str) -> str:
    """Return the answers of a host without IPv4, which reports to a web server at ``url``."""
    network = {"management": management(ipv4="none", ipv6="autoconf")}
    return answers(credentials, network=network, reports={"webhook": {"url": f"{url}/report/{{host}}"}})


@scenario("ipv6-only", firmware="bios", minutes=9, tags={"network"}, lab=True)
def test_ipv6_only(scenario: Scenario, lab: Lab) -> None:
    """Fetch answers over IPv6 in a network with router advertisements only; the host has no IPv4 address."""
    lab.advertise()
    files = scenario.work / "files"
    files.mkdir()
    web = lab.web("web", files=files, address=netns_commands.ADDRESS6)
    (files / "host1.yaml").write_text(ipv6_answers(scenario.settings.credentials, web.url))
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=0)
    machine_is: Values = {"nics": (lab.nic(MANAGEMENT_MAC),), "netns": lab.namespace}
    install_from_cd(scenario, [disk], "", arguments=f"dom0kit.answers={web.url}/host1.yaml", **machine_is)
    need(any(request.client.startswith("fd77:") for request in web.requests), "the answers were not fetched over IPv6")
    finished = [event for event in web.events if event.get("event") == "finished" and event.get("source") == "installer"]
    need(finished, "the installer did not report its end over IPv6")
    with scenario.machine("host", scenario.spec("host", drives=(disk,), **machine_is)) as machine:
        console = wait_for_first_boot(scenario, machine)
        found = host_checks.addresses(console)
        need(found and all(":" in address for address in found), f"{BRIDGE} has the addresses {found}")
        ssh = Ssh(scenario.settings.credentials, address=found[0], netns=lab.namespace)
        check_installed_host(scenario, machine, ssh, firmware="bios", prefix="fd77:", neighbour=netns_commands.ADDRESS6)
        four = ssh.succeed("ip -j -4 addr show scope global | jq -r '.[].addr_info[]?.local // empty'").split()
        need(not four, f"the host has IPv4 addresses: {four}")
        machine.wait_until(
            lambda: any(e.get("source") == "firstboot" and e.get("event") == "finished" for e in web.events),
            "report of the first boot over IPv6",
            limit=timeouts.COMMAND,
        )
