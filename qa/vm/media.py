"""Media of a scenario: the answers stick, disks in various states, the ISO as a USB stick."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import pycdlib

from dom0kit.errors import UserError
from dom0kit.process import run
from dom0kit.units import GIB, MIB

ANSWERS_LABEL = "ANSWERS"
ANSWERS_NAME = "host1.yaml"
ANSWERS_ARGUMENT = f"dom0kit.answers=label:{ANSWERS_LABEL}/{ANSWERS_NAME}"

MENU = ("install", "install-serial", "install-xen", "live-xen", "live", "rescue", "local", "memtest")

EL_TORITO_ID = 34823
"""Offset in bytes of the identifier EL TORITO SPECIFICATION in the ISO's boot record (sector 17)."""
DISK_SIZE = 20 * GIB
BLOCK = MIB


def boot_cfg(entry: str, arguments: str = "") -> str:
    """Return what the ISO's menu reads from the answers stick: the entry to start and additional kernel arguments.

    :raises ValueError: when there is no such entry in the menu.
    """
    if entry not in MENU:
        raise ValueError(f"the menu has no entry {entry}")
    lines = [f"set default={entry}", "set timeout=0"]
    if arguments:
        lines.append(f'set dom0kit_args="{arguments}"')
    return "\n".join(lines) + "\n"


def answers_stick(path: Path, files: dict[str, str], label: str = ANSWERS_LABEL) -> Path:
    """Make a FAT image of 4 MiB with these files (path to text; folders are made) and this label."""
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(4 * MIB)
    run(["mformat", "-i", path, "-v", label, "-N", "0d0a5e75", "::"], hint="install mtools")
    folders = {str(folder) for name in files for folder in Path(name).parents if str(folder) != "."}
    for folder in sorted(folders):
        run(["mmd", "-i", path, f"::{folder}"])
    for name, text in files.items():
        copy = path.with_name(f"{path.name}.{Path(name).name}")
        copy.write_text(text)
        run(["mcopy", "-i", path, copy, f"::{name}"])
        copy.unlink()
    return path


def blank_disk(path: Path, size: int = DISK_SIZE) -> Path:
    """Make a sparse disk image of zeros; ``size`` in bytes."""
    with path.open("wb") as file:
        file.truncate(size)
    return path


def ext4_disk(path: Path, size: int = DISK_SIZE) -> Path:
    """Make a disk in use: ext4 on the whole disk, with a label."""
    blank_disk(path, size)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "precious", "-E", "lazy_itable_init=1,lazy_journal_init=1", path])
    return path


def failing(path: Path, action: Literal["read", "write"], sectors: Iterable[int]) -> Path:
    """Write rules of QEMU's blkdebug: each request of this kind that touches one of the sectors ends with an I/O error.

    :param sectors: numbers of sectors of 512 bytes.
    """
    rule = '[inject-error]\nevent = "{action}_aio"\nerrno = "5"\nsector = "{sector}"\n'
    path.write_text("".join(rule.format(action=action, sector=sector) for sector in sectors))
    return path


def overlay(path: Path, base: Path, base_format: str = "raw") -> Path:
    """Make a qcow2 image that writes to itself and reads unchanged data from ``base``."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", base.resolve(), "-F", base_format, path])
    return path


def fingerprint(path: Path) -> str:
    """Return a SHA-256 over the offsets and bytes of all 1 MiB blocks that are not zero; holes cost no time."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    zero = bytes(BLOCK)
    with path.open("rb") as file:
        place, size = 0, path.stat().st_size
        while place < size:
            try:
                place = os.lseek(file.fileno(), place, os.SEEK_DATA) // BLOCK * BLOCK
            except OSError:
                break  # the rest is a hole
            data = os.pread(file.fileno(), BLOCK, place)
            if data != zero[: len(data)]:
                digest.update(f"{place} ".encode() + data)
            place += BLOCK
    return digest.hexdigest()


def hide_el_torito(source: Path, target: Path) -> Path:
    """Copy the ISO so that its El Torito record is not recognized: OVMF then boots it as a disk.

    :raises UserError: when the ISO has no such record where the standard requires it.
    """
    shutil.copyfile(source, target)
    with target.open("r+b") as file:
        file.seek(EL_TORITO_ID)
        found = file.read(23)
        if found != b"EL TORITO SPECIFICATION":
            raise UserError(f"{source} has no El Torito record at byte {EL_TORITO_ID}", "use a bootable ISO")
        file.seek(EL_TORITO_ID)
        file.write(b"XX TORITO SPECIFICATION")
    return target


def extract(iso: Path, name: str, target: Path) -> Path:
    """Copy a file out of the ISO by its Rock Ridge path such as ``/dom0kit/vmlinuz``.

    :raises UserError: when the ISO cannot be read or has no such file.
    """
    image = pycdlib.PyCdlib()
    try:
        image.open(str(iso))
        data = io.BytesIO()
        image.get_file_from_iso_fp(data, rr_path=name)
        image.close()
    except (OSError, pycdlib.pycdlibexception.PyCdlibException) as error:
        raise UserError(f"cannot read {name} from {iso}: {error}", "run: make iso") from error
    target.write_bytes(data.getvalue())
    return target
