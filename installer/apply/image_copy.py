"""Image files and the host's state: check, copy, read back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dom0kit.errors import OF_HARDWARE, UserError
from dom0kit.events import Step
from dom0kit.fs import copy_durable, naming, sha256_file, sync_folder, write_atomic
from dom0kit.units import human_bytes
from installer.bootloader.grub import GRUB
from installer.command_log import Commands
from installer.model.actions import CopyImage, Stage, WriteState
from installer.model.image_manifest import ImageFile

PROGRAMS = (
    ("wipefs partx sgdisk mkfs.vfat mkfs.ext4 mount umount blockdev", ""),
    ("mmd mcopy", "package mtools"),
    ("grub-mkimage", "package grub-common"),
    ("pvcreate vgcreate vgchange lvcreate", "package lvm2"),
    ("mdadm", "package mdadm"),
    ("dmsetup", "package dmsetup"),
    ("kpartx", "package kpartx"),
)
GRUB_FILES = ("i386-pc/boot.img", "i386-pc/moddep.lst", "x86_64-efi/moddep.lst")
SEARCH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def stage(action: Stage, step: Step, commands: Commands) -> None:
    """Check all that the installation needs, before the disk is changed.

    :raises UserError: when a program is missing or a file differs from the manifest.
    """
    for names, package in PROGRAMS:
        for name in names.split():
            if shutil.which(name, path=SEARCH) is None:
                raise UserError(f"the program {name} is missing in this system", f"install the {package}" if package else "")
    for file in GRUB_FILES:
        if not (GRUB / file).exists():
            raise UserError(f"{GRUB / file} is missing in this system", "install the packages grub-pc-bin and grub-efi-amd64-bin")
    verify(Path(action.folder), action.files, step, "write the medium again: it is damaged")
    commands.note(f"checked {len(action.files)} files in {action.folder}")


def verify(
    folder: Path, files: tuple[ImageFile, ...], step: Step, hint: str, start: float = 0.0, *, direct: bool = False
) -> None:
    """Compare files with their sizes and checksums; progress goes from ``start`` to 1.

    :param direct: read past the page cache.
    """
    total = sum(file.size for file in files) or 1
    before = 0
    for file in files:
        path = folder / file.name
        try:
            size = path.stat().st_size
            if size != file.size:
                raise UserError(f"{path} has {size} bytes, the manifest says {file.size}", hint)

            def report(done: int, before: int = before, name: str = file.name) -> None:
                step.progress(start + (1 - start) * (before + done) / total, f"checking {name}")

            found = sha256_file(path, report, direct=direct)
        except OSError as error:
            if error.errno in OF_HARDWARE:
                raise
            raise UserError(f"cannot read {path}: {error.strerror}", hint) from error
        if found != file.sha256:
            raise UserError(f"{path} has the checksum {found[:16]}..., the manifest says {file.sha256[:16]}...", hint)
        before += file.size


def drop_cache(path: Path) -> None:
    """Drop a file from the page cache so that the next read comes from the disk; call fsync first."""
    fd = os.open(path, os.O_RDONLY)
    try:
        with naming(path):
            os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(fd)


def copy_image(action: CopyImage, system: Path, step: Step, commands: Commands) -> None:
    """Copy the files and the manifest, then read everything back from the disk.

    :raises UserError: when the data read back differs.
    """
    source, target = Path(action.folder), system / "images" / action.image
    target.mkdir(parents=True, exist_ok=True)
    total = sum(file.size for file in action.files) or 1
    before = 0
    for file in action.files:

        def report(done: int, before: int = before, name: str = file.name) -> None:
            step.progress(0.6 * (before + done) / total, f"{name}, {human_bytes(before + done)} of {human_bytes(total)}")

        copy_durable(source / file.name, target / file.name, report)
        # The end, which is no whole page, went through the page cache.
        drop_cache(target / file.name)
        before += file.size
    copy_durable(source / "manifest.json", target / "manifest.json")
    sync_folder(target.parent)
    verify(target, action.files, step, "replace the disk or its cable, which lose data", start=0.6, direct=True)
    commands.note(f"copied {human_bytes(total)} to {target}, read back and compared")


def write_state(action: WriteState, system: Path) -> None:
    """Create the overlay's folders, and write the answers to the path where the host reads them."""
    state = system / "state" / action.image
    upper = state / "upper"
    (state / "work").mkdir(parents=True, exist_ok=True)
    etc = upper / "etc/dom0kit"
    log = upper / "var/log/dom0kit"
    for folder in (etc, log):
        folder.mkdir(parents=True, exist_ok=True)
    # The overlay's root becomes the host's root directory, whatever the umask is here.
    for folder in (upper, upper / "etc", upper / "var", upper / "var/log", etc):
        folder.chmod(0o755)
    log.chmod(0o750)
    write_atomic(etc / "host.json", action.host_json, 0o600)
    if action.mdadm_conf:
        (upper / "etc/mdadm").mkdir(exist_ok=True)
        (upper / "etc/mdadm").chmod(0o755)
        write_atomic(upper / "etc/mdadm/mdadm.conf", action.mdadm_conf)
    sync_folder(state)


def keep_logs(files: list[Path], system: Path, image: str) -> None:
    """Copy the installation logs to the host; missing logs are skipped."""
    log = system / "state" / image / "upper/var/log/dom0kit"
    if not log.is_dir():
        return
    for file in files:
        if file.is_file():
            write_atomic(log / file.name, file.read_bytes(), 0o600)
