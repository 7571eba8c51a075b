"""Scan for new paths and grown LUNs: ``dom0ctl multipath --rescan``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dom0kit.linux.multipath_maps import Map
from dom0kit.units import SECTOR, human_bytes

"""``/sys/block/*/size`` counts in these bytes, whatever the disk's own sectors are (sysfs-block(5))."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a map, and of each of its working paths by name."""

    map: int
    paths: tuple[tuple[str, int], ...]

    @property
    def grown(self) -> int:
        """The size that the map could grow to; 0 when it has that size, or when its paths differ."""
        found = {size for _, size in self.paths}
        return found.pop() if len(found) == 1 and min(found) > self.map else 0


def read_sizes(root: Path, item: Map) -> Sizes:
    """Return the kernel's sizes; 0 for unknown ones."""

    def size(name: str) -> int:
        try:
            return int((root / "sys/block" / name / "size").read_text()) * SECTOR
        except (OSError, ValueError):
            return 0

    return Sizes(size(item.device), tuple((path.dev, size(path.dev)) for path in item.good))


def size_line(sizes: Sizes) -> str:
    """Return a sentence when the LUN's size differs from the map's; else empty."""
    if sizes.grown:
        return f"the array has grown it to {human_bytes(sizes.grown)}: apply with 'dom0ctl multipath --rescan'"
    if {size for _, size in sizes.paths} - {sizes.map}:
        said = ", ".join(f"{dev} has {human_bytes(size)}" for dev, size in sizes.paths)
        return f"its paths report other sizes than {human_bytes(sizes.map)}: {said}"
    return ""


def rescan_devices(root: Path, maps: Iterable[Map], settle: Callable[[], object]) -> None:
    """Rescan each adapter for LUNs and each path for its size, and wait for udev.

    :raises PermissionError: without root.
    """
    for scan in sorted(root.glob("sys/class/scsi_host/host*/scan")):
        scan.write_text("- - -")
    for item in maps:
        for path in item.paths:
            again = root / "sys/block" / path.dev / "device/rescan"
            if again.exists():
                again.write_text("1")
    settle()


def resize(root: Path, maps: Iterable[Map], ask: Callable[[str], str]) -> list[str]:
    """Grow maps to the size that all of their paths have.

    A map is never shrunk: the data behind its end would be lost.

    :returns: what was done or failed, as sentences.
    """
    said = []
    for item in maps:
        sizes = read_sizes(root, item)
        if not sizes.grown:
            continue
        answer = ask(f"resize map {item.name}").strip()
        if answer != "ok":
            said.append(f"{item.wwid} could not be resized: multipathd replied {answer!r}")
            continue
        said.append(
            f"{item.wwid} has grown from {human_bytes(sizes.map)} to {human_bytes(sizes.grown)}; "
            f"resize a physical volume on it with 'pvresize /dev/mapper/{item.name}'"
        )
    return said


def differences(before: Iterable[Map], after: Iterable[Map]) -> list[str]:
    """Return sentences about maps and paths that are new."""
    known = {item.wwid: {path.dev for path in item.paths} for item in before}
    said = []
    for item in after:
        new = sorted({path.dev for path in item.paths} - known.get(item.wwid, set()))
        if item.wwid not in known:
            said.append(f"new disk {item.wwid} with {len(new)} paths")
        elif new:
            said.append(f"{item.wwid} has the new path{'s' if len(new) > 1 else ''} {', '.join(new)}")
    return said
