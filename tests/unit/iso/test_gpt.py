"""The partition table, byte for byte and parsed back."""

from __future__ import annotations

import struct
import zlib
from uuid import UUID

import pytest

from iso import gpt

DISK = UUID("11223344-5566-7788-99aa-bbccddeeff00")
PART = UUID("00112233-4455-6677-8899-aabbccddeeff")
TABLE = gpt.Table(DISK, 4096, (gpt.Partition(gpt.EFI_SYSTEM, PART, 400, 999, "boot"),))


def test_entries_byte_for_byte() -> None:
    raw = gpt.entries(TABLE)
    wanted = (
        bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
        + bytes.fromhex("33221100554477668899aabbccddeeff")
        + (400).to_bytes(8, "little")
        + (999).to_bytes(8, "little")
        + bytes(8)
        + b"b\0o\0o\0t\0".ljust(72, b"\0")
    )
    assert raw == wanted + bytes(127 * 128)


@pytest.mark.parametrize(("backup", "own", "other", "entries"), [(False, 1, 4095, 2), (True, 4095, 1, 4063)])
def test_header_byte_for_byte(backup: bool, own: int, other: int, entries: int) -> None:
    raw = gpt.header(TABLE, backup=backup)
    rest = (
        bytes(4)
        + b"".join(number.to_bytes(8, "little") for number in (own, other, 34, 4062))
        + bytes.fromhex("4433221166558877" + "99aabbccddeeff00")
        + entries.to_bytes(8, "little")
        + struct.pack("<3I", 128, 128, zlib.crc32(gpt.entries(TABLE)))
    )
    start = b"EFI PART" + bytes.fromhex("00000100" + "5c000000")
    crc = zlib.crc32(start + bytes(4) + rest)
    assert raw == (start + crc.to_bytes(4, "little") + rest).ljust(512, b"\0")


def test_sizes() -> None:
    assert len(gpt.primary(TABLE)) == len(gpt.backup(TABLE)) == 33 * 512


@pytest.mark.parametrize("backup", [False, True])
def test_parsed_back(backup: bool) -> None:
    assert gpt.parse(gpt.header(TABLE, backup=backup), gpt.entries(TABLE), 4096, backup=backup) == TABLE


@pytest.mark.parametrize(
    ("offset", "problem"), [(0, "no signature"), (8, "revision"), (30, "header checksum"), (16, "header checksum")]
)
def test_a_flipped_header_byte_is_found(offset: int, problem: str) -> None:
    raw = bytearray(gpt.header(TABLE))
    raw[offset] ^= 1
    with pytest.raises(gpt.GptError, match=problem):
        gpt.parse(bytes(raw), gpt.entries(TABLE), 4096)


def test_a_flipped_entry_byte_is_found() -> None:
    raw = bytearray(gpt.entries(TABLE))
    raw[5000] ^= 1
    with pytest.raises(gpt.GptError, match="checksum over its entries"):
        gpt.parse(gpt.header(TABLE), bytes(raw), 4096)


def test_a_cut_off_disk_is_found() -> None:
    with pytest.raises(gpt.GptError, match="does not point"):
        gpt.parse(gpt.header(TABLE), gpt.entries(TABLE), 4095)


@pytest.mark.parametrize(("first", "last"), [(33, 50), (4000, 4063), (60, 59)])
def test_a_partition_outside_is_refused(first: int, last: int) -> None:
    with pytest.raises(gpt.GptError, match="does not fit"):
        gpt.entries(gpt.Table(DISK, 4096, (gpt.Partition(gpt.EFI_SYSTEM, PART, first, last, "x"),)))


def test_overlapping_partitions_are_refused() -> None:
    parts = tuple(gpt.Partition(gpt.EFI_SYSTEM, PART, first, first + 10, "x") for first in (100, 110))
    with pytest.raises(gpt.GptError, match="does not fit"):
        gpt.entries(gpt.Table(DISK, 4096, parts))


def test_a_long_name_is_refused() -> None:
    with pytest.raises(gpt.GptError, match="longer than 36"):
        gpt.entries(gpt.Table(DISK, 4096, (gpt.Partition(gpt.EFI_SYSTEM, PART, 40, 41, "n" * 37),)))
