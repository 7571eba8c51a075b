"""What an installation does, step by step, as typed values. ``title`` is the step's name in events and tables."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from installer.model.deb_package import Package
from installer.model.hardware import IscsiSession
from installer.model.image_manifest import ImageFile
from installer.model.partition_layout import Partition


@dataclass(frozen=True)
class Stage:
    """Check programs and the image's files before anything is touched."""

    folder: str
    files: tuple[ImageFile, ...]
    title: str = field(default="check the image", init=False)


@dataclass(frozen=True)
class OldDisk:
    """A disk as it was found, to be cleared.

    :param size: bytes.
    :param erase: further places to overwrite with zeros, as (offset, length) in bytes: where the new partitions' first and last
        blocks will be, for an old file system or array there would come back to life with the partition.
    """

    path: str
    size: int
    partitions: tuple[str, ...]
    erase: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Wipe:
    """Let go of the disks and remove every signature from both ends of them and of their partitions."""

    disks: tuple[OldDisk, ...]
    volume_groups: tuple[str, ...]
    arrays: tuple[str, ...]
    title: str = field(default="wipe the disk", init=False)


@dataclass(frozen=True)
class Table:
    """The GPT of one disk; ``sector`` in bytes."""

    disk: str
    sector: int
    guid: uuid.UUID
    partitions: tuple[Partition, ...]


@dataclass(frozen=True)
class PartitionDisks:
    """Write the GPTs: one, or the same on both disks of a mirror."""

    tables: tuple[Table, ...]
    title: str = field(default="partition the disk", init=False)


@dataclass(frozen=True)
class Array:
    """A software RAID 1.

    :param name: below ``/dev/md``, and in the metadata.
    :param metadata: ``1.0``: at the members' ends, so that GRUB reads each as the plain file system; ``1.2``: at their start.
    :param data_offset: bytes in front of the data; only for 1.2.
    """

    name: str
    identity: uuid.UUID
    metadata: str
    members: tuple[str, ...]
    data_offset: int = 0

    @property
    def device(self) -> str:
        """Its device."""
        return f"/dev/md/{self.name}"

    @property
    def md_uuid(self) -> str:
        """Its identity as mdadm writes it."""
        text = self.identity.hex
        return ":".join(text[place : place + 8] for place in range(0, 32, 8))


@dataclass(frozen=True)
class MakeArrays:
    """Make the mirrors; they are used while they synchronise."""

    arrays: tuple[Array, ...]
    title: str = field(default="make the mirrors", init=False)


@dataclass(frozen=True)
class MakeFileSystems:
    """Make the file systems of each ESP (device, serial number) and of the system, and mount the latter."""

    esps: tuple[tuple[str, str], ...]
    system: str
    system_uuid: uuid.UUID
    title: str = field(default="make file systems", init=False)


@dataclass(frozen=True)
class BootTarget:
    """Where a disk's boot loaders go.

    ``core_start`` and ``core_size`` are the BIOS boot partition in bytes; None on disks that no BIOS can boot from.
    """

    disk: str
    esp: str
    core_start: int | None
    core_size: int


@dataclass(frozen=True)
class InstallBootLoaders:
    """GRUB for BIOS and UEFI on each disk, with a menu that says that the installation did not finish."""

    targets: tuple[BootTarget, ...]
    early_config: str
    unfinished_menu: str
    title: str = field(default="install boot loaders", init=False)


@dataclass(frozen=True)
class CopyImage:
    """Copy the image's files; each is read back from the disk and compared with the manifest."""

    folder: str
    version: str
    files: tuple[ImageFile, ...]
    title: str = field(default="copy the image", init=False)


@dataclass(frozen=True)
class WriteState:
    """The host's state: the overlay's folders, the answers, and what mdadm is told (empty without a mirror)."""

    version: str
    host_json: str = field(repr=False)
    mdadm_conf: str = ""
    title: str = field(default="write the host's state", init=False)


@dataclass(frozen=True)
class IscsiPart:
    """What a host is to know of iSCSI sessions.

    :param boot: those that the root is on; ``data`` are the others.
    :param cards: those whose network card is for iSCSI alone.
    :param mapped: those whose disks are paths of multipath maps.
    """

    boot: tuple[IscsiSession, ...]
    data: tuple[IscsiSession, ...] = ()
    cards: tuple[IscsiSession, ...] = ()
    mapped: tuple[IscsiSession, ...] = ()


@dataclass(frozen=True)
class AddPackages:
    """Further packages for the host's root.

    :param kernel: the release of the image's kernel.
    :param packages: each with the name that its file gets on the host.
    :param files: where the files are now, in the same order.
    """

    version: str
    kernel: str
    packages: tuple[Package, ...]
    files: tuple[str, ...]
    title: str = field(default="add the packages", init=False)


@dataclass(frozen=True)
class WriteHostPart:
    """What is this host's own in its initramfs, and the same files in its root.

    :param initrd: the image's initramfs as the manifest has it.
    :param maps: the WWIDs of all multipath disks; ``needed`` are those that the root is on.
    :param group: the guests' volume group when LVM is to look at the named devices alone; None: LVM looks at all.
    :param policy: the content of multipath's file for this host alone; empty: there is none.
    :param early: packages whose drivers may be needed before the root is mounted; None without such.
    :param iscsi: sessions that the host is to know; None without any.
    """

    version: str
    initrd: ImageFile
    maps: tuple[str, ...]
    needed: tuple[str, ...]
    group: str | None = None
    policy: str = ""
    early: AddPackages | None = None
    iscsi: IscsiPart | None = None
    title: str = field(default="make the host's initramfs", init=False)


@dataclass(frozen=True)
class MakeVolumeGroup:
    """The volume group for guests.

    :param devices: a partition or an array, then further disks as a whole.
    :param pool_metadata: bytes for the metadata of a thin pool ``thin`` over all the space; None: no pool.
    """

    devices: tuple[str, ...]
    name: str
    pool_metadata: int | None = None
    title: str = field(default="make the guests' volume group", init=False)


@dataclass(frozen=True)
class BootEntry:
    """An entry in the firmware's boot menu: the loader on a disk's ESP, which is partition ``esp_number``.

    :param by_path: the entry names the way to the disk, too, and not the partition alone.
    """

    disk: str
    esp_number: int
    label: str
    by_path: bool = False


@dataclass(frozen=True)
class Finish:
    """The real menu, the firmware's boot entries on UEFI in their order, then the marker that the host is complete."""

    version: str
    menu: str
    entries: tuple[BootEntry, ...]
    marker: str
    title: str = field(default="make it bootable", init=False)


Action = (
    Stage
    | Wipe
    | PartitionDisks
    | MakeArrays
    | MakeFileSystems
    | InstallBootLoaders
    | CopyImage
    | WriteState
    | AddPackages
    | WriteHostPart
    | MakeVolumeGroup
    | Finish
)
