"""Sets of disks that would become incomplete, and copies of the selected disks (pure)."""

from __future__ import annotations

from installer.model import refusals
from installer.model.disk_sets import Shared, copies, set_members, spans
from installer.model.hardware import Facts
from installer.selection.disks import Chosen

NAMES = {"gpt": "disk GUID", "dos": "disk signature", "LVM2_member": "physical volume UUID"}


def set_problems(chosen: Chosen, facts: Facts) -> list[str]:
    """Return the sets with a member on a selected disk and another one on a disk that stays."""
    own = {disk.path for disk in chosen.all}
    # Arrays that run are judged by the devices that the kernel shows.
    running = {path for disk in chosen.all for path in disk.arrays}
    problems = []
    for disk in chosen.all:
        for shared in set_members(disk, facts.disks):
            stay = tuple((other, content) for other, content in shared.others if other.path not in own)
            if not stay or any(running & set(other.arrays) for other, _ in stay):
                continue
            rest = Shared(shared.content, stay)
            identifier = f" {rest.content.uuid}" if rest.content.uuid else ""
            problems.append(
                refusals.SET_SPANS_OTHER_DISKS.text(
                    f"{disk.describe()}: {rest.content.device} is a member of a {spans(rest.content)}{identifier} that also "
                    f"uses {rest.devices}, which is not selected\n"
                    "  destroy it with its own tools first, or select all of its disks"
                )
            )
    return problems


def copy_warnings(chosen: Chosen, facts: Facts) -> list[str]:
    """Return the copies of selected disks on other disks: one of the two may be the one that is meant."""
    warnings = []
    for disk in chosen.all:
        for shared in copies(disk, facts.disks):
            name = NAMES.get(shared.content.kind, f"{shared.content.kind} UUID")
            warnings.append(
                f"{shared.content.device} and {shared.devices} have the same {name} {shared.content.uuid}: one is a copy of the "
                f"other; check that {disk.path} is the one to erase"
            )
    return warnings
