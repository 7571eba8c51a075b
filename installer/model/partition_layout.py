"""Partition layout: arithmetic in bytes, for sectors of 512 and 4096 bytes (pure)."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from dom0kit.units import GIB, MIB, human_bytes

BIOS_GRUB, ESP, SYSTEM, GUESTS = 1, 2, 3, 4

ESP_SIZE = 1 * GIB
ESP_LEAST = 256 * MIB
# FAT32 needs 65525 clusters; with sectors of 4096 bytes, 256 MiB has slightly fewer.
ESP_LEAST_4K = 260 * MIB
SYSTEM_SIZE = 10 * GIB
SYSTEM_LEAST = 6 * GIB
GUESTS_LEAST = 1 * GIB
GUEST_DISK_LEAST = 1 * GIB
"""Least size of an additional disk for guests: less than a guest needs is a mistake, such as a card or a flash module."""

# The primary GPT with its alignment, and the backup GPT at the end of the disk.
HEAD = 1 * MIB
TAIL = 1 * MIB
CORE = 1 * MIB

# Data offset of the guests' array: fixed, so that remains of an earlier array can be erased.
ARRAY_DATA_OFFSET = 16 * MIB

# Name and type code of sgdisk.
KINDS = {BIOS_GRUB: ("bios_grub", "EF02"), ESP: ("ESP", "EF00"), SYSTEM: ("dom0kit-system", "8300"), GUESTS: ("guests", "8E00")}
RAID_CODE = "FD00"


@dataclass(frozen=True)
class Partition:
    """One partition; ``start`` and ``size`` in bytes, multiples of 1 MiB; ``guid`` is its unique GUID."""

    number: int
    name: str
    type_code: str
    start: int
    size: int
    guid: uuid.UUID

    @property
    def end(self) -> int:
        """Return the offset of the first byte after it."""
        return self.start + self.size


class DoesNotFit(Exception):
    """The disk is too small; ``need`` is the minimum size in bytes."""

    def __init__(self, need: int) -> None:
        super().__init__(f"{human_bytes(need)} required")
        self.need = need


def esp_least(sector: int) -> int:
    """Return the ESP's least size in bytes for a logical sector size in bytes."""
    return ESP_LEAST if sector == 512 else ESP_LEAST_4K


def least_size(sector: int, *, guests: bool) -> int:
    """Return the least size in bytes of a target disk.

    :param sector: logical sector size in bytes.
    :param guests: whether there is a partition for guests.
    """
    return HEAD + CORE + esp_least(sector) + SYSTEM_LEAST + (GUESTS_LEAST if guests else 0) + TAIL


def lay_out(disk_size: int, sector: int, *, guests: bool, seed: uuid.UUID, mirror: bool = False) -> tuple[Partition, ...]:
    """Return the partitions for a disk.

    The system gets 10 GiB and the ESP 1 GiB. On a disk that is too small for both, the ESP gets the least that FAT32 needs, and
    the system shrinks to 6 GiB so that the guests keep at least 1 GiB.

    :param disk_size: bytes.
    :param sector: logical sector size in bytes.
    :param guests: whether there is a partition for guests.
    :param mirror: whether system and guests are members of arrays.
    :param seed: seed of the partitions' GUIDs.
    :raises DoesNotFit: when the disk is too small.
    """
    reserve = GUESTS_LEAST if guests else 0
    space = (disk_size - TAIL) // MIB * MIB - HEAD - CORE
    esp = ESP_SIZE if space >= ESP_SIZE + SYSTEM_SIZE + reserve else esp_least(sector)
    space -= esp
    system = min(SYSTEM_SIZE, space - reserve)
    if system < SYSTEM_LEAST:
        raise DoesNotFit(least_size(sector, guests=guests))
    sizes = {BIOS_GRUB: CORE, ESP: esp, SYSTEM: system}
    if guests:
        sizes[GUESTS] = space - system
    partitions = []
    start = HEAD
    for number, size in sizes.items():
        name, code = KINDS[number]
        if mirror and number in (SYSTEM, GUESTS):
            code = RAID_CODE
        partitions.append(Partition(number, name, code, start, size, uuid.uuid5(seed, name)))
        start += size
    return tuple(partitions)


def partition_path(disk: str, number: int) -> str:
    """Return the device of a partition: ``/dev/sda3``, ``/dev/nvme0n1p3``, ``/dev/mapper/WWID-part3``."""
    if disk.startswith("/dev/mapper/"):
        return f"{disk}-part{number}"
    return f"{disk}p{number}" if disk[-1].isdigit() else f"{disk}{number}"
