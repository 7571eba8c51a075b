"""Recognize and keep a finished installation of this very host, unless it was ordered to be replaced (pure)."""

from __future__ import annotations

import json

from answerfiles.inventory.install_markers import NEW
from answerfiles.model import Answers
from installer.model import refusals
from installer.model.hardware import Disk, Facts
from installer.model.image_manifest import Manifest
from installer.model.installation import Installation
from installer.plan.plan_error import PlanError
from installer.selection.disks import Chosen


class OwnInstallation(PlanError):
    """A selected disk carries a finished installation of this host; the disk is to be started instead."""

    def __init__(self, disk: Disk, installation: Installation) -> None:
        self.disk = disk
        self.installation = installation
        text = f"this machine is installed already: {installation.describe()}; unattended answers do not replace it"
        super().__init__([refusals.OWN_INSTALLATION.text(text)])
        self.hint = refusals.OWN_INSTALLATION.plain_hint


def is_own(found: Installation, host_name: str, machine: str) -> bool:
    """Return whether an installation is that of this host on this machine.

    Installations of older versions do not say on which machine they were made, and a damaged marker says nothing: the name
    decides. Without a name, there or here (a DHCP server that is down gives none), the disk is kept.
    """
    same_name = not found.names or not host_name or host_name in found.names
    same_machine = not found.machine or not machine or found.machine == machine
    return same_name and same_machine


def is_ordered(found: Installation, answers: Answers, order: str) -> bool:
    """Return whether the installation may be replaced.

    :param order: the network boot's order to install: "" for another medium, :data:`NEW`, or the time of an explicit order.
    """
    if answers.install_id is not None and answers.install_id != found.install_id:
        return True
    if order and order != NEW:
        return order > ("" if found.order == NEW else found.order)
    # The order that made this installation was carried out: a mark that could not be removed must not repeat it.
    return answers.reinstall and (not order or order != found.order)


def keep_own(facts: Facts, chosen: Chosen, answers: Answers, order: str) -> None:
    """Check that the selected disks carry no finished installation of this host, or that it may be replaced.

    :raises OwnInstallation: for the first disk that is to be kept.
    """
    for disk in chosen.all:
        for found in facts.installations:
            here = found.disk == disk.path and is_own(found, answers.host_name, facts.machine_uuid)
            if here and not is_ordered(found, answers, order):
                raise OwnInstallation(disk, found)


def firmware_warnings(facts: Facts, chosen: Chosen) -> list[str]:
    """Return a warning if the medium was started in another firmware mode than the installation that is replaced."""
    mode = {"bios": "BIOS", "uefi": "UEFI"}
    return [
        f"{found.describe()} was installed in {mode[found.firmware]} mode, this system was started in {mode[facts.firmware]} "
        f"mode: if that is not intended, set the boot mode in the firmware setup"
        for found in facts.installations
        if found.disk in {disk.path for disk in chosen.all} and found.firmware in mode and found.firmware != facts.firmware
    ]


def completion_marker(manifest: Manifest, answers: Answers, facts: Facts, order: str, clock: str) -> str:
    """Return the text of ``installed.json``, by which the installer recognizes the installation later.

    :param clock: time of the installation, as text.
    """
    marker = {
        "format": 1,
        "product": manifest.product,
        "version": manifest.version,
        "id": manifest.id,
        "host_name": answers.host_name,
        "installed": clock,
        "machine": facts.machine_uuid,
        "install_id": answers.install_id or "",
        "order": order,
        "firmware": facts.firmware,
    }
    return json.dumps(marker, indent=2, sort_keys=True) + "\n"
