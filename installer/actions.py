"""What an installation does, step by step, as typed values. ``title`` is the step's name in events and tables."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from installer.layout import Partition
from installer.manifest import ImageFile


@dataclass(frozen=True)
class Stage:
    """Check programs and the image's files before anything is touched."""

    folder: str
    files: tuple[ImageFile, ...]
    title: str = field(default="check the image", init=False)


@dataclass(frozen=True)
class Wipe:
    """Let go of the disk and remove every signature from both ends of it and of its partitions."""

    disk: str
    size: int
    partitions: tuple[str, ...]
    volume_groups: tuple[str, ...]
    arrays: tuple[str, ...]
    title: str = field(default="wipe the disk", init=False)


@dataclass(frozen=True)
class PartitionDisk:
    """Write the GPT; ``sector`` in bytes."""

    disk: str
    sector: int
    guid: uuid.UUID
    partitions: tuple[Partition, ...]
    title: str = field(default="partition the disk", init=False)


@dataclass(frozen=True)
class MakeFileSystems:
    """Make the file systems of the ESP and of the system, and mount the latter."""

    esp: str
    esp_serial: str
    system: str
    system_uuid: uuid.UUID
    title: str = field(default="make file systems", init=False)


@dataclass(frozen=True)
class InstallBootLoaders:
    """GRUB for BIOS and UEFI, with a menu that says that the installation did not finish.

    ``core_start`` and ``core_size`` are the BIOS boot partition in bytes; None on disks that no BIOS can boot from.
    """

    disk: str
    esp: str
    early_config: str
    unfinished_menu: str
    core_start: int | None
    core_size: int
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
    """The host's state: the overlay's folders and the answers."""

    version: str
    host_json: str = field(repr=False)
    title: str = field(default="write the host's state", init=False)


@dataclass(frozen=True)
class MakeVolumeGroup:
    """The volume group for guests."""

    partition: str
    name: str
    title: str = field(default="make the guests' volume group", init=False)


@dataclass(frozen=True)
class Finish:
    """The real menu, the firmware's boot entry on UEFI, then the marker that the host is complete."""

    disk: str
    version: str
    menu: str
    nvram_label: str | None
    esp_number: int
    marker: str
    title: str = field(default="make it bootable", init=False)


Action = Stage | Wipe | PartitionDisk | MakeFileSystems | InstallBootLoaders | CopyImage | WriteState | MakeVolumeGroup | Finish
