"""The choice of the image, changed in place on the ESP of an installed disk."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from loop_devices import LoopDisk, mounted, output

from dom0kit.errors import UserError
from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import Choice
from upgrade.choice.esps import change_choice, read_choice, write_copy

SYSTEM = uuid.UUID("0f6dc7a1-5d0e-4a51-9a35-5a4f6d3f0001")
FIRST = Choice(SYSTEM, 1, "0.1.0-adcf2c1e")


@pytest.fixture
def host(disk: LoopDisk, tmp_path: Path) -> LoopDisk:
    """Partition a disk as an installed host's, with the choice on its ESP."""
    output("sgdisk", "-n1:0:+1M", "-n2:0:+256M", "-n3:0:+512M", disk.path)
    output("partx", "--update", disk.path)
    output("mkfs.vfat", "-F", "32", disk.part(2))
    output("mkfs.ext4", "-q", disk.part(3))
    output("mmd", "-i", disk.part(2), "::/EFI", "::/EFI/dom0kit")
    (tmp_path / "env").write_bytes(boot_choice.to_bytes(FIRST))
    output("mcopy", "-i", disk.part(2), tmp_path / "env", f"::/{boot_choice.PATH}")
    return disk


def cluster(disk: LoopDisk) -> str:
    """Return where the file lies on the ESP."""
    return output("mshowfat", "-i", disk.part(2), f"::/{boot_choice.PATH}")


def test_a_change_stays_in_its_place_and_is_counted(host: LoopDisk, tmp_path: Path) -> None:
    before = cluster(host)
    with mounted(host.part(3), tmp_path / "system") as system:
        assert read_choice(system) == FIRST
        changed, problems = change_choice(lambda old: replace(old, trial="0.2.0-01234567", left=1), system)
        assert problems == []
        assert changed == Choice(SYSTEM, 2, "0.1.0-adcf2c1e", "0.2.0-01234567", 1)
        assert read_choice(system) == changed
    assert cluster(host) == before
    output("fsck.vfat", "-n", host.part(2))


def test_a_choice_that_was_lost_is_made_again(host: LoopDisk, tmp_path: Path) -> None:
    output("mdel", "-i", host.part(2), f"::/{boot_choice.PATH}")
    with mounted(host.part(3), tmp_path / "system") as system, pytest.raises(UserError) as caught:
        read_choice(system)
    assert "no ESP says which image starts" in caught.value.message
    write_copy(host.part(2), FIRST)
    with mounted(host.part(3), tmp_path / "system") as system:
        assert read_choice(system) == FIRST
