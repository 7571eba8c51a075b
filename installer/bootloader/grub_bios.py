"""GRUB on a disk for BIOS: boot sector and core image as functions over bytes (pure).

The offsets are those of GRUB 2's ``boot/i386/pc/boot.S`` and ``diskboot.S``; the result is byte for byte what
``grub-bios-setup --no-rs-codes`` writes.
"""

from __future__ import annotations

import struct

from dom0kit.errors import UserError
from dom0kit.units import SECTOR

# In boot.img: start of the core image, boot drive, and the jump that old BIOSes require removed.
KERNEL_SECTOR = 0x5C
BOOT_DRIVE = 0x64
DRIVE_CHECK = 0x66
DRIVE_OF_THE_BIOS = 0xFF
TWO_NOPS = b"\x90\x90"

# Kept from the disk: the BIOS parameter block, and everything from the disk signature on, including the partition table.
BPB = slice(0x03, 0x5A)
TABLE = slice(0x1B8, 0x200)

# In diskboot.img, the core's first sector, the block list grows down from its end: start, length, segment.
BLOCK = struct.Struct("<QHH")
FIRST_BLOCK = SECTOR - BLOCK.size
LOAD_SEGMENT = 0x820


def boot_sector(boot_img: bytes, current: bytes, core_sector: int) -> bytes:
    """Return the disk's first sector with GRUB's code.

    :param boot_img: GRUB's ``boot.img``, 512 bytes.
    :param current: the current first sector, with the protective MBR's partition table.
    :param core_sector: number of the core image's first sector of 512 bytes.
    """
    if len(boot_img) != SECTOR or len(current) != SECTOR:
        raise UserError(f"GRUB's boot.img has {len(boot_img)} bytes instead of {SECTOR}", "reinstall the package grub-pc-bin")
    sector = bytearray(boot_img)
    sector[BPB] = current[BPB]
    sector[TABLE] = current[TABLE]
    struct.pack_into("<Q", sector, KERNEL_SECTOR, core_sector)
    sector[BOOT_DRIVE] = DRIVE_OF_THE_BIOS
    sector[DRIVE_CHECK : DRIVE_CHECK + 2] = TWO_NOPS
    return bytes(sector)


def core_image(core: bytes, core_sector: int, size: int) -> bytes:
    """Return the core image as stored in the BIOS boot partition, padded to whole sectors.

    :param core: output of ``grub-mkimage -O i386-pc``.
    :param core_sector: number of its first sector of 512 bytes.
    :param size: size of the partition in bytes; its last sector is the early configuration's.
    :raises UserError: when it does not fit.
    """
    sectors = -(-len(core) // SECTOR)
    if (sectors + 1) * SECTOR > size or sectors < 2:
        raise UserError(f"GRUB's core image has {len(core)} bytes, the BIOS boot partition has {size}")
    image = bytearray(core.ljust(sectors * SECTOR, b"\0"))
    # One block covers the whole rest; a block of length 0 ends the list.
    at = FIRST_BLOCK
    while BLOCK.unpack_from(image, at)[1]:
        image[at : at + BLOCK.size] = bytes(BLOCK.size)
        at -= BLOCK.size
    BLOCK.pack_into(image, FIRST_BLOCK, core_sector + 1, sectors - 1, LOAD_SEGMENT)
    return bytes(image)


def early_sector(config: str) -> bytes:
    """Return a configuration as one sector, which GRUB reads as a file: empty lines fill it.

    :raises UserError: when it does not fit.
    """
    data = config.encode()
    if len(data) > SECTOR:
        raise UserError(f"GRUB's early configuration has {len(data)} bytes, a sector has {SECTOR}")
    return data.ljust(SECTOR, b"\n")
