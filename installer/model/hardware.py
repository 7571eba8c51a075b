"""Hardware facts that a plan is made from, as frozen values."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from dom0kit.linux import multipath_maps
from dom0kit.linux.multipath_maps import Map
from dom0kit.units import human_bytes, table
from installer.model.disk_content import Content
from installer.model.installation import Installation

MEDIUM = "/run/dom0kit/medium"
USB_FUNCTIONS = ("cdc_", "rndis_")
"""Beginnings of the names of Linux's drivers for network functions of the USB communication class, and of RNDIS."""


@dataclass(frozen=True)
class Disk:
    """A candidate installation target.

    :param kind: ``disk``, ``mpath`` (a multipath map), ``loop``, as lsblk says.
    :param size: bytes.
    :param sector: logical sector size in bytes, 512 or 4096.
    :param partitions: paths of its partitions.
    :param contents: descriptions of what it holds: file systems, partition tables, volumes.
    :param mounts: mount points of any part of it; ``[SWAP]`` is swap.
    :param volumes: devices stacked on it, as (kind, path): logical volumes, RAID arrays.
    :param aliases: other paths of the same disk, from ``/dev/disk/by-*``.
    :param paths: for a multipath map, the disks that are its paths.
    :param map: for a path of a multipath map, the path of the map.
    :param lun: for a multipath map, data from multipathd: vendor, ALUA, states of the paths by group.
    :param found: what its tables and superblocks say, with their identifiers; ``contents`` describes the same to people.
    :param unreadable: the error when one of its ends was read, such as ``Input/output error at byte 0``; "": both were read.
    :param digest: SHA-256 of both ends, by which the disk is identified again before it is written to; "": not read.
    :param uses: what this run itself reads from it: answers, packages, a certificate.
    :param unusable: why no installation can ever use it, such as a hardware area of an eMMC; "" for a disk.
    :param address: where a SCSI disk is attached, as host:channel:target:LUN.
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
    lun: Map | None = None
    found: tuple[Content, ...] = ()
    unreadable: str = ""
    digest: str = ""
    uses: tuple[str, ...] = ()
    unusable: str = ""
    address: str = ""

    @property
    def is_medium(self) -> bool:
        """Return whether it holds the running system's image."""
        return MEDIUM in self.mounts

    @property
    def arrays(self) -> tuple[str, ...]:
        """Return RAID arrays with a member on this disk; one that did not start has the kind ``md``."""
        return tuple(path for kind, path in self.volumes if kind.startswith(("raid", "md")) or path.startswith("/dev/md"))

    @property
    def devices(self) -> frozenset[str]:
        """Return the disk, its partitions and the devices stacked on them."""
        return frozenset({self.path, *self.partitions, *self.aliases, *(path for _, path in self.volumes)})

    def describe(self) -> str:
        """Return the disk in a few words."""
        parts = [self.path, human_bytes(self.size), self.model, f"serial {self.serial}" if self.serial else "", self.wwn]
        return ", ".join(part for part in (*parts, self.describe_paths()) if part)

    def describe_paths(self) -> str:
        """Return how many paths of a map are active; "" for other disks."""
        if self.lun is None:
            return f"{len(self.paths)} paths" if self.paths else ""
        return f"{len(self.lun.good)} of {len(self.lun.paths)} paths active"


@dataclass(frozen=True)
class Nic:
    """A physical network card.

    :param carrier: whether a link is detected; None while the card is down.
    :param slot: PCI address, such as 0000:03:00.0; "" for a card on another bus.
    :param dhcp_name: host name from the DHCP server's lease, with its domain if the server gave one; "" without one.
    :param permanent: whether the MAC address is the card's own; False if the kernel made it up, other at each start.
    """

    name: str
    mac: str
    driver: str = ""
    carrier: bool | None = None
    slot: str = ""
    dhcp_name: str = ""
    permanent: bool = True

    @property
    def is_usb_function(self) -> bool:
        """Return whether it is a network function over USB, such as that of a management controller (BMC) or a telephone."""
        return self.driver.startswith(USB_FUNCTIONS)

    def describe(self) -> str:
        """Return the network card in a few words."""
        cable = {True: "link up", False: "no link", None: "interface down"}[self.carrier]
        slot = f", {self.slot}" if self.slot else ""
        return f"{self.mac} ({self.name}, {self.driver or 'driver unknown'}{slot}, {cable})"


@dataclass(frozen=True)
class IscsiSession:
    """A session to an iSCSI target at one of its portals, and the network card that carries it.

    :param group: portal group tag from the target.
    :param disks: paths of the session's disks.
    :param card: interface with the session's local address; ``mac`` is that of the card below it; "" if unknown.
    :param local: the local address with its prefix length, such as 10.77.1.10/24.
    :param gateway: router on the way; "" if there is none.
    :param leased: whether the local address came from DHCP.
    """

    target: str
    address: str
    port: int = 3260
    group: int = 1
    disks: tuple[str, ...] = ()
    card: str = ""
    mac: str = ""
    local: str = ""
    vlan: int = 0
    mtu: int = 1500
    gateway: str = ""
    leased: bool = False

    def describe(self) -> str:
        """Return the session in a few words."""
        return f"the iSCSI session to {self.target} at {self.address}"


@dataclass(frozen=True)
class PhysicalVolume:
    """An LVM physical volume.

    Names are not unique: two volume groups may have one name, and a clone has the UUIDs of its original.

    :param path: its device; ``[unknown]`` if it is missing.
    :param group: its volume group's name; "" if it belongs to none.
    :param uuid: its own UUID; ``group_uuid`` is that of its volume group.
    :param missing: whether the volume group names it and it is not there.
    :param system_id: the machine that owns the volume group; "" for any.
    :param foreign: whether that is another machine: the volume group cannot be activated here.
    :param exported: whether the volume group was exported with vgexport(8).
    :param shared: whether machines share it: lvmlockd, or the clustered LVM of old.
    :param duplicate: whether LVM uses another device with the same UUID.
    :param broken: whether physical volumes of the volume group are missing.
    """

    path: str
    group: str
    uuid: str = ""
    group_uuid: str = ""
    missing: bool = False
    system_id: str = ""
    foreign: bool = False
    exported: bool = False
    shared: bool = False
    duplicate: bool = False
    broken: bool = False


@dataclass(frozen=True)
class Machine:
    """What the firmware (SMBIOS) says that the machine is; empty where it has nothing of its own.

    :param asset: asset tag of the chassis.
    """

    serial: str = ""
    uuid: str = ""
    asset: str = ""


@dataclass(frozen=True)
class Facts:
    """All facts about a machine.

    :param firmware: ``bios`` or ``uefi``.
    :param memory: bytes of RAM that Linux sees.
    :param virtualization: ``vmx``, ``svm`` or empty; None under Xen, which hides it.
    :param cpus: logical processors that Linux sees; 0 if unknown.
    :param machine_uuid: :func:`dom0kit.machine_identity.machine_uuid`; "" if unknown.
    :param installations: finished installations of dom0kit on the disks.
    :param console: the serial port of this system's console, ``com1`` or ``com2``; "" if there is none or more than one.
    """

    disks: tuple[Disk, ...]
    nics: tuple[Nic, ...]
    firmware: str
    memory: int
    virtualization: str | None
    under_xen: bool = False
    physical_volumes: tuple[PhysicalVolume, ...] = field(default=())
    cpus: int = 0
    sessions: tuple[IscsiSession, ...] = ()
    machine: Machine = Machine()
    machine_uuid: str = ""
    installations: tuple[Installation, ...] = ()
    console: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the facts as plain values."""
        return dataclasses.asdict(self)

    def render(self) -> str:
        """Return the facts as readable tables."""
        virtualization = "hidden by Xen" if self.virtualization is None else self.virtualization or "none"
        disks: list[tuple[str, ...]] = [
            (d.path, human_bytes(d.size), d.model, d.serial, d.wwn, d.transport, state(d)) for d in self.disks
        ]
        nics: list[tuple[str, ...]] = [
            (n.name, n.mac, n.driver, n.slot, {True: "yes", False: "no", None: "?"}[n.carrier]) for n in self.nics
        ]
        sessions: list[tuple[str, ...]] = [
            (s.target, f"{s.address} {s.port}", " ".join(s.disks), f"{s.card} {s.mac}", s.local) for s in self.sessions
        ]
        return "\n\n".join(
            [
                f"firmware {self.firmware}, RAM {human_bytes(self.memory)}, {self.cpus or '?'} processors, "
                f"virtualization {virtualization}, "
                f"{'under Xen' if self.under_xen else 'not under Xen'}",
                table(("disk", "size", "model", "serial", "wwn", "bus", "content"), disks),
                *(
                    f"{multipath_maps.title(disk.lun)}\n{table(multipath_maps.TITLES, multipath_maps.rows(disk.lun))}"
                    for disk in self.disks
                    if disk.lun
                ),
                table(("card", "MAC", "driver", "slot", "cable"), nics),
                *([f"installed: {found.describe()}" for found in self.installations]),
                *([table(("iSCSI target", "portal", "disks", "card", "own address"), sessions)] if sessions else []),
            ]
        )


def state(disk: Disk) -> str:
    """Return a disk's contents, or why it cannot be selected, for a table."""
    if disk.map:
        return f"a path of {disk.map}"
    if disk.is_medium:
        return "the boot medium"
    if disk.unusable:
        return disk.unusable
    words = list(disk.contents)
    if disk.unreadable:
        words.insert(0, f"cannot be read: {disk.unreadable}")
    words = words or ["blank"]
    if disk.uses:
        words.append(f"holds {', '.join(disk.uses)} of this run")
    if disk.mounts:
        words.append(f"mounted on {', '.join(disk.mounts)}")
    return "; ".join(words)
