"""Where the choice lies on an ESP."""

from __future__ import annotations

import struct

import pytest

from dom0kit.errors import UserError
from upgrade.choice.fat import Geometry, first_sector, geometry


def boot_sector(sector: int = 512, per_cluster: int = 8, reserved: int = 32, tables: int = 2, length: int = 1000) -> bytes:
    data = bytearray(512)
    struct.pack_into("<HBHB", data, 11, sector, per_cluster, reserved, tables)
    struct.pack_into("<I", data, 36, length)
    data[510:] = b"\x55\xaa"
    return bytes(data)


def test_sizes_of_both_kinds_of_sectors() -> None:
    assert geometry(boot_sector()) == Geometry(512, 4096, 512 * 2032)
    assert geometry(boot_sector(4096, 1, 32, 2, 65)) == Geometry(4096, 4096, 4096 * 162)


@pytest.mark.parametrize("data", [bytes(512), boot_sector(length=0), boot_sector(sector=1000), boot_sector(per_cluster=0)])
def test_what_is_no_fat32_is_an_error(data: bytes) -> None:
    with pytest.raises(UserError, match="no FAT32"):
        geometry(data)


@pytest.mark.parametrize(("listing", "cluster"), [("::/EFI/dom0kit/env <6-7>\n", 6), ("::/EFI/dom0kit/env <2>\n", 2)])
def test_the_first_cluster_is_number_two(listing: str, cluster: int) -> None:
    assert first_sector(Geometry(512, 512, 10240), listing) == 10240 + (cluster - 2) * 512


@pytest.mark.parametrize("listing", ["", "::/EFI/dom0kit/env\n", "::/x <0>\n"])
def test_a_file_without_a_place_is_an_error(listing: str) -> None:
    with pytest.raises(UserError, match="no place"):
        first_sector(Geometry(512, 512, 10240), listing)
