"""Install GRUB for BIOS and UEFI: one image each that contains all modules, so that the disk needs no module folder.

``grub-mkimage`` takes a second per platform; ``grub-install`` probes and copies for many. Run as a program, it makes the core for
BIOS when the image is made.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

from dom0kit.errors import UserError
from dom0kit.fs import naming, sha256_file, write_atomic
from dom0kit.linux import boot_choice
from dom0kit.units import SECTOR
from installer.bootloader import grub_bios, menus
from installer.command_log import Commands
from installer.model.actions import BootTarget, Finish, InstallBootLoaders

GRUB = Path("/usr/lib/grub")
BIOS_CORE = Path("/usr/lib/dom0kit/grub/i386-pc.img")
"""The core for BIOS that the image brings."""
MODULES = {
    "i386-pc": "biosdisk",
    "x86_64-efi": "efifwsetup",
}
COMMON_MODULES = """
    part_gpt ext2 fat search search_fs_uuid search_label search_fs_file
    normal configfile test true echo sleep ls cat regexp probe loadenv minicmd reboot halt
    serial terminal terminfo video video_fb all_video font gfxterm
    gzio linux multiboot2 chain
"""
EFI_FILES = ("EFI/dom0kit/grubx64.efi", "EFI/BOOT/BOOTX64.EFI")
LABEL = "dom0kit"
SECOND_LABEL = "dom0kit (second disk)"
PARTITION = re.compile(r"HD\(\d+,GPT,([0-9a-fA-F-]{36})[,)]")
NVRAM_LOADER = r"\EFI\dom0kit\grubx64.efi"

# mtools would ask questions about an unusual FAT; no user could answer.
MTOOLS = {"MTOOLS_SKIP_CHECK": "1"}


def make_image(platform: str, early: Path, output: Path, commands: Commands) -> None:
    """Build GRUB's core image with an embedded configuration."""
    folder = GRUB / platform
    words: list[str | Path] = ["grub-mkimage", "--directory", folder, "--format", platform, "--prefix", "/boot/grub"]
    commands([*words, "--config", early, "--output", output, MODULES[platform], *COMMON_MODULES.split()])


def install(action: InstallBootLoaders, system: Path, commands: Commands) -> None:
    """Write both boot loaders with a menu that reports an unfinished installation.

    :param system: mount point of the system's file system.
    """
    grub = system / "boot/grub"
    grub.mkdir(parents=True, exist_ok=True)
    write_atomic(grub / "grub.cfg", action.unfinished_menu)
    with tempfile.TemporaryDirectory(prefix="dom0kit-grub-") as name:
        scratch = Path(name)
        early = scratch / "early.cfg"
        early.write_text(action.early_config)
        efi = scratch / "bootx64.efi"
        make_image("x86_64-efi", early, efi, commands)
        for target in action.targets:
            write_esp(target.esp, efi, scratch, commands)
            if target.core_start is not None:
                core = bios_core(scratch / "core.img", commands)
                write_bios(target, core, action.early_config)
                commands.note(f"wrote GRUB's boot sector and core image to {target.disk}")


def bios_core(scratch: Path, commands: Commands) -> bytes:
    """Return the core for BIOS: the image's, or one that is made at ``scratch`` where the image has none."""
    if BIOS_CORE.is_file():
        return BIOS_CORE.read_bytes()
    if not scratch.exists():
        make_bios_core(scratch, commands)
    return scratch.read_bytes()


def make_bios_core(output: Path, commands: Commands) -> None:
    """Build the core image for BIOS, which is the same for all hosts."""
    with tempfile.TemporaryDirectory(prefix="dom0kit-grub-") as name:
        early = Path(name) / "early.cfg"
        early.write_text(menus.bios_early_config())
        make_image("i386-pc", early, output, commands)


def write_esp(device: str, efi: Path, scratch: Path, commands: Commands) -> None:
    """Write the boot loader to both places on the ESP and verify it.

    mtools writes without mounting: nothing can stay mounted, and no kernel module is needed.

    :raises UserError: when the data read back differs.
    """
    folders = sorted({str(folder) for file in EFI_FILES for folder in Path(file).parents if folder.name}, key=len)
    commands(["mmd", "-i", device, *(f"::/{folder}" for folder in folders)], env=MTOOLS)
    for file in EFI_FILES:
        commands(["mcopy", "-o", "-i", device, efi, f"::/{file}"], env=MTOOLS)
    commands(["blockdev", "--flushbufs", device])
    expected = sha256_file(efi)
    for number, file in enumerate(EFI_FILES):
        back = scratch / f"read-back-{number}"
        back.unlink(missing_ok=True)
        commands(["mcopy", "-n", "-i", device, f"::/{file}", back], env=MTOOLS)
        if sha256_file(back) != expected:
            raise UserError(f"{file} on {device} differs from what was written", "replace the disk, which loses data")


def write_choice(device: str, choice: bytes, commands: Commands) -> None:
    """Write the choice of the image to an ESP that has none yet and verify it; on a host it is changed in place.

    :raises UserError: when the data read back differs.
    """
    with tempfile.TemporaryDirectory(prefix="dom0kit-choice-") as name:
        new, back = Path(name) / "new", Path(name) / "back"
        new.write_bytes(choice)
        commands(["mcopy", "-o", "-i", device, new, f"::/{boot_choice.PATH}"], env=MTOOLS)
        commands(["blockdev", "--flushbufs", device])
        commands(["mcopy", "-n", "-i", device, f"::/{boot_choice.PATH}", back], env=MTOOLS)
        if back.read_bytes() != choice:
            raise UserError(f"{boot_choice.PATH} on {device} differs from what was written", "replace the disk, which loses data")


def write_bios(target: BootTarget, core: bytes, early_config: str) -> None:
    """Write the core image and its configuration, then the boot sector, so that the sector never points to nothing.

    :raises UserError: when the core does not fit, or would look for its configuration elsewhere.
    """
    boot_img = (GRUB / "i386-pc/boot.img").read_bytes()
    start = target.core_start or 0
    first = start // SECTOR
    image = grub_bios.core_image(core, first, target.core_size)
    early = grub_bios.early_sector(early_config.removeprefix(menus.BOOT_DISK))
    if (start + target.core_size) // SECTOR - 1 != menus.EARLY_SECTOR:
        raise UserError(f"the BIOS boot partition of {target.disk} does not end before sector {menus.EARLY_SECTOR + 1}")
    with naming(target.disk), open(target.disk, "r+b", buffering=0) as file:
        file.seek(start)
        file.write(image)
        file.seek(menus.EARLY_SECTOR * SECTOR)
        file.write(early)
        os.fsync(file.fileno())
        file.seek(0)
        current = file.read(SECTOR)
        file.seek(0)
        file.write(grub_bios.boot_sector(boot_img, current, first))
        os.fsync(file.fileno())


def boot_entries(listing: str, label: str) -> dict[str, str]:
    """Return the boot entries with a label in the output of ``efibootmgr --verbose`` (pure).

    :returns: the GUID of the partition by the entry's number; "" for an entry that names none.
    """
    # Including those of single paths to the same disk.
    lines = re.findall(rf"^Boot([0-9A-F]{{4}})[* ] {re.escape(label)}(?: \(path \d+\))?(?:\t(.*))?$", listing, re.MULTILINE)
    found = {}
    for number, where in lines:
        guid = PARTITION.search(where)
        found[number] = guid.group(1).lower() if guid else ""
    return found


def outdated(listing: str, erased: Collection[str]) -> list[str]:
    """Return the numbers of dom0kit's entries whose partition was erased by this installation (pure).

    An entry for any other partition belongs to another dom0kit, on a disk that stays or is not connected now.

    :param erased: GUIDs of the partitions that were on the disks.
    """
    entries = {**boot_entries(listing, LABEL), **boot_entries(listing, SECOND_LABEL)}
    return [number for number, guid in entries.items() if guid in erased]


def first_entry(listing: str) -> str:
    """Return the first entry of the boot order in the output of ``efibootmgr``; "" without an order (pure)."""
    found = re.search(r"^BootOrder: ([0-9A-F]{4})", listing, re.MULTILINE)
    return found.group(1) if found else ""


def remove_boot_entries(erased: Collection[str], commands: Commands) -> None:
    """Remove the entries for partitions that were erased, by their GUIDs; the firmware's refusal is logged."""
    try:
        for number in outdated(commands(["efibootmgr", "--verbose"]).output, erased):
            commands(["efibootmgr", "--quiet", "--bootnum", number, "--delete-bootnum"])
    except UserError as error:
        commands.note(f"boot entries of the erased partitions stay: {error.message}")


def set_boot_entries(action: Finish, commands: Commands) -> str:
    """Make the host the firmware's first choice, also after a network boot.

    :returns: a warning, "" on success. A full or read-only NVRAM must not fail an installation:
        ``EFI/BOOT/BOOTX64.EFI`` is found without an entry.
    """
    if not action.entries:
        return ""
    try:
        # Entries of another dom0kit, which have the same label, stay.
        others = boot_entries(commands(["efibootmgr"]).output, action.entries[0].label)
        # --create also puts the new entry first in BootOrder, so the first disk is handled last.
        for entry in reversed(action.entries):
            where: list[str] = ["--disk", entry.disk, "--part", str(entry.esp_number)]
            words = ["--create", *where, "--label", entry.label, "--loader", NVRAM_LOADER]
            if entry.by_path:
                # The table was written through the map: the kernel's cached table of this path may be outdated.
                commands(["blockdev", "--flushbufs", entry.disk], check=False)
                # Not every bus has a device path; the GUID entry finds the partition on every connected path.
                commands(["efibootmgr", "--quiet", "--full-dev-path", *words], check=False)
            else:
                commands(["efibootmgr", "--quiet", *words])
        # Some firmware accepts the entry but keeps its own order.
        listing = commands(["efibootmgr"]).output
    except UserError as error:
        said = error.message.splitlines()[-1].strip()
        return f"the firmware rejected a boot entry ({said}); it will boot the host from EFI/BOOT/BOOTX64.EFI"
    if first_entry(listing) not in boot_entries(listing, action.entries[0].label).keys() - others.keys():
        return (
            f"the firmware did not move {action.entries[0].label} first in its boot order; "
            "set it in the firmware setup, or the machine may boot another device"
        )
    return ""


if __name__ == "__main__":
    make_bios_core(Path(sys.argv[1]), Commands(sys.stderr))
