"""Where a file's first sector lies on a FAT file system (pure).

The fields are those of the BIOS parameter block (Microsoft's FAT specification 1.03, section 3).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from dom0kit.errors import UserError

BOOT_SECTOR = 512
"""Bytes that hold the parameter block, whatever the size of a sector is."""
FIRST_CLUSTER = 2
RANGE = re.compile(r"<([0-9]{1,9})(?:-[0-9]{1,9})?>")
"""A run of clusters in the output of mshowfat(1): ``<6>`` or ``<6-7>``."""


@dataclass(frozen=True)
class Geometry:
    """Sizes in bytes: of a sector, of a cluster, and of what precedes the first cluster."""

    sector: int
    cluster: int
    data: int


def geometry(boot: bytes) -> Geometry:
    """Read the parameter block of FAT32.

    :raises UserError: when there is none.
    """
    sector, per_cluster, reserved, tables = struct.unpack_from("<HBHB", boot, 11)
    (length,) = struct.unpack_from("<I", boot, 36)
    if boot[510:512] != b"\x55\xaa" or sector not in (512, 4096) or not per_cluster or not length:
        raise UserError("there is no FAT32 file system", "repair it: fsck.vfat")
    return Geometry(sector, sector * per_cluster, sector * (reserved + tables * length))


def first_sector(geometry: Geometry, listing: str) -> int:
    """Return the offset in bytes of a file's first sector.

    :param listing: output of mshowfat(1) for the file.
    :raises UserError: when it names no cluster.
    """
    found = RANGE.search(listing)
    if not found or int(found.group(1)) < FIRST_CLUSTER:
        raise UserError(f"the file has no place on the file system: {listing.strip()}", "repair it: fsck.vfat")
    return geometry.data + (int(found.group(1)) - FIRST_CLUSTER) * geometry.cluster
