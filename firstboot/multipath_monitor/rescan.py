"""What is new on the storage network: paths that were cabled, LUNs that were grown. ``dom0ctl paths --rescan``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from dom0kit.linux.multipath_maps import Map
from dom0kit.units import SECTOR, human_bytes

"""``/sys/block/*/size`` counts in these bytes, whatever the disk's own sectors are (sysfs-block(5))."""


@dataclass(frozen=True)
class Sizes:
    """Bytes of a map, and of each of its good paths by name."""

    map: int
    paths: tuple[tuple[str, int], ...]

    @property
    def grown(self) -> int:
        """What the map could have; 0 when it has that already, or when its paths do not agree."""
        found = {size for _, size in self.paths}
        return found.pop() if len(found) == 1 and min(found) > self.map else 0


def read_sizes(root: Path, item: Map) -> Sizes:
    """As the kernel knows them; 0 for what it does not know."""

    def size(name: str) -> int:
        try:
            return int((root / "sys/block" / name / "size").read_text()) * SECTOR
        except (OSError, ValueError):
            return 0

    return Sizes(size(item.device), tuple((path.dev, size(path.dev)) for path in item.good))


def size_line(sizes: Sizes) -> str:
    """Whether the LUN has another size than the map, in a sentence; empty when all is of one size."""
    if sizes.grown:
        return f"the array has grown it to {human_bytes(sizes.grown)}: 'dom0ctl paths --rescan' takes that in"
    if {size for _, size in sizes.paths} - {sizes.map}:
        said = ", ".join(f"{dev} has {human_bytes(size)}" for dev, size in sizes.paths)
        return f"its paths do not agree about its size of {human_bytes(sizes.map)}: {said}"
    return ""


def look_again(root: Path, maps: Iterable[Map], settle: Callable[[], object]) -> None:
    """Have each adapter look for LUNs, and each path for its size; wait until the system has taken them in.

    :raises PermissionError: for others than root.
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
    """Give maps the size that all of their paths have; what was done, or not, in sentences.

    A map is never made smaller: what is behind its end would be lost.
    """
    said = []
    for item in maps:
        sizes = read_sizes(root, item)
        if not sizes.grown:
            continue
        answer = ask(f"resize map {item.name}").strip()
        if answer != "ok":
            said.append(f"{item.wwid} could not be resized: multipathd says {answer!r}")
            continue
        said.append(
            f"{item.wwid} has grown from {human_bytes(sizes.map)} to {human_bytes(sizes.grown)}; "
            f"a physical volume on all of it takes the space with 'pvresize /dev/mapper/{item.name}'"
        )
    return said


def news(before: Iterable[Map], after: Iterable[Map]) -> list[str]:
    """Maps and paths that were not there before."""
    known = {item.wwid: {path.dev for path in item.paths} for item in before}
    said = []
    for item in after:
        new = sorted({path.dev for path in item.paths} - known.get(item.wwid, set()))
        if item.wwid not in known:
            said.append(f"new disk {item.wwid} with {len(new)} paths")
        elif new:
            said.append(f"{item.wwid} has the new path{'s' if len(new) > 1 else ''} {', '.join(new)}")
    return said
