"""A superblock of Linux software RAID as bytes: what an old array leaves on a disk, also where this kernel has no md.

The format is ``struct mdp_superblock_1`` of linux/raid/md_p.h; mdadm(8) judges in the tests whether it is right.
"""

from __future__ import annotations

import struct

from dom0kit.units import SECTOR

MAGIC = 0xA92B4EFC


def superblock(metadata: str, size: int) -> tuple[int, bytes]:
    """Return where a member's superblock is and what it holds.

    :param metadata: ``1.0``, at the end of the member, or ``1.2``, 4 KiB behind its start.
    :param size: of the member, in bytes.
    """
    sectors = size // SECTOR
    place = 8 if metadata == "1.2" else (sectors - 16) & ~7
    data_offset = 2048 if metadata == "1.2" else 0
    data_size = sectors - 2048 if metadata == "1.2" else sectors - 64
    body = bytearray(256 + 2 * 128)
    struct.pack_into("<IIII", body, 0, MAGIC, 1, 0, 0)
    body[16:32] = bytes(range(16))
    body[32:64] = b"old:array".ljust(32, b"\0")
    struct.pack_into("<QIIQIIi", body, 64, 1_700_000_000, 1, 0, data_size, 0, 2, 0)
    struct.pack_into("<QQQQI", body, 128, data_offset, data_size, place, 0, 0)
    body[168:184] = bytes(range(16, 32))
    struct.pack_into("<QQQII", body, 192, 1_700_000_000, 7, 2**64 - 1, 0, 128)
    struct.pack_into("<128H", body, 256, 0, 1, *([0xFFFF] * 126))
    total = sum(struct.unpack("<128I", body))
    struct.pack_into("<I", body, 216, (total & 0xFFFFFFFF) + (total >> 32))
    return place * SECTOR, bytes(body)
