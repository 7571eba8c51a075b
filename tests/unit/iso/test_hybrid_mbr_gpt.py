"""Boot information, MBR, padding: byte for byte and back."""

from __future__ import annotations

import struct

import pytest
from iso_samples import IMAGE_ID, fake_bios_image, fake_boot_hybrid

from dom0kit.units import MIB
from iso import gpt, hybrid_mbr_gpt


def test_bios_image_gets_its_place() -> None:
    image = fake_bios_image(10_001)
    patched = hybrid_mbr_gpt.patch_bios_image(image, 57)
    assert patched[:8] == image[:8]
    assert struct.unpack("<3I", patched[8:20]) == (16, 57, 10_001)
    assert patched[24:64] == bytes(40)
    assert patched[2548:2556] == (57 * 4 + 5).to_bytes(8, "little")
    assert patched[64:2548] == image[64:2548]
    assert patched[2556:] == image[2556:]


def test_boot_information_sum_counts_the_patched_words() -> None:
    patched = hybrid_mbr_gpt.patch_bios_image(fake_bios_image(10_001), 57)
    padded = patched[64:] + bytes(3)
    total = sum(int.from_bytes(padded[at : at + 4], "little") for at in range(0, len(padded), 4))
    assert struct.unpack("<I", patched[20:24])[0] == total % 2**32


def test_bios_image_restored() -> None:
    image = fake_bios_image()
    assert hybrid_mbr_gpt.restore_bios_image(hybrid_mbr_gpt.patch_bios_image(image, 99)) == image


@pytest.mark.parametrize("image", [b"short", bytes(5000), hybrid_mbr_gpt.patch_bios_image(fake_bios_image(), 3)])
def test_other_bios_images_are_refused(image: bytes) -> None:
    with pytest.raises(hybrid_mbr_gpt.HybridError, match="unpatched GRUB"):
        hybrid_mbr_gpt.patch_bios_image(image, 57)


def test_mbr_byte_for_byte() -> None:
    boot = fake_boot_hybrid()
    record = hybrid_mbr_gpt.master_boot_record(boot, hybrid_mbr_gpt.Extent(57, 10_001), b"ABCD", 4096)
    wanted = (
        boot[:0x1B0]
        + (57 * 4 + 4).to_bytes(8, "little")
        + b"ABCD\0\0"
        + bytes.fromhex("80000200" + "eeffffff" + "01000000" + "ff0f0000")
        + bytes(48)
        + b"\x55\xaa"
    )
    assert record == wanted
    assert hybrid_mbr_gpt.restore_boot_hybrid(record) == boot


def test_a_huge_medium_fills_the_protective_partition() -> None:
    record = hybrid_mbr_gpt.master_boot_record(fake_boot_hybrid(), hybrid_mbr_gpt.Extent(57, 1), b"ABCD", 2**33)
    assert record[458:462] == b"\xff\xff\xff\xff"


def test_other_mbrs_are_refused() -> None:
    with pytest.raises(hybrid_mbr_gpt.HybridError, match="not GRUB's MBR"):
        hybrid_mbr_gpt.master_boot_record(bytes(512), hybrid_mbr_gpt.Extent(57, 1), b"ABCD", 4096)
    full = bytearray(fake_boot_hybrid())
    full[450] = 1
    with pytest.raises(hybrid_mbr_gpt.HybridError, match="partition table goes"):
        hybrid_mbr_gpt.master_boot_record(bytes(full), hybrid_mbr_gpt.Extent(57, 1), b"ABCD", 4096)


@pytest.mark.parametrize("size", [2048, 700 * 1024, 724 * 1024, MIB, 5_000_000])
def test_padding(size: int) -> None:
    padded = hybrid_mbr_gpt.padded_size(size)
    assert padded % MIB == 0
    assert MIB > padded - size - 300 * 1024 - 33 * 512 >= 0


def test_partition_covers_the_uefi_image() -> None:
    table = hybrid_mbr_gpt.partition_table(hybrid_mbr_gpt.Identity.of(IMAGE_ID), hybrid_mbr_gpt.Extent(300, 513), 4 * MIB)
    assert [(part.kind, part.first, part.last) for part in table.partitions] == [(gpt.EFI_SYSTEM, 1200, 1201)]
    assert table.sectors == 8192


def test_system_area_fits_before_the_volume_descriptor() -> None:
    identity = hybrid_mbr_gpt.Identity.of(IMAGE_ID)
    table = hybrid_mbr_gpt.partition_table(identity, hybrid_mbr_gpt.Extent(300, 513), 4 * MIB)
    area = hybrid_mbr_gpt.system_area(fake_boot_hybrid(), hybrid_mbr_gpt.Extent(57, 1), table, identity.mbr)
    assert len(area) == 17_408 <= hybrid_mbr_gpt.SYSTEM_AREA
    assert gpt.parse(area[512:1024], area[1024:], 8192) == table


def test_identity_is_steady_and_differs_by_image() -> None:
    identity = hybrid_mbr_gpt.Identity.of(IMAGE_ID)
    assert identity == hybrid_mbr_gpt.Identity.of(IMAGE_ID)
    assert identity.disk != identity.partition
    assert identity != hybrid_mbr_gpt.Identity.of("f" * 16)
    assert identity.disk.version == 5


def test_volume_space_in_both_orders() -> None:
    descriptor = b"\x01CD001\x01" + bytes(range(200)) * 11
    patched = hybrid_mbr_gpt.patch_volume_space(descriptor[:2048], 4 * MIB)
    assert patched[80:88] == bytes.fromhex("00080000" + "00000800")
    assert patched[:80] + patched[88:] == descriptor[:80] + descriptor[88:2048]
    with pytest.raises(hybrid_mbr_gpt.HybridError):
        hybrid_mbr_gpt.patch_volume_space(bytes(2048), MIB)
