"""What a machine is, as frozen values: the facts that a plan is made from."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from dom0kit.units import human_bytes, table

MEDIUM = "/run/dom0kit/medium"


@dataclass(frozen=True)
class Disk:
    """A disk that could be installed on, or the reason why it could not.

    :param kind: ``disk``, ``mpath`` (a multipath map), ``loop``, as lsblk says.
    :param size: bytes.
    :param sector: logical sector size in bytes, 512 or 4096.
    :param partitions: paths of its partitions.
    :param contents: what was found on it, for people: file systems, partition tables, volumes.
    :param mounts: where any part of it is mounted; ``[SWAP]`` is swap.
    :param volumes: what is stacked on it, as (kind, path): logical volumes, RAID arrays.
    :param aliases: other paths of the same disk, from ``/dev/disk/by-*``.
    :param paths: of a multipath map, the disks that are its paths.
    :param map: of a raw path of a multipath map, the map's path.
    """

    path: str
    kind: str
    size: int
    sector: int = 512
    model: str = ""
    serial: str = ""
    wwn: str = ""
    transport: str = ""
    rotational: bool = False
    removable: bool = False
    read_only: bool = False
    partitions: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    volumes: tuple[tuple[str, str], ...] = ()
    aliases: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    map: str = ""

    @property
    def is_medium(self) -> bool:
        """Whether the running system's image is on it."""
        return MEDIUM in self.mounts

    def describe(self) -> str:
        """The disk in a few words."""
        parts = [self.path, human_bytes(self.size), self.model, f"serial {self.serial}" if self.serial else "", self.wwn]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Nic:
    """A physical network card; ``carrier`` is None while the card is down and nobody knows."""

    name: str
    mac: str
    driver: str = ""
    carrier: bool | None = None

    def describe(self) -> str:
        """The card in a few words."""
        cable = {True: "cable connected", False: "no cable", None: "not up"}[self.carrier]
        return f"{self.mac} ({self.name}, {self.driver or 'driver unknown'}, {cable})"


@dataclass(frozen=True)
class PhysicalVolume:
    """An LVM physical volume; ``group`` is empty when it belongs to none."""

    path: str
    group: str


@dataclass(frozen=True)
class Facts:
    """All that is known about a machine.

    :param firmware: ``bios`` or ``uefi``.
    :param memory: bytes of RAM that Linux sees.
    :param virtualization: ``vmx``, ``svm`` or empty; None under Xen, which hides it.
    """

    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    firmware: str
    memory: int
    virtualization: str | None
    under_xen: bool = False
    physical_volumes: tuple[PhysicalVolume, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """The facts as plain values."""
        return dataclasses.asdict(self)

    def render(self) -> str:
        """The facts as tables for a person."""
        virtualization = "hidden by Xen" if self.virtualization is None else self.virtualization or "none"
        disks: list[tuple[str, ...]] = [
            (d.path, human_bytes(d.size), d.model, d.serial, d.wwn, d.transport, state(d)) for d in self.disks
        ]
        nics: list[tuple[str, ...]] = [
            (n.name, n.mac, n.driver, {True: "yes", False: "no", None: "?"}[n.carrier]) for n in self.nics
        ]
        return "\n\n".join(
            [
                f"firmware {self.firmware}, RAM {human_bytes(self.memory)}, virtualization {virtualization}, "
                f"{'under Xen' if self.under_xen else 'not under Xen'}",
                table(("disk", "size", "model", "serial", "wwn", "bus", "content"), disks),
                table(("card", "MAC", "driver", "cable"), nics),
            ]
        )


def state(disk: Disk) -> str:
    """What is on a disk or keeps it from being chosen, for a table."""
    if disk.map:
        return f"a path of {disk.map}"
    if disk.is_medium:
        return "the boot medium"
    words = list(disk.contents) or ["blank"]
    if disk.mounts:
        words.append(f"mounted on {', '.join(disk.mounts)}")
    return "; ".join(words)
