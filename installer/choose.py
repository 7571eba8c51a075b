"""Which disk and which network card the answers mean. Pure: problems and candidates instead of guesses."""

from __future__ import annotations

from answerfiles.model import DiskSelector
from installer.machine import Disk, Facts, Nic


def _wwn(text: str) -> str:
    # lsblk says 0x5000c500a1b2c3d4, sysfs naa.5000c500a1b2c3d4, a label on the disk neither.
    lower = text.lower()
    for prefix in ("0x", "naa.", "wwn-0x", "eui.", "nvme."):
        lower = lower.removeprefix(prefix)
    return lower


def why_not(disk: Disk, selector: DiskSelector) -> str:
    """Why a disk is not the one that was asked for; empty when it is."""
    if selector.serial is not None and disk.serial != selector.serial:
        return f"its serial is {disk.serial}" if disk.serial else "it has no serial"
    if selector.wwn is not None and (not disk.wwn or _wwn(disk.wwn) != _wwn(selector.wwn)):
        return f"its wwn is {disk.wwn}" if disk.wwn else "it has no wwn"
    if selector.path is not None and selector.path not in (disk.path, *disk.aliases):
        return "it has another path"
    return ""


def candidates(disks: tuple[Disk, ...], selector: DiskSelector) -> str:
    """Every disk with the reason why it is or is not the one, a line each."""
    lines = [f"    {disk.describe()}: {why_not(disk, selector) or 'matches'}" for disk in disks]
    return "\n".join(lines) if lines else "    this machine has no disk, or the driver of its controller is missing"


def choose_disk(facts: Facts, selector: DiskSelector) -> Disk | str:
    """The one disk that matches, or a problem that lists every candidate.

    Paths of a multipath map are no candidates, the map stands for them.
    """
    disks = tuple(disk for disk in facts.disks if not disk.map)
    matching = [disk for disk in disks if not why_not(disk, selector)]
    if len(matching) == 1:
        return matching[0]
    raw = [disk for disk in facts.disks if disk.map and not why_not(disk, selector)]
    if raw:
        maps = ", ".join(sorted({disk.map for disk in raw}))
        return f"target.disk ({selector}) names {raw[0].path}, one path of the multipath disk {maps}; name that disk"
    count = "no disk matches" if not matching else f"{len(matching)} disks match"
    return f"{count} target.disk ({selector}), exactly one must:\n{candidates(disks, selector)}"


def choose_nic(facts: Facts, mac: str | None) -> Nic | str:
    """The management network's card, or a problem that lists the candidates."""
    lines = "\n".join(f"    {nic.describe()}" for nic in facts.nics) or "    this machine has none, or their drivers are missing"
    if mac is None:
        if len(facts.nics) == 1:
            return facts.nics[0]
        count = len(facts.nics)
        return f"network.management.mac is needed, because there are {count} network cards, not one:\n{lines}"
    matching = [nic for nic in facts.nics if nic.mac == mac]
    if len(matching) == 1:
        return matching[0]
    return f"{len(matching) or 'no'} network cards have the MAC {mac} of network.management:\n{lines}"
