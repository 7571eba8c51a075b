"""GRUB's boot sector and core image, byte for byte."""

from __future__ import annotations

import struct
import uuid

import pytest

from dom0kit.errors import UserError
from dom0kit.units import GIB, MIB
from installer.bootloader import grub_bios, menus
from installer.model import partition_layout
from installer.model.partition_layout import lay_out


def test_boot_sector() -> None:
    current = bytes(range(256)) * 2
    sector = grub_bios.boot_sector(b"\xaa" * 512, current, 0x123456789)
    assert sector[:3] == b"\xaa" * 3
    assert sector[3:0x5A] == current[3:0x5A]
    assert sector[0x1B8:] == current[0x1B8:]
    assert struct.unpack_from("<Q", sector, 0x5C) == (0x123456789,)
    assert sector[0x64:0x69] == b"\xff\xaa\x90\x90\xaa"
    with pytest.raises(UserError):
        grub_bios.boot_sector(b"short", current, 1)


def test_core_image() -> None:
    core = bytearray(b"\x11" * 1500)
    core[488:512] = bytes(12) + struct.pack("<QHH", 1, 99, 0x820)
    core[476:488] = bytes(12)
    image = grub_bios.core_image(bytes(core), 2048, MIB)
    assert len(image) == 1536
    assert struct.unpack_from("<QHH", image, 500) == (2049, 2, 0x820)
    assert image[488:500] == bytes(12)
    assert image[512:1500] == b"\x11" * 988
    assert image[1500:] == bytes(36)


def test_old_blocks_are_cleared() -> None:
    core = bytearray(1024)
    struct.pack_into("<QHH", core, 500, 7, 5, 0x820)
    struct.pack_into("<QHH", core, 488, 70, 5, 0x8C0)
    image = grub_bios.core_image(bytes(core), 34, 4096)
    assert image[488:500] == bytes(12)
    assert struct.unpack_from("<QHH", image, 500) == (35, 1, 0x820)


def test_core_that_does_not_fit() -> None:
    with pytest.raises(UserError, match="2000 bytes"):
        grub_bios.core_image(bytes(2000), 34, 1024)


def test_the_last_sector_is_no_place_for_the_core() -> None:
    assert len(grub_bios.core_image(bytes(3 * 512), 34, 2048)) == 1536
    with pytest.raises(UserError, match="2048 bytes"):
        grub_bios.core_image(bytes(4 * 512), 34, 2048)


def test_early_sector() -> None:
    """One sector of text, to its last byte; GRUB's script has no other end."""
    config = menus.early_config(uuid.UUID(int=7))
    sector = grub_bios.early_sector(config)
    assert len(sector) == 512
    assert sector.decode().rstrip("\n") + "\n" == config
    with pytest.raises(UserError, match="513 bytes"):
        grub_bios.early_sector("x" * 513)


def test_the_core_reads_the_sector_behind_it() -> None:
    (partition,) = (
        part for part in lay_out(20 * GIB, 512, guests=False, seed=uuid.UUID(int=7)) if part.number == partition_layout.BIOS_GRUB
    )
    assert menus.bios_early_config().endswith(f"source ($root){partition.end // 512 - 1}+1\n")
