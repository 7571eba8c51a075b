"""Find the ESPs of a running host from its system partition, as sysfs shows them."""

from __future__ import annotations

import os
from pathlib import Path

from dom0kit.errors import UserError
from installer.model.partition_layout import ESP, SYSTEM

SYSFS = Path("/sys")


def esps_of(device: int, sysfs: Path = SYSFS) -> tuple[str, ...]:
    """Return the device of the ESP on each disk that has a part of the system: one, or those of a mirror.

    :param device: device number of the system's file system (stat(2), ``st_dev``).
    :raises UserError: when there is none.
    """
    node = (sysfs / "dev/block" / f"{os.major(device)}:{os.minor(device)}").resolve()
    members = [entry.resolve() for entry in sorted((node / "slaves").glob("*"))] if (node / "md").is_dir() else [node]
    found = tuple(esp for member in members if (esp := _esp_next_to(member)) is not None)
    if not found:
        raise UserError(f"no ESP was found next to the system partition {node.name}", "see lsblk for the host's disks")
    return found


def _esp_next_to(node: Path) -> str | None:
    """Return the ESP on the disk of a system partition; None when the disk has gone."""
    if (node / "partition").exists():
        for sibling in node.parent.iterdir():
            if (sibling / "partition").exists() and (sibling / "partition").read_text().strip() == str(ESP):
                return f"/dev/{sibling.name}"
        return None
    # kpartx(8) names a partition of a multipath map after the map.
    name = node / "dm/name"
    if name.exists() and name.read_text().strip().endswith(f"-part{SYSTEM}"):
        return f"/dev/mapper/{name.read_text().strip().removesuffix(str(SYSTEM))}{ESP}"
    return None
