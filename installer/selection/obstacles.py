"""Why a disk cannot be a target, whatever the answers say; one list for the plan and the screens (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from dom0kit.refusals import Refusal
from dom0kit.units import human_bytes
from installer.model import refusals
from installer.model.hardware import Disk


@dataclass(frozen=True)
class Obstacle:
    """Why a disk is no candidate.

    :param words: for a column of a table; ``sentence`` says the same in full.
    """

    refusal: Refusal
    words: str
    sentence: str


def find_obstacle(disk: Disk, least: int = 0) -> Obstacle | None:
    """Return why a disk cannot be a target; None if it can.

    :param least: the smallest size in bytes for the purpose.
    """
    uses = ", ".join(disk.uses)
    candidates = (
        (bool(disk.unusable), Obstacle(refusals.DISK_UNUSABLE, "not usable", f"it cannot be used: {disk.unusable}")),
        (bool(disk.uses), Obstacle(refusals.DISK_USED_BY_RUN, "in use", f"this installation reads from it: {uses}")),
        (disk.read_only, Obstacle(refusals.DISK_READ_ONLY, "read-only", "it is write-protected")),
        (
            disk.size < least,
            Obstacle(
                refusals.DISK_TOO_SMALL,
                "too small",
                f"it is too small: {human_bytes(disk.size)}, at least {human_bytes(least)} are required",
            ),
        ),
    )
    return next((obstacle for holds, obstacle in candidates if holds), None)
