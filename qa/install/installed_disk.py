"""Installed disks, made once for each firmware, cached, and shared through overlays."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dom0kit.units import human_seconds
from qa import timeouts
from qa.errors import ScenarioFailed
from qa.guest.ssh_access import Ssh
from qa.install.answers import DISK_SERIAL, answers
from qa.scenario import Scenario
from qa.vm import media
from qa.vm.machine import Machine
from qa.vm.media import ANSWERS_ARGUMENT
from qa.vm.ports import reserve
from qa.vm.qemu_args import Drive, Firmware, MachineSpec, Nic

DISK = "disk.img"
VARIABLES = "variables.fd"
"""Names of the installed disk and of the UEFI variables in a stage's folder."""


@dataclass(frozen=True)
class Installed:
    """A disk after the installer and before the host's first boot, with the UEFI variables that the installer left.

    :param steps: seconds of the installer's steps by name.
    """

    firmware: Firmware
    disk: Path
    variables: Path | None
    steps: dict[str, float]


def run_installer(machine: Machine, scenario: Scenario) -> dict[str, float]:
    """Wait for the installer from power-on to the reset that ends the machine; return seconds of its steps by name.

    :raises ScenarioFailed: when it fails, reports no steps, or does not reboot.
    """
    with scenario.phase("boot to the installer"):
        machine.wait_for_event("installer", "started", limit=timeouts.BOOT)
    with scenario.phase("install"):
        machine.wait_for_event("installer", limit=timeouts.INSTALL)
    machine.screenshot("finished")
    with scenario.phase("shut down"):
        reason = machine.wait_for_shutdown()
    if reason != "guest-reset":
        raise ScenarioFailed(f"the answers specify a reboot, the machine ended by {reason}")
    return note_steps(machine, scenario)


def note_steps(machine: Machine, scenario: Scenario) -> dict[str, float]:
    """Return the seconds of the installer's steps by name, and add them to the scenario's notes.

    :raises ScenarioFailed: when the installer reported none.
    """
    steps = {
        event["name"]: float(event["seconds"])
        for event in machine.events
        if event.get("source") == "installer" and event.get("event") == "step" and event.get("state") == "finished"
    }
    if not steps:
        raise ScenarioFailed("the installer reported no finished step")
    total = sum(steps.values())
    scenario.notes["installer steps"] = {**steps, "all steps": round(total, 1)}
    print(f"{scenario.name}: {len(steps)} installer steps in {human_seconds(total)}")
    return steps


def install_from_cd(
    scenario: Scenario,
    disks: Sequence[Drive],
    text: str,
    *,
    arguments: str = ANSWERS_ARGUMENT,
    name: str = "install",
    **values: Any,
) -> dict[str, float]:
    """Install from the CD onto blank disks with an answers stick; return seconds of the installer's steps by name.

    The disks come first in the boot order; the firmware skips them while they are blank and boots the CD. The machine
    ends at the reboot that the answers specify, which leaves the disks as they are before the first boot.

    :param text: the answers, on the stick.
    :param values: fields of :class:`qa.vm.qemu_args.MachineSpec`.
    :raises ScenarioFailed: when the installer fails, reports no steps, or does not reboot.
    """
    stick = scenario.stick("install-serial", arguments=arguments, answers=text)
    spec = scenario.spec(name, drives=(*disks, scenario.cd(len(disks)), stick), **values)
    with scenario.machine(name, spec) as machine:
        return run_installer(machine, scenario)


def install(scenario: Scenario, firmware: Firmware, folder: Path) -> dict[str, float]:
    """Make the usual installation in a folder: one blank disk on QEMU's user network; return its steps' seconds.

    :raises ScenarioFailed: see :func:`install_from_cd`.
    """
    disk = media.blank_disk(folder / DISK)
    variables = folder / VARIABLES if firmware == "uefi" else None
    drive = Drive(disk, serial=DISK_SERIAL, bootindex=0)
    text = answers(scenario.settings.credentials)
    return install_from_cd(scenario, [drive], text, firmware=firmware, variables=variables)


class InstalledDisks:
    """Installed disks, cached between runs."""

    def get(self, scenario: Scenario, firmware: Firmware, *, renew: bool = False) -> Installed:
        """Return the installed disk; install it when it is not cached.

        :param renew: install even if a disk is cached, for scenarios about the installation.
        :raises ScenarioFailed: when the installation fails.
        """

        def make(folder: Path) -> dict[str, Any]:
            return {"steps": install(scenario, firmware, folder)}

        stage = scenario.stage(f"installed-{firmware}", ("install/installed_disk.py",), make, renew=renew)
        variables = stage.folder / VARIABLES if firmware == "uefi" else None
        return Installed(firmware, stage.folder / DISK, variables, stage.data["steps"])


@dataclass(frozen=True)
class Host:
    """An installed host with its own copy of the disk, which a scenario can boot any number of times."""

    scenario: Scenario
    installed: Installed
    disk: Path
    variables: Path | None
    ssh_port: int

    @property
    def ssh(self) -> Ssh:
        """Return the ssh client for the running host."""
        return Ssh(self.scenario.settings.credentials, self.ssh_port)

    def spec(self, name: str) -> MachineSpec:
        """Describe the machine of the installation: disk first, CD second, the management card's ssh port forwarded."""
        return self.scenario.spec(
            name,
            firmware=self.installed.firmware,
            variables=self.variables,
            nics=(Nic(ssh_port=self.ssh_port),),
            drives=(Drive(self.disk, format="qcow2", serial=DISK_SERIAL, bootindex=0), self.scenario.cd(1)),
        )

    def boot(self, name: str) -> Machine:
        """Make the host's machine; ``with`` starts it."""
        return self.scenario.machine(name, self.spec(name))


def own_copy(scenario: Scenario, installed: Installed) -> Host:
    """Make a host on an overlay over the installed disk."""
    disk = media.overlay(scenario.work / "disk.qcow2", installed.disk)
    variables = None
    if installed.variables:
        variables = scenario.work / "vars.fd"
        shutil.copyfile(installed.variables, variables)
    return Host(scenario, installed, disk, variables, reserve())
