"""Blank machines that boot from the network, are installed, and boot as hosts although the network stays first."""

from __future__ import annotations

from qa import timeouts
from qa.checks import host_checks
from qa.checks.boot_and_check import check_installed_host, wait_for_first_boot
from qa.guest.ssh_access import Ssh
from qa.install.answers import DISK_SERIAL
from qa.lab import access_log, netns_commands
from qa.lab.lab import Lab
from qa.metadata import scenario
from qa.network_boot import (
    PXE_OFF,
    Boot,
    Served,
    Trees,
    check_bytes,
    check_came_by_network,
    check_installed_once,
    host_name,
    mac,
    machine_spec,
    serve,
    wait_for_installation,
)
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.qemu_args import Drive

BOOTS = {
    "pxe-bios": Boot("bios", rom=True, no_ipxe=True),
    "pxe-uefi": Boot("uefi", dhcp="proxy"),
    "http-boot-uefi": Boot("uefi", settings=PXE_OFF),
    "ipxe-bios": Boot("bios", rom=True),
}
LOADERS = {"pxe-bios": "boot/pxe-bios.0", "pxe-uefi": "boot/netx64.efi", "ipxe-bios": "boot/boot.ipxe"}
"""The files that the firmware must have loaded by TFTP or HTTP."""


def check_loader(scenario: Scenario, served: Served) -> None:
    """Check that the firmware booted in the way that the scenario is named for."""
    if scenario.name == "http-boot-uefi":
        host_checks.need(access_log.fetched(served.requests, "/boot/netx64.efi"), "netx64.efi was not loaded by HTTP")
        return
    wanted = LOADERS[scenario.name]
    by_tftp = any(path.endswith(f"/{wanted}") for path in served.by_tftp())
    host_checks.need(by_tftp or access_log.fetched(served.requests, f"/{wanted}"), f"{wanted} was never loaded")


@scenario(
    "pxe-bios",
    firmware="bios",
    minutes=9,
    stage="pxe-bios",
    tags={"network", "pxe"},
    lab=True,
    needs=("nginx",),
    boot=BOOTS["pxe-bios"],
)
@scenario("pxe-uefi", firmware="uefi", minutes=9, tags={"network", "pxe"}, lab=True, needs=("nginx",), boot=BOOTS["pxe-uefi"])
@scenario(
    "http-boot-uefi",
    firmware="uefi",
    minutes=9,
    tags={"network", "pxe"},
    lab=True,
    needs=("nginx",),
    boot=BOOTS["http-boot-uefi"],
)
@scenario("ipxe-bios", firmware="bios", minutes=9, tags={"network", "pxe"}, lab=True, needs=("nginx",), boot=BOOTS["ipxe-bios"])
def test_pxe(scenario: Scenario, boot: Boot, lab: Lab, trees: Trees) -> None:
    """Boot firmware, loader and image over the network, install, boot the local disk without armed/HOST, log in by ssh."""
    name = scenario.name
    trees.tree.keep_armed(name)
    served = serve(lab, scenario, trees.tree, boot)
    nic = lab.nic(mac(name), rom=boot.rom, bootindex=0)
    path = media.blank_disk(scenario.settings.work / f"network-{name}.img")
    disk = Drive(path, serial=DISK_SERIAL, bootindex=1)
    with scenario.machine("host", machine_spec(scenario, lab, boot, nic, disk)) as machine:
        starts = wait_for_installation(scenario, machine, served, name)
        check_loader(scenario, served)
        console = wait_for_first_boot(scenario, machine)
        check_came_by_network(served, name, starts)
        check_installed_once(machine)
        address = host_checks.addresses(console)[0]
        ssh = Ssh(scenario.settings.credentials, address=address, netns=lab.namespace)
        check_installed_host(
            scenario,
            machine,
            ssh,
            firmware=boot.firmware,
            name=host_name(name),
            prefix="10.77.0.",
            neighbour=netns_commands.ADDRESS,
            disk_first=False,
        )
        check_bytes(scenario, served)
        ssh.succeed("sync")
    trees.disks[name] = path


@scenario("no-reinstall-loop", firmware="bios", minutes=7, stage="pxe-bios", tags={"network", "pxe"}, lab=True, needs=("nginx",))
def test_no_reinstall_loop(scenario: Scenario, lab: Lab, trees: Trees) -> None:
    """Boot an installed machine twice with the network first: it is the same host, and nothing is fetched."""
    name, boot = "pxe-bios", BOOTS["pxe-bios"]
    served = serve(lab, scenario, trees.tree, boot)
    nic = lab.nic(mac(name), rom=boot.rom, bootindex=0)
    known = trees.disks.get(name)
    if known:
        disk = Drive(media.overlay(scenario.work / "disk.qcow2", known), format="qcow2", serial=DISK_SERIAL, bootindex=1)
    else:
        disk = Drive(media.blank_disk(scenario.work / "disk.img"), serial=DISK_SERIAL, bootindex=1)
        trees.tree.keep_armed(name)
    with scenario.machine("host", machine_spec(scenario, lab, boot, nic, disk)) as machine:
        if not known:
            wait_for_installation(scenario, machine, served, name)
            wait_for_first_boot(scenario, machine)
            restart(machine)
        fetched, seen = len(served.requests), []
        for turn in ("first", "second"):
            starts = 0 if turn == "first" and known else served.starts(name)
            if turn == "second":
                restart(machine)
            console = machine.console()
            with scenario.phase(f"{turn} boot"):
                console.login("root", scenario.settings.credentials.password)
                console.wait_for_boot()
            check_came_by_network(served, name, starts)
            seen.append(host_checks.identity(console))
            host_checks.check_services(console)
        changed = [key for key in seen[0] if seen[0][key] != seen[1][key]]
        host_checks.need(not changed, f"changed between the boots: {', '.join(changed)}")
        again = access_log.fetched(served.requests[fetched:], "/dom0.squashfs")
        host_checks.need(not again, f"the image was fetched again: {again}")
        check_installed_once(machine, most=0 if known else 1)


def restart(machine: Machine) -> None:
    """Reboot the host and wait for the reset."""
    resets = sum(event["event"] == "RESET" for event in machine.channels.qmp_events)
    machine.console().send("systemctl reboot\n")
    machine.wait_for_qmp_event("RESET", limit=timeouts.REBOOT, number=resets + 1)
