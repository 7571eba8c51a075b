"""Partitions lie where they should, for both sector sizes and down to the smallest disk."""

from __future__ import annotations

import uuid
from itertools import pairwise

import pytest

from dom0kit.units import GIB, MIB
from installer.model.partition_layout import SYSTEM_LEAST, DoesNotFit, lay_out, partition_path

SEED = uuid.UUID(int=1)


def test_a_normal_disk() -> None:
    parts = lay_out(100 * GIB, 512, guests=True, seed=SEED)
    assert [(p.number, p.start // MIB, p.size // MIB) for p in parts] == [
        (1, 1, 1),
        (2, 2, 1024),
        (3, 1026, 10240),
        (4, 11266, 102400 - 1 - 11266),
    ]
    assert len({p.guid for p in parts}) == 4
    assert [p.number for p in lay_out(100 * GIB, 512, guests=False, seed=SEED)] == [1, 2, 3]


@pytest.mark.parametrize(("sector", "esp"), [(512, 256), (4096, 260)])
@pytest.mark.parametrize("size", [8 * GIB, 12 * GIB])
def test_the_esp_is_small_where_the_system_would_have_to_shrink(sector: int, esp: int, size: int) -> None:
    parts = lay_out(size, sector, guests=True, seed=SEED)
    assert parts[1].size == esp * MIB
    assert parts[2].size >= SYSTEM_LEAST


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("size", [8 * GIB, 8 * GIB + 12345 * 4096, 12 * GIB, 3 * 1024 * GIB])
def test_aligned_without_gaps_and_inside(sector: int, size: int) -> None:
    parts = lay_out(size, sector, guests=True, seed=SEED)
    assert all(p.start % MIB == 0 and p.size % MIB == 0 and p.size > 0 for p in parts)
    assert all(a.end == b.start for a, b in pairwise(parts))
    # The backup table: 32 sectors for entries of 512 bytes, 4 for 4096, and the header.
    assert size - parts[-1].end >= 33 * sector if sector == 512 else 5 * sector
    assert parts[3].size >= GIB


def test_fat32_has_enough_clusters_on_4k() -> None:
    esp = lay_out(100 * GIB, 4096, guests=True, seed=SEED)[1]
    tables = 2 * (esp.size // 4096 * 4 // 4096 + 1)
    assert esp.size // 4096 - 32 - tables >= 65525


def test_small_disks() -> None:
    with pytest.raises(DoesNotFit) as caught:
        lay_out(7 * GIB, 512, guests=True, seed=SEED)
    least = caught.value.need
    parts = lay_out(least, 512, guests=True, seed=SEED)
    assert (parts[2].size, parts[3].size) == (6 * GIB, GIB)
    with pytest.raises(DoesNotFit):
        lay_out(least - MIB, 512, guests=True, seed=SEED)
    assert lay_out(7 * GIB, 512, guests=False, seed=SEED)[2].size == 7 * GIB - 259 * MIB


def test_partition_paths() -> None:
    assert partition_path("/dev/sda", 3) == "/dev/sda3"
    assert partition_path("/dev/nvme0n1", 3) == "/dev/nvme0n1p3"
    assert partition_path("/dev/mapper/3600", 3) == "/dev/mapper/3600-part3"
