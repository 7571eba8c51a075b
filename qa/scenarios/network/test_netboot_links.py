"""The live root fetches the image through a VLAN or a bond, and the installer goes on there."""

from __future__ import annotations

from qa import timeouts
from qa.checks.host_checks import need
from qa.install.answers import DISK_SERIAL, answers
from qa.lab import access_log, netns_commands
from qa.lab.lab import DNSMASQ_READY, Lab
from qa.metadata import scenario
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.qemu_args import DirectKernel, Drive

MACS = ("52:54:00:77:03:01", "52:54:00:77:03:02")
TAG = 77
ADDRESS = "10.77.77.1"
PORT = 8077


@scenario("netboot-vlan", firmware="bios", minutes=4, tags={"network", "pxe"}, lab=True, memory_mib=4096, vlan=True)
@scenario("netboot-bond", firmware="bios", minutes=4, tags={"network", "pxe"}, lab=True, memory_mib=4096, vlan=False)
def test_netboot_links(scenario: Scenario, lab: Lab, vlan: bool) -> None:
    """Fetch image and answers where only VLAN 77 has addresses, or over a bond with LACP; show the plan."""
    url = f"http://{ADDRESS if vlan else netns_commands.ADDRESS}:{PORT}"
    files = scenario.work / "files"
    files.mkdir()
    (files / "image").symlink_to((scenario.settings.iso.parent / "image").resolve())
    (files / "host1.yaml").write_text(answers(scenario.settings.credentials, network={"management": {"mac": MACS[0]}}))
    if vlan:
        lab.vlan(netns_commands.BRIDGE, TAG, f"{ADDRESS}/24")
        ranges = ["10.77.77.100,10.77.77.199,1h"]
        card = netns_commands.vlan_devices(TAG)[1]
        lab.serve("dhcp", netns_commands.dnsmasq(card, ranges=ranges), ready=DNSMASQ_READY)
        links = f"dom0kit.vlan={TAG}"
    else:
        lab.dhcp()
        links = f"dom0kit.bond=lacp:{MACS[1]},{MACS[0]}"
    web = lab.web("web", files=files, address=ADDRESS if vlan else netns_commands.ADDRESS, port=PORT)
    words = f"boot=dom0kit dom0kit.image={url}/image dom0kit.mode=install dom0kit.answers={url}/host1.yaml dom0kit.plan-only"
    kernel = DirectKernel(
        scenario.settings.kernel, f"{words} {links} console=tty0 console=ttyS0,115200n8", scenario.settings.initrd
    )
    disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL)
    nics = (lab.nic(MACS[0]),) if vlan else tuple(lab.nic(mac) for mac in MACS)
    spec = scenario.spec("install", kernel=kernel, drives=(disk,), nics=nics, netns=lab.namespace, memory=4096)
    with scenario.machine("install", spec) as machine:
        with scenario.phase("fetch the image and boot to the plan"):
            event = machine.wait_for_event("installer", limit=timeouts.BOOT)
        need("nothing was changed" in str(event.get("text")), f"the installer ended with {event}")
        for name in ("/image/dom0.squashfs", "/host1.yaml"):
            need(access_log.fetched(web.requests, name), f"{name} was not fetched")
        check_links(scenario, machine, vlan=vlan)


def check_links(scenario: Scenario, machine: Machine, *, vlan: bool) -> None:
    """Check that the live system goes on with the interface of the live root, and with no other address."""
    console = machine.console()
    console.wait_for_shell()
    top = "dom0kit-vlan" if vlan else "dom0kit-bond"
    found = console.succeed("ip -j -4 address show scope global | jq -r '.[] | select(.addr_info[0]) | .ifname'").split()
    need(found == [top], f"the interfaces with addresses are {found}")
    scenario.keep("links.txt", console.succeed("networkctl --no-pager list; ip -d link; ip address"))
    if vlan:
        need(f"vlan protocol 802.1Q id {TAG}" in console.succeed(f"ip -d link show {top}"), "the interface is not in the VLAN")
        return
    state = console.succeed(f"cat /proc/net/bonding/{top}")
    need("IEEE 802.3ad" in state, f"the bond does not speak LACP:\n{state}")
    need(state.count("MII Status: up") == 3, f"not both cards of the bond have a link:\n{state}")
    address = console.succeed(f"cat /sys/class/net/{top}/address").strip()
    need(address == MACS[1], f"the bond has the address {address}, not that of the first card")
