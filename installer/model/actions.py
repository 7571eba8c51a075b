"""Actions of an installation as typed values; ``title`` is the step's name in events and tables."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from installer.model.deb_package import Package
from installer.model.hardware import IscsiSession
from installer.model.image_manifest import ImageFile
from installer.model.partition_layout import Partition


@dataclass(frozen=True)
class Stage:
    """Check programs and image files before anything is changed."""

    folder: str
    files: tuple[ImageFile, ...]
    title: str = field(default="check the image", init=False)


@dataclass(frozen=True)
class OldDisk:
    """A disk to clear, as it was found.

    :param size: bytes.
    :param serial: serial number; like ``wwn`` and ``digest`` for identifying the disk again before the first write.
    :param digest: SHA-256 of both ends; "" if unknown. See :func:`installer.hardware.disk_ends.read_ends`.
    :param erase: additional areas to overwrite with zeros, as (offset, length) in bytes: the ends of the new partitions,
        where the signature of an old file system or array would become visible again.
    """

    path: str
    size: int
    partitions: tuple[str, ...]
    erase: tuple[tuple[int, int], ...] = ()
    serial: str = ""
    wwn: str = ""
    digest: str = ""


@dataclass(frozen=True)
class Wipe:
    """Release the disks and remove all signatures from both ends of them and of their partitions.

    What is taken apart is what the kernel has on the disks at that moment; the plan names what it found.

    :param volume_groups: UUIDs of the volume groups that were active; names are not unique.
    """

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
    """Write the partition tables: one, or one for each disk of a mirror."""

    tables: tuple[Table, ...]
    title: str = field(default="partition the disk", init=False)


@dataclass(frozen=True)
class Array:
    """A software RAID 1.

    :param name: name below ``/dev/md`` and in the metadata.
    :param metadata: ``1.0``: at the members' end, so that GRUB reads each as a plain file system; ``1.2``: at their start.
    :param data_offset: bytes before the data; for 1.2 only.
    """

    name: str
    identity: uuid.UUID
    metadata: str
    members: tuple[str, ...]
    data_offset: int = 0

    @property
    def device(self) -> str:
        """Return the path of the device."""
        return f"/dev/md/{self.name}"

    @property
    def md_uuid(self) -> str:
        """Return the identity in mdadm's format."""
        text = self.identity.hex
        return ":".join(text[place : place + 8] for place in range(0, 32, 8))


@dataclass(frozen=True)
class MakeArrays:
    """Create the mirrors; they are used while they synchronize."""

    arrays: tuple[Array, ...]
    title: str = field(default="make the mirrors", init=False)


@dataclass(frozen=True)
class MakeFileSystems:
    """Create the file systems of each ESP (device, serial number) and of the system, and mount the latter."""

    esps: tuple[tuple[str, str], ...]
    system: str
    system_uuid: uuid.UUID
    title: str = field(default="make file systems", init=False)


@dataclass(frozen=True)
class BootTarget:
    """Target of a disk's boot loaders.

    ``core_start`` and ``core_size`` are the BIOS boot partition in bytes; None on disks that no BIOS can boot from.
    """

    disk: str
    esp: str
    core_start: int | None
    core_size: int


@dataclass(frozen=True)
class InstallBootLoaders:
    """Install GRUB for BIOS and UEFI on each disk, with a menu that reports an unfinished installation."""

    targets: tuple[BootTarget, ...]
    early_config: str
    unfinished_menu: str
    title: str = field(default="install boot loaders", init=False)


@dataclass(frozen=True)
class CopyImage:
    """Copy the image files; each is read back and compared with the manifest."""

    folder: str
    image: str
    files: tuple[ImageFile, ...]
    title: str = field(default="copy the image", init=False)


@dataclass(frozen=True)
class WriteState:
    """Write the host's state: the overlay's folders, the answers, and mdadm.conf ("" without a mirror)."""

    image: str
    host_json: str = field(repr=False)
    mdadm_conf: str = ""
    title: str = field(default="write the host's state", init=False)


@dataclass(frozen=True)
class IscsiPart:
    """iSCSI sessions that the host must know.

    :param boot: sessions of the root's disks; ``data`` are the others.
    :param cards: sessions whose network card is for iSCSI only.
    :param mapped: sessions whose disks are paths of multipath maps.
    """

    boot: tuple[IscsiSession, ...]
    data: tuple[IscsiSession, ...] = ()
    cards: tuple[IscsiSession, ...] = ()
    mapped: tuple[IscsiSession, ...] = ()


@dataclass(frozen=True)
class AddPackages:
    """Add packages to the host's root.

    :param kernel: release of the image's kernel.
    :param packages: packages with their file names on the host.
    :param files: current paths of the files, in the same order.
    """

    image: str
    kernel: str
    packages: tuple[Package, ...]
    files: tuple[str, ...]
    title: str = field(default="add the packages", init=False)


@dataclass(frozen=True)
class WriteHostPart:
    """Write the host-specific initramfs overlay, and the same files to the host's root.

    :param initrd: the image's initramfs, from the manifest.
    :param maps: WWIDs of all multipath disks; ``needed`` are those of the root.
    :param group: the guests' volume group if LVM is restricted to named devices; None: LVM scans all.
    :param policy: content of the host's multipath configuration; "" for none.
    :param early: packages whose drivers may be needed before the root is mounted; None for none.
    :param iscsi: iSCSI sessions that the host must know; None for none.
    """

    image: str
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
    """Create the volume group for guests.

    :param devices: a partition or an array, unless the group has whole disks alone; then those disks.
    :param pool_metadata: metadata size in bytes of the thin pool ``thin``, which takes all space; None: no pool.
    """

    devices: tuple[str, ...]
    name: str
    pool_metadata: int | None = None
    title: str = field(default="make the guests' volume group", init=False)


@dataclass(frozen=True)
class BootEntry:
    """Entry of the firmware's boot menu: the loader on a disk's ESP, partition ``esp_number``.

    :param by_path: the entry names the path to the disk in addition to the partition.
    """

    disk: str
    esp_number: int
    label: str
    by_path: bool = False


@dataclass(frozen=True)
class Finish:
    """Write the boot menu, the choice of the image, the firmware's boot entries in order (UEFI), then the completion marker.

    :param image: the image's name.
    :param menu: ``grub.cfg``; ``entry`` is the image's ``boot.cfg``, ``settings`` the host's own values for both.
    :param choice: the environment block for each of ``esps``.
    """

    image: str
    menu: str
    entry: str
    settings: bytes
    choice: bytes
    esps: tuple[str, ...]
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
