"""Make an ISO 9660 image bootable as a disk: pure functions over bytes.

A BIOS that starts the medium as a disk runs GRUB's MBR, which loads the El Torito image; a UEFI firmware finds the UEFI
image as the EFI System Partition of the partition table. Both tables lie in the ISO's unused first 32 KiB and behind its end.
The offsets in GRUB's images are those of its ``cdboot.S``, ``diskboot.S`` and ``boot.S``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from uuid import NAMESPACE_URL, UUID, uuid5

from dom0kit.units import MIB, SECTOR
from iso import gpt

BLOCK = 2048
SECTORS_PER_BLOCK = BLOCK // SECTOR
READ_AHEAD = 300 * 1024
"""GRUB on a BIOS CD reads garbage for the last file unless this much follows it."""
SYSTEM_AREA = 32 * 1024
PRIMARY_DESCRIPTOR = 16
"""The block of the primary volume descriptor."""

BOOT_INFO = slice(8, 64)
CORE_LIST = slice(2548, 2556)
"""In the El Torito image: where diskboot's block list says that the rest of the core image starts."""
CORE_UNPATCHED = struct.pack("<Q", 2)
MBR_CORE = slice(0x1B0, 0x1B8)
"""In GRUB's hybrid MBR: the sector of the core image."""
MBR_UNPATCHED = struct.pack("<Q", 1)
MBR_ID = slice(440, 444)
MBR_TABLE = slice(446, 510)
MBR_END = b"\x55\xaa"
NAMESPACE = uuid5(NAMESPACE_URL, "https://dom0kit.invalid/iso")


class HybridError(ValueError):
    """Bytes that are not the boot image they should be; the message says what is wrong."""


@dataclass(frozen=True)
class Identity:
    """The chance-free identifiers of one ISO: the disk's and the partition's GUID, and the MBR's disk id."""

    disk: UUID
    partition: UUID
    mbr: bytes

    @classmethod
    def of(cls, image_id: str) -> Identity:
        """Derive the identity from the image's id: two runs give the same bytes, and two images differ."""
        disk = uuid5(NAMESPACE, f"{image_id}/disk")
        return cls(disk, uuid5(NAMESPACE, f"{image_id}/esp"), disk.bytes[:4])


@dataclass(frozen=True)
class Extent:
    """A file's extent: its first 2048-byte block and its length in bytes."""

    block: int
    length: int


def padded_size(size: int) -> int:
    """Return the medium's size in bytes for an ISO 9660 image of ``size`` bytes: a whole number of MiB."""
    wanted = size + READ_AHEAD + gpt.BACKUP_SECTORS * SECTOR
    return -(-wanted // MIB) * MIB


def patch_bios_image(image: bytes, block: int) -> bytes:
    """GRUB's El Torito image with the boot information of its place on the medium.

    The boot information table (as of mkisofs) is: block of the volume descriptor, block and length of the image, sum of its
    32-bit words from byte 64 on. GRUB's own list points at the sector behind cdboot (4 sectors) and diskboot (1 sector).

    :param block: the 2048-byte block at which the image starts.
    :raises HybridError: when the image is no unpatched GRUB El Torito image.
    """
    if len(image) < 4096 or any(image[BOOT_INFO]) or image[CORE_LIST] != CORE_UNPATCHED:
        raise HybridError("bios-eltorito.img is not an unpatched GRUB image of the format i386-pc-eltorito")
    patched = bytearray(image)
    patched[CORE_LIST] = struct.pack("<Q", block * SECTORS_PER_BLOCK + 5)
    words = bytes(patched[64:]) + bytes(-len(patched) % 4)
    total = sum(struct.unpack(f"<{len(words) // 4}I", words)) & 0xFFFFFFFF
    patched[BOOT_INFO] = struct.pack("<4I40x", PRIMARY_DESCRIPTOR, block, len(image), total)
    return bytes(patched)


def restore_bios_image(patched: bytes) -> bytes:
    """Return the El Torito image as it was before :func:`patch_bios_image`, to compare its checksum."""
    image = bytearray(patched)
    image[BOOT_INFO] = bytes(56)
    image[CORE_LIST] = CORE_UNPATCHED
    return bytes(image)


def master_boot_record(boot_hybrid: bytes, bios: Extent, disk_id: bytes, sectors: int) -> bytes:
    """Return the first sector: GRUB's hybrid MBR and one protective partition over the whole disk.

    The partition is marked active, against the letter of UEFI: some BIOSes start no disk without an active partition.

    :param boot_hybrid: GRUB's ``boot_hybrid.img``, 512 bytes.
    :param disk_id: 4 bytes.
    :param sectors: size of the medium in 512-byte sectors.
    :raises HybridError: when ``boot_hybrid`` is something else.
    """
    if len(boot_hybrid) != SECTOR or boot_hybrid[MBR_CORE] != MBR_UNPATCHED or boot_hybrid[510:] != MBR_END:
        raise HybridError("boot_hybrid.img is not GRUB's MBR for hybrid media")
    if any(boot_hybrid[MBR_ID.start : 510]):
        raise HybridError("boot_hybrid.img has content where the partition table goes")
    record = bytearray(boot_hybrid)
    record[MBR_CORE] = struct.pack("<Q", bios.block * SECTORS_PER_BLOCK + 4)
    record[MBR_ID] = disk_id
    protective = struct.pack("<B3sB3s2I", 0x80, b"\x00\x02\x00", 0xEE, b"\xff\xff\xff", 1, min(sectors - 1, 0xFFFFFFFF))
    record[MBR_TABLE] = protective.ljust(64, b"\0")
    return bytes(record)


def restore_boot_hybrid(record: bytes) -> bytes:
    """GRUB's ``boot_hybrid.img`` as it was before :func:`master_boot_record`."""
    image = bytearray(record)
    image[MBR_CORE] = MBR_UNPATCHED
    image[MBR_ID.start : 510] = bytes(510 - MBR_ID.start)
    return bytes(image)


def partition_table(identity: Identity, uefi: Extent, size: int) -> gpt.Table:
    """Return the GPT of a medium of ``size`` bytes: one EFI System Partition over the UEFI image."""
    first = uefi.block * SECTORS_PER_BLOCK
    last = first + -(-uefi.length // SECTOR) - 1
    esp = gpt.Partition(gpt.EFI_SYSTEM, identity.partition, first, last, "dom0kit UEFI boot")
    return gpt.Table(identity.disk, size // SECTOR, (esp,))


def system_area(boot_hybrid: bytes, bios: Extent, table: gpt.Table, disk_id: bytes) -> bytes:
    """Return the first 17,408 bytes of the medium: MBR and primary GPT. They fit into the ISO's 32 KiB."""
    return master_boot_record(boot_hybrid, bios, disk_id, table.sectors) + gpt.primary(table)


def patch_volume_space(descriptor: bytes, size: int) -> bytes:
    """Return the primary volume descriptor with the volume's size set to the whole medium.

    Tools that copy a disc read as many blocks as this says; otherwise they would cut off the backup partition table.

    :param descriptor: 2048 bytes. :param size: bytes, a multiple of 2048.
    :raises HybridError: when it is no primary volume descriptor.
    """
    if len(descriptor) != BLOCK or descriptor[:7] != b"\x01CD001\x01":
        raise HybridError("there is no primary volume descriptor where it should be")
    blocks = size // BLOCK
    return descriptor[:80] + struct.pack("<I", blocks) + struct.pack(">I", blocks) + descriptor[88:]
