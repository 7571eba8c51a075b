"""Repair the boot files of a host that is opened here: what is missing or damaged is written again, the rest is left alone.

Boot loaders and menu of another version are not damaged: they are renewed by an installation.
"""

from __future__ import annotations

import tempfile
import uuid
from dataclasses import replace
from pathlib import Path

from answerfiles.model import load_host
from dom0kit.errors import UserError
from dom0kit.fs import sync_folder, write_atomic
from dom0kit.linux import boot_choice
from dom0kit.linux.boot_choice import Choice
from dom0kit.units import SECTOR
from firstboot.host import HOST_JSON
from installer.apply.block_tree import kernel_name, partitions, read_device
from installer.bootloader import grub, menus
from installer.command_log import Commands
from installer.model.actions import BootTarget
from installer.model.hardware import Disk
from installer.model.image_manifest import read_manifest
from installer.model.partition_layout import BIOS_GRUB, ESP, SYSTEM, partition_path
from upgrade.choice import esps
from upgrade.outside.opened_host import OpenedHost

PROGRAM = b"MZ"
"""The first bytes of a program for UEFI (PE format)."""


def repair(opened: OpenedHost) -> list[str]:
    """Write again what is missing or damaged; the host must be writable.

    The choice comes last: GRUB finds all that it leads to.

    :returns: what was repaired, in clauses.
    :raises UserError: when it cannot be written.
    """
    found = [*_menu(opened)]
    for disk in opened.host.disks:
        found += _esp(disk, opened)
        found += _bios(disk, opened)
    return found + _choice(opened)


def _menu(opened: OpenedHost) -> list[str]:
    """Repair the files below ``boot/grub``, and the entries of the image that the host starts."""
    found = []
    folder = opened.system / "boot/grub"
    image = opened.system / "images" / opened.running
    if not _text(folder / "grub.cfg"):
        folder.mkdir(parents=True, exist_ok=True)
        write_atomic(folder / "grub.cfg", menus.host_menu())
        found.append("the boot menu was missing")
    if not _is_block(folder / "host.env"):
        write_atomic(folder / "host.env", _settings(opened))
        found.append("the boot menu's settings were missing")
    if not _text(image / "boot.cfg"):
        write_atomic(image / "boot.cfg", menus.image_entry(read_manifest(image)))
        found.append(f"the boot entries of {opened.running} were missing")
    if found:
        sync_folder(folder)
    return found


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _is_block(path: Path) -> bool:
    try:
        return "host_source" in boot_choice.values(_text(path))
    except UserError:
        return False


def _settings(opened: OpenedHost) -> bytes:
    """Return the host's own settings of its boot menu, by its answers."""
    answers = load_host(opened.state / "upper" / HOST_JSON)
    disk = opened.host.disk
    return menus.host_settings(
        read_manifest(opened.system / "images" / opened.running),
        uuid.UUID(opened.host.system),
        answers.dom0,
        answers.serial_console,
        device=partition_path(disk.path, SYSTEM) if disk.kind == "mpath" else "",
        mirror=bool(opened.host.array),
    )


def _esp(disk: Disk, opened: OpenedHost) -> list[str]:
    """Repair the loaders on an ESP; one without a file system gets a new one."""
    commands, esp = opened.commands, partition_path(disk.path, ESP)
    found = []
    if commands(["mdir", "-i", esp, "::/"], env=grub.MTOOLS, check=False).returncode:
        commands(["mkfs.vfat", "-F", "32", "-n", "ESP", esp])
        found.append(f"{esp} had no file system")
    missing = [file for file in grub.EFI_FILES if not _program(esp, file, commands)]
    if not missing:
        return found
    with tempfile.TemporaryDirectory(prefix="dom0kit-grub-") as name:
        early, efi = Path(name) / "early.cfg", Path(name) / "bootx64.efi"
        early.write_text(menus.early_config(uuid.UUID(opened.host.system)))
        grub.make_image("x86_64-efi", early, efi, commands)
        for file in missing:
            for folder in sorted((str(above) for above in Path(file).parents if above.name), key=len):
                commands(["mmd", "-D", "s", "-i", esp, f"::/{folder}"], env=grub.MTOOLS, check=False)
            commands(["mcopy", "-o", "-i", esp, efi, f"::/{file}"], env=grub.MTOOLS)
        commands(["blockdev", "--flushbufs", esp])
    if wrong := [file for file in missing if not _program(esp, file, commands)]:
        raise UserError(f"{wrong[0]} on {esp} cannot be read after it was written", "replace the disk, which loses data")
    return [*found, *(f"{file} on {esp} was missing or damaged" for file in missing)]


def _program(esp: str, file: str, commands: Commands) -> bool:
    """Return whether a loader is on an ESP and can be read to its end."""
    with tempfile.TemporaryDirectory(prefix="dom0kit-esp-") as name:
        back = Path(name) / "file"
        read = commands(["mcopy", "-n", "-i", esp, f"::/{file}", back], env=grub.MTOOLS, check=False)
        return read.returncode == 0 and back.is_file() and back.read_bytes()[:2] == PROGRAM


def _bios(disk: Disk, opened: OpenedHost) -> list[str]:
    """Repair boot sector and core for BIOS."""
    if disk.sector != SECTOR:
        return []
    path = partition_path(disk.path, BIOS_GRUB)
    tree = read_device(kernel_name(disk.path))
    core = next((part for part in partitions(tree) if part.path == path), None)
    if core is None or core.start == 0:
        return []
    boot_img = (grub.GRUB / "i386-pc/boot.img").read_bytes()
    with open(disk.path, "rb") as file:
        sector = file.read(SECTOR)
        file.seek(core.start)
        first = file.read(SECTOR)
    # What differs between disks begins behind the jump and its parameter block.
    if sector[:3] == boot_img[:3] and any(first):
        return []
    early = menus.early_config(uuid.UUID(opened.host.system))
    with tempfile.TemporaryDirectory(prefix="dom0kit-grub-") as name:
        data = grub.bios_core(Path(name) / "core.img", opened.commands)
        grub.write_bios(BootTarget(disk.path, partition_path(disk.path, ESP), core.start, core.size), data, early)
    return [f"the boot sector of {disk.path} was missing"]


def _choice(opened: OpenedHost) -> list[str]:
    """Repair the copies of the choice that are missing, damaged or for another system."""
    system = uuid.UUID(opened.host.system)
    copies = [
        replace(copy, choice=None) if copy.choice is not None and copy.choice.system != system else copy
        for copy in esps.read_copies(opened.system)
    ]
    choice = esps.newest(tuple(copies)) or Choice(system, 1, opened.running)
    missing = [copy.device for copy in copies if copy.choice is None]
    for device in missing:
        opened.commands(["mmd", "-D", "s", "-i", device, "::/EFI", "::/EFI/dom0kit"], env=grub.MTOOLS, check=False)
        esps.write_copy(device, choice)
    return [f"the choice of the image on {device} was missing or damaged" for device in missing]
