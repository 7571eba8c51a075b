"""Boot loaders on a real disk: what mtools, sgdisk and GRUB's own installer say of them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from installer_samples import manifest
from loop_devices import GIB, MIB, LoopDisk, loop_disk, output

from dom0kit.errors import UserError
from dom0kit.process import CommandFailed, Result, run
from installer.apply import partitioning
from installer.bootloader import grub, menus
from installer.command_log import Commands
from installer.model import actions
from installer.model.partition_layout import lay_out

SYSTEM = uuid.UUID("12345678-1234-5678-1234-567812345678")
CORE_START, CORE_SIZE = MIB, MIB
MENU = menus.unfinished_menu(manifest())


@pytest.fixture
def target(disk: LoopDisk, tmp_path: Path, commands: Commands) -> Iterator[LoopDisk]:
    """Make a disk with partitions and an ESP; mount the system's file system at ``tmp_path/system``."""
    prepare(disk, commands)
    (tmp_path / "system").mkdir()
    output("mount", disk.part(3), tmp_path / "system")
    try:
        yield disk
    finally:
        output("umount", tmp_path / "system")


def prepare(disk: LoopDisk, commands: Commands) -> None:
    """Make the partitions and file systems of an installation."""
    parts = lay_out(disk.size, disk.sector, guests=False, seed=SYSTEM)
    partitioning.partition(actions.PartitionDisks((actions.Table(disk.path, disk.sector, SYSTEM, parts),)), commands)
    partitioning.make_file_systems(actions.MakeFileSystems(((disk.part(2), "CAFE1234"),), disk.part(3), SYSTEM), commands)


def install(disk: LoopDisk, system: Path, commands: Commands) -> None:
    """Install as the plan does; a disk with sectors of 4096 bytes gets nothing for BIOS."""
    start = CORE_START if disk.sector == 512 else None
    target = actions.BootTarget(disk.path, disk.part(2), start, CORE_SIZE)
    grub.install(actions.InstallBootLoaders((target,), menus.early_config(SYSTEM), MENU), system, commands)


def on_esp(device: str, name: str, folder: Path) -> bytes:
    """Return a file of the ESP, read by mtools from the device."""
    output("mcopy", "-n", "-i", device, f"::/{name}", folder / "from-esp")
    data = (folder / "from-esp").read_bytes()
    (folder / "from-esp").unlink()
    return data


def test_uefi_finds_the_loader_in_both_places(target: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    install(target, tmp_path / "system", commands)
    esp = target.part(2)
    output("fsck.vfat", "-n", esp)
    one, two = (on_esp(esp, name, tmp_path) for name in grub.EFI_FILES)
    assert one == two
    # A PE image for x86-64: the machine type follows the signature.
    header = int.from_bytes(one[0x3C:0x40], "little")
    assert one[:2] == b"MZ"
    assert one[header : header + 6] == b"PE\0\0\x64\x86"
    assert menus.early_config(SYSTEM).encode() in one
    assert (tmp_path / "system/boot/grub/grub.cfg").read_text() == MENU


def test_bios_gets_what_grubs_own_installer_writes(target: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    """Compare with grub-bios-setup(8), which gets the same core image and writes to the same disk."""
    before = output("sgdisk", "--print", target.path)
    install(target, tmp_path / "system", commands)
    ours_sector, ours_core = target.read(0, 512), target.read(CORE_START, CORE_SIZE)
    assert "No problems found" in output("sgdisk", "--verify", target.path)
    assert output("sgdisk", "--print", target.path) == before

    folder = tmp_path / "system/grub-bios-setup"
    folder.mkdir()
    (folder / "boot.img").write_bytes((grub.GRUB / "i386-pc/boot.img").read_bytes())
    grub.make_bios_core(folder / "core.img", commands)
    (tmp_path / "device.map").write_text(f"(hd0) {target.path}\n")
    target.write(CORE_START, bytes(CORE_SIZE))
    words = ["--no-rs-codes", "--skip-fs-probe", f"--directory={folder}", f"--device-map={tmp_path / 'device.map'}"]
    output(grub.GRUB / "i386-pc/grub-bios-setup", *words, target.path)
    assert target.read(0, 512) == ours_sector
    core = target.read(CORE_START, CORE_SIZE)
    assert core[:-512] == ours_core[:-512]
    assert core[:-512].rstrip(b"\0")
    # Behind it is what the core runs, and what differs between hosts.
    early = ours_core[-512:].rstrip(b"\n").decode() + "\n"
    assert early.startswith("search ")
    assert menus.BOOT_DISK + early == menus.early_config(SYSTEM)


def test_the_sector_is_written_after_the_core(target: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    """Leave the sector alone when the core does not fit: it would point at half of it."""
    before = target.read(0, 512)
    words = actions.BootTarget(target.path, target.part(2), CORE_START, 4096)
    with pytest.raises(UserError, match="the BIOS boot partition has 4096"):
        grub.install(actions.InstallBootLoaders((words,), menus.early_config(SYSTEM), MENU), tmp_path / "system", commands)
    assert target.read(0, 512) == before
    assert target.read(CORE_START, CORE_SIZE) == bytes(CORE_SIZE)


def test_a_disk_with_large_sectors_is_for_uefi_alone(tmp_path: Path, commands: Commands) -> None:
    with loop_disk(tmp_path / "disk", 12 * GIB, 4096) as disk:
        prepare(disk, commands)
        before = disk.read(0, 512)
        install(disk, tmp_path / "system", commands)
        assert on_esp(disk.part(2), grub.EFI_FILES[1], tmp_path)[:2] == b"MZ"
        assert disk.read(0, 512) == before
        assert disk.read(CORE_START, CORE_SIZE) == bytes(CORE_SIZE)


def test_a_full_esp_is_an_error(target: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    free = re.search(r"([0-9 ]+) bytes free", output("mdir", "-i", target.part(2)))
    assert free
    with (tmp_path / "large").open("wb") as file:
        file.truncate(int(free[1].replace(" ", "")) - MIB)
    output("mcopy", "-i", target.part(2), tmp_path / "large", "::/large")
    with pytest.raises(CommandFailed, match=r"mcopy exited with 1(.|\n)*full"):
        install(target, tmp_path / "system", commands)


class Corrupting:
    """Runs every command, and damages the loader on the disk before it is read back, as a failing disk does."""

    def __init__(self, disk: LoopDisk) -> None:
        self.disk, self.spoiled = disk, 0

    def __call__(self, argv: Sequence[str], **more: Any) -> Result:
        if argv[:2] == ["mcopy", "-n"] and not self.spoiled:
            self.spoiled = spoil(self.disk, menus.early_config(SYSTEM).encode())
        return run(argv, **more)


def spoil(disk: LoopDisk, text: bytes) -> int:
    """Overwrite a text in the file behind the disk; return how often it was there."""
    start, _ = disk.parts()[2]
    data = disk.read(start, 32 * MIB)
    with disk.file.open("r+b") as file:
        file.seek(start)
        file.write(data.replace(text, bytes(len(text))))
    return data.count(text)


def test_a_disk_that_changes_what_was_written_is_found(target: LoopDisk, tmp_path: Path, commands: Commands) -> None:
    runner = Corrupting(target)
    with pytest.raises(UserError, match="differs from what was written"):
        install(target, tmp_path / "system", Commands(commands.log, runner))
    assert runner.spoiled == 2
