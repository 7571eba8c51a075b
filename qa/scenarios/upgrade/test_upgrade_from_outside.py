"""A host is upgraded by the installer of another image: started from a medium, and over the network."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from dom0kit.process import run
from qa import timeouts
from qa.checks import host_checks
from qa.checks.boot_and_check import wait_for_first_boot
from qa.checks.host_checks import need
from qa.guest.ssh_access import Ssh
from qa.install import answers
from qa.install.installed_disk import InstalledDisks, own_copy, run_installer
from qa.install.other_image import NAME, other_folder
from qa.lab.lab import PROJECT, Lab
from qa.metadata import scenario
from qa.network_boot import URL, Boot, Served, Tree, dom0kit, machine_spec, serve
from qa.scenario import Scenario
from qa.upgrade.upgraded_host import (
    UpgradedHost,
    check_trial,
    make_marks,
    on_one_disk,
    run_first_boot,
)
from qa.vm.machine import Machine
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.qemu_args import MANAGEMENT_MAC, DirectKernel, MachineSpec

TASK = f"version: 1\nmode: upgrade\nhost_name: {answers.HOST_NAME}\n"
OTHER_LABEL = "OTHER"
"""Volume identifier of the medium with the other image."""
PXE_HOST = "upgrade-pxe"
"""The host's name in the inventory."""
BOOT = Boot("bios", rom=True, no_ipxe=True)


def finished(machine: Machine) -> dict[str, Any]:
    """Return the last report of the installer that it has finished."""
    found = [dict(e) for e in machine.events if (e.get("source"), e.get("event")) == ("installer", "finished")]
    return found[-1] if found else {}


def check_upgraded(machine: Machine) -> None:
    """Check that the installer reported an upgrade, after it said that it begins to write."""
    kinds = [str(event["event"]) for event in machine.events if event.get("source") == "installer"]
    need("writing" in kinds, f"the installer reported {kinds}")
    need(f"tries {NAME} at its next start" in str(finished(machine).get("text")), f"the installer ended with {finished(machine)}")


@scenario("upgrade-from-iso", firmware="bios", minutes=20, stage="installed-bios", tags={"upgrade"})
def test_upgrade_from_iso(scenario: Scenario, installed_disks: InstalledDisks) -> None:
    """Start the installer of another image with answers of three lines: the host tries the image, and has lost nothing."""
    host = on_one_disk(scenario, own_copy(scenario, installed_disks.get(scenario, "bios")))
    with host.boot("before") as machine:
        before = run_first_boot(host, machine)
        first = host.first_image()
        with scenario.phase("power off"):
            host.ssh.execute("systemctl poweroff")
            machine.wait_for_shutdown()
    words = f"boot=dom0kit dom0kit.image=iso:{OTHER_LABEL}:/dom0kit dom0kit.mode=install {ANSWERS_ARGUMENT}"
    kernel = DirectKernel(scenario.settings.kernel, f"{words} console=tty0 console=ttyS0,115200", scenario.settings.initrd)
    disk = replace(host.spec("installer").drives[0], bootindex=1)
    stick = scenario.stick("install-serial", answers=TASK)
    spec = scenario.spec("installer", kernel=kernel, drives=(disk, replace(host.medium, bootindex=2), stick))
    with scenario.machine("installer", spec) as machine:
        run_installer(machine, scenario)
        check_upgraded(machine)
    with host.boot("trial") as machine:
        check_trial(host, machine, before)
        need(host.images()[first] == ["staged"], f"the images after the confirmation: {host.images()}")


@scenario(
    "upgrade-pxe",
    firmware="bios",
    minutes=25,
    stage="installed-bios",
    tags={"upgrade", "network", "pxe"},
    lab=True,
    needs=("nginx",),
)
def test_upgrade_pxe(scenario: Scenario, installed_disks: InstalledDisks, lab: Lab) -> None:
    """Arm a host whose inventory has ``mode: upgrade``: the network boot upgrades it once, and starts its disk from then on."""
    target = own_copy(scenario, installed_disks.get(scenario, "bios"))
    tree = render_upgrade(scenario)
    served = serve(lab, scenario, tree, BOOT)
    nic = lab.nic(MANAGEMENT_MAC, rom=True, bootindex=0)
    disk = replace(target.spec("host").drives[0], bootindex=1)

    def spec(name: str) -> MachineSpec:
        return replace(machine_spec(scenario, lab, BOOT, nic, disk, reset_ends=True), folder=scenario.work / name)

    with scenario.machine("before", spec("before")) as machine:
        address = host_checks.addresses(wait_for_first_boot(scenario, machine))[0]
        # The lease stays with the card: the address is the same in each boot.
        ssh = Ssh(scenario.settings.credentials, address=address, netns=lab.namespace)
        host = UpgradedHost(scenario, spec, ssh, medium=disk)
        before = make_marks(host)
        tree.arm(PXE_HOST)
        with scenario.phase("restart"):
            host.ssh.execute("systemctl reboot")
            need(machine.wait_for_shutdown() == "guest-reset", "the host did not restart")
    with scenario.machine("installer", spec("installer")) as machine:
        run_installer(machine, scenario)
        check_upgraded(machine)
        check_order_ended(served)
    with scenario.machine("trial", spec("trial")) as machine:
        check_trial(host, machine, before)


def render_upgrade(scenario: Scenario) -> Tree:
    """Render a tree of the other image for the host, which is not armed."""
    image = other_folder(scenario.settings.iso, scenario.work)
    inventory = scenario.work / "upgrade-inventory.yaml"
    host = {"mac": MANAGEMENT_MAC, "host_name": answers.HOST_NAME, "mode": "upgrade"}
    inventory.write_text(answers.to_yaml({"hosts": {PXE_HOST: host}}))
    folder = scenario.settings.public / f"{scenario.name}.tree"
    words = ["answers", "render", str(inventory), "-o", str(folder), "--url", URL, "--image", str(image), "--arm", "none"]
    run(dom0kit(*words), cwd=PROJECT, timeout=timeouts.patient(1800))
    return Tree(folder, inventory)


def check_order_ended(served: Served) -> None:
    """Check that the server has ended the order and has the report."""
    need(not served.tree.is_armed(PXE_HOST), f"{PXE_HOST} is upgraded and still armed")
    report = served.reported(PXE_HOST, "finished", "installer")
    need(report is not None and NAME in json.dumps(report), f"the server has no report of the upgrade: {report}")
