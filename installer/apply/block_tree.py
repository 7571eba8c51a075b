"""The kernel's tree of block devices above a disk, read from sysfs: partitions, arrays, maps and volumes."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.units import SECTOR
from installer.hardware.sysfs import read

SYS = Path("/sys")
KPARTX = re.compile(r"part\d+-")
VG_UUID_LENGTH = 32


@dataclass(frozen=True)
class Device:
    """A block device with everything that is stacked on it.

    :param name: the kernel's name, such as ``sda3`` or ``dm-0``.
    :param number: ``MAJOR:MINOR``.
    :param path: the path that users know, such as ``/dev/mapper/guests-one``.
    :param kind: ``disk``, ``part``, ``md``, ``dm``, or the driver's name for anything else that stands on a device.
    :param uuid: device-mapper's UUID, whose prefix names the owner: ``LVM-``, ``CRYPT-``, ``mpath-``, ``part3-mpath-``.
    :param start: offset of a partition in bytes; of a device-mapper partition, unknown here and 0.
    :param size: bytes.
    :param data: for an array, the offset of its data on each member in bytes, by the member's kernel name.
    :param container: for an array of an external format (IMSM, DDF), the kernel name of the container that it belongs to.
    :param below: kernel names of the devices that it uses directly.
    :param read_only: whether the kernel rejects writes to it.
    """

    name: str
    number: str
    path: str
    kind: str
    uuid: str = ""
    start: int = 0
    size: int = 0
    data: tuple[tuple[str, int], ...] = ()
    container: str = ""
    below: tuple[str, ...] = ()
    read_only: bool = False
    above: tuple[Device, ...] = field(default=(), repr=False)

    @property
    def is_partition(self) -> bool:
        """Return whether it is a partition: the kernel's own, or kpartx's of a multipath map."""
        return self.kind == "part" or (self.kind == "dm" and KPARTX.match(self.uuid) is not None)

    @property
    def is_volume(self) -> bool:
        """Return whether it is a device of LVM."""
        return self.kind == "dm" and self.uuid.startswith("LVM-")

    @property
    def group(self) -> str:
        """Return the UUID of a volume's group as LVM prints it, with hyphens."""
        text = self.uuid.removeprefix("LVM-")[:VG_UUID_LENGTH]
        cuts = (0, 6, 10, 14, 18, 22, 26, 32)
        return "-".join(text[first:last] for first, last in pairwise(cuts))


def kernel_name(path: str, root: Path = SYS) -> str:
    """Return the kernel's name of a device, such as ``dm-0`` for ``/dev/mapper/3600``.

    :raises UserError: when the kernel has no such device.
    """
    try:
        found = os.stat(path)
    except OSError:
        found = None
    if found is not None and stat.S_ISBLK(found.st_mode):
        # The node of a map may be a link or a device; its number is the same.
        name = (root / "dev/block" / f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}").resolve().name
    else:
        name = Path(path).name
    if not (root / "class/block" / name).exists():
        raise UserError(f"{path} is not a block device of this machine any more", "see 'dmesg': the disk may have been lost")
    return name


def read_device(name: str, root: Path = SYS) -> Device:
    """Return a device and everything above it, as the kernel links them (``holders`` in sysfs)."""
    folder = root / "class/block" / name
    dm, md = folder / "dm", folder / "md"
    kind = "part" if (folder / "partition").exists() else "dm" if dm.is_dir() else "md" if md.is_dir() else "disk"
    slaves = _names(folder / "slaves")
    if kind == "disk" and slaves:
        kind = re.sub(r"\d+$", "", name)
    title = read(dm / "name")
    external = read(md / "metadata_version").removeprefix("external:")
    partitions = sorted(node.parent.name for node in folder.glob("*/partition"))
    above = dict.fromkeys((*partitions, *_names(folder / "holders"), *_members(name, root)))
    return Device(
        name=name,
        number=read(folder / "dev"),
        path=f"/dev/mapper/{title}" if title else f"/dev/{name}",
        kind=kind,
        uuid=read(dm / "uuid"),
        start=_sectors(folder / "start"),
        size=_sectors(folder / "size"),
        data=tuple((node.name.removeprefix("dev-"), _sectors(node / "offset")) for node in sorted(md.glob("dev-*"))),
        container=external.strip("/").partition("/")[0] if external.startswith(("/", "-")) else "",
        below=slaves,
        read_only=read(folder / "ro") == "1",
        above=tuple(read_device(other, root) for other in above),
    )


def _members(name: str, root: Path) -> list[str]:
    # The volumes of a container use its disks directly, but it cannot be stopped before them.
    if not read(root / "class/block" / name / "md/metadata_version").startswith("external:"):
        return []
    own = f"external:/{name}/"
    return sorted(
        node.parent.parent.name
        for node in (root / "class/block").glob("md*/md/metadata_version")
        if read(node).replace("external:-", "external:/").startswith(own)
    )


def _names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(node.name for node in folder.iterdir())) if folder.is_dir() else ()


def _sectors(path: Path) -> int:
    text = read(path)
    # sysfs counts in units of 512 bytes, whatever the disk's sectors are.
    return int(text) * SECTOR if text.isdigit() else 0


def walk(devices: Iterable[Device]) -> Iterator[Device]:
    """Yield devices from the top of the tree down, each once and never before all that stands on it (pure)."""
    seen: set[str] = set()

    def visit(device: Device) -> Iterator[Device]:
        for other in device.above:
            yield from visit(other)
        if device.name not in seen:
            seen.add(device.name)
            yield device

    for device in devices:
        yield from visit(device)


def stacked(disks: Iterable[Device]) -> list[Device]:
    """Return what stands on disks in the order in which it has to be taken apart, without the disks and partitions (pure)."""
    disks = list(disks)
    own = {device.name for disk in disks for device in (disk, *partitions(disk))}
    return [device for device in walk(disks) if device.name not in own and device.kind != "part"]


def partitions(disk: Device) -> list[Device]:
    """Return the partitions of a disk itself, not those of what is stacked on it (pure)."""
    return [device for device in disk.above if device.is_partition]
