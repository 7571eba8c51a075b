"""The GUID partition table as pure functions over bytes (UEFI specification 2.10, chapter 5).

Sectors are 512 bytes, numbers are little-endian. A table has 128 entries of 128 bytes, the layout every tool expects.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from uuid import UUID

from dom0kit.units import SECTOR

ENTRY_COUNT = 128
ENTRY_SIZE = 128
ENTRY_SECTORS = ENTRY_COUNT * ENTRY_SIZE // SECTOR
FIRST_USABLE = 2 + ENTRY_SECTORS
"""Sector 0 is the protective MBR, 1 the header, 2 to 33 the entries."""
BACKUP_SECTORS = ENTRY_SECTORS + 1
"""At the end of the disk: 32 sectors of entries, then the header."""

EFI_SYSTEM = UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
SIGNATURE = b"EFI PART"
REVISION = 0x00010000
HEADER_SIZE = 92
_HEADER = struct.Struct("<8s4I4Q16sQ3I")
_ENTRY = struct.Struct("<16s16s3Q72s")


class GptError(ValueError):
    """Bytes that are no valid partition table; the message says what is wrong."""


@dataclass(frozen=True)
class Partition:
    """One partition; ``first`` and ``last`` are sectors, both inside the partition."""

    kind: UUID
    guid: UUID
    first: int
    last: int
    name: str


@dataclass(frozen=True)
class Table:
    """A disk of ``sectors`` sectors and its partitions."""

    guid: UUID
    sectors: int
    partitions: tuple[Partition, ...]

    @property
    def last_usable(self) -> int:
        """The last sector that a partition may use."""
        return self.sectors - BACKUP_SECTORS - 1


def entries(table: Table) -> bytes:
    """Return the 16 KiB of partition entries, unused ones zero.

    :raises GptError: when a partition lies outside the usable sectors, is empty or overlaps, or a name has more than 36 units.
    """
    free = FIRST_USABLE
    raw = b""
    for part in sorted(table.partitions, key=lambda part: part.first):
        if part.first < free or part.last < part.first or part.last > table.last_usable:
            raise GptError(
                f"partition {part.name!r} at sectors {part.first} to {part.last} does not fit into {free} to {table.last_usable}"
            )
        free = part.last + 1
    for part in table.partitions:
        name = part.name.encode("utf-16-le")
        if len(name) > 72:
            raise GptError(f"the partition name {part.name!r} is longer than 36 characters")
        raw += _ENTRY.pack(part.kind.bytes_le, part.guid.bytes_le, part.first, part.last, 0, name)
    return raw.ljust(ENTRY_COUNT * ENTRY_SIZE, b"\0")


def header(table: Table, *, backup: bool = False) -> bytes:
    """Return a header of 512 bytes: the primary for sector 1, or the backup for the last sector."""
    primary_at, backup_at = 1, table.sectors - 1
    own, other = (backup_at, primary_at) if backup else (primary_at, backup_at)
    entries_at = table.sectors - BACKUP_SECTORS if backup else 2

    def pack(crc: int) -> bytes:
        return _HEADER.pack(
            SIGNATURE,
            REVISION,
            HEADER_SIZE,
            crc,
            0,
            own,
            other,
            FIRST_USABLE,
            table.last_usable,
            table.guid.bytes_le,
            entries_at,
            ENTRY_COUNT,
            ENTRY_SIZE,
            zlib.crc32(entries(table)),
        )

    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def primary(table: Table) -> bytes:
    """Sectors 1 to 33: header and entries."""
    return header(table) + entries(table)


def backup(table: Table) -> bytes:
    """Return the backup table, the last 33 sectors: entries and header."""
    return entries(table) + header(table, backup=True)


def parse(raw_header: bytes, raw_entries: bytes, sectors: int, *, backup: bool = False) -> Table:
    """Read one copy of the table back, checking all that can be checked.

    :param raw_header: 512 bytes of the header's sector.
    :param raw_entries: 16 KiB of entries.
    :param sectors: the real size of the disk.
    :raises GptError: when signature, sizes, positions or a checksum are wrong.
    """
    which = "backup" if backup else "primary"
    fields = _HEADER.unpack(raw_header[:HEADER_SIZE])
    signature, revision, size, crc, _, own, other, first, last, guid, entries_at, count, entry_size, entries_crc = fields
    expected = (sectors - 1, 1, sectors - BACKUP_SECTORS) if backup else (1, sectors - 1, 2)
    blank = raw_header[:16] + bytes(4) + raw_header[20:HEADER_SIZE]
    checks = (
        (signature == SIGNATURE, "has no signature"),
        ((revision, size) == (REVISION, HEADER_SIZE), "has an unknown revision or header size"),
        (crc == zlib.crc32(blank), "has a wrong header checksum"),
        ((own, other, entries_at) == expected, "does not point at itself, the other copy and its entries"),
        ((count, entry_size) == (ENTRY_COUNT, ENTRY_SIZE), "has other than 128 entries of 128 bytes"),
        ((first, last) == (FIRST_USABLE, sectors - BACKUP_SECTORS - 1), "has wrong usable sectors"),
        (entries_crc == zlib.crc32(raw_entries), "has a wrong checksum over its entries"),
    )
    for good, problem in checks:
        if not good:
            raise GptError(f"the {which} partition table {problem}")
    partitions = []
    for offset in range(0, len(raw_entries), ENTRY_SIZE):
        kind, part_guid, start, end, _, name = _ENTRY.unpack_from(raw_entries, offset)
        if kind != bytes(16):
            text = name.decode("utf-16-le").rstrip("\0")
            partitions.append(Partition(UUID(bytes_le=kind), UUID(bytes_le=part_guid), start, end, text))
    return Table(UUID(bytes_le=guid), sectors, tuple(partitions))
