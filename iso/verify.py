"""Opens a finished ISO again and checks it from outside: files against the manifest, boot images, both partition tables."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pycdlib

from dom0kit.errors import OF_HARDWARE, UserError
from dom0kit.process import run
from dom0kit.units import MIB, SECTOR
from iso import gpt, hybrid_mbr_gpt
from iso.grub_menu import marker_path
from iso.layout import BIOS_IMAGE, BOOT_HYBRID, MANIFEST, MENU, PATHS, UEFI_IMAGE, Manifest, parse_manifest

READ_BLOCK = 4 * MIB
HINT = "make the ISO again; when it happens twice, look at the disk and the memory of this machine"


@dataclass(frozen=True)
class Verified:
    """A verified ISO: its size in bytes, volume identifier and manifest, and the number of compared files."""

    size: int
    volume_id: str
    manifest: Manifest
    files: int


CheckTables = Callable[[Path], list[str]]


def sgdisk_problems(path: Path) -> list[str]:
    """Return the problems that ``sgdisk -v`` finds in the partition tables of an image; "" for none."""
    result = run(["sgdisk", "-v", path], check=False, hint="apt-get install gdisk")
    if result.returncode == 0 and "No problems found" in result.output:
        return []
    lines = [line.strip() for line in (result.output + result.errors).splitlines() if line.strip()]
    return [f"sgdisk: {line}" for line in lines] or [f"sgdisk exited with {result.returncode}"]


def verify(path: Path, expected: Mapping[str, str] | None = None, *, tables: CheckTables = sgdisk_problems) -> Verified:
    """Read a whole ISO back and compare.

    :param expected: SHA-256 of every file by its path on the ISO, when it is known what was put in.
    :param tables: an external check of the partition tables.
    :raises UserError: naming every problem.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            found, extents, volume_id, manifest = read_iso(file, path)
            problems = [
                *file_problems(found, manifest, expected),
                *volume_problems(volume_id, manifest),
                *hybrid_problems(file, size, extents, manifest),
            ]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    problems += tables(path)
    if problems:
        listing = "".join(f"\n  - {problem}" for problem in problems)
        raise UserError(f"{path} is damaged:{listing}", HINT)
    return Verified(size, volume_id, manifest, len(found))


def read_listing(file: BinaryIO, path: Path) -> tuple[dict[str, hybrid_mbr_gpt.Extent], str]:
    """Return the extent of every file by its Rock Ridge path, and the volume identifier.

    :raises UserError: when it is no ISO 9660 image or its folders are damaged.
    """
    iso = pycdlib.PyCdlib()
    try:
        iso.open_fp(file)
    except Exception as error:
        raise _unreadable(error, f"{path} is not an ISO 9660 image") from error
    try:
        extents = {}
        for folder, _, names in iso.walk(rr_path="/"):
            for name in names:
                inside = f"{folder.rstrip('/')}/{name}"
                record = iso.get_record(rr_path=inside)
                extents[inside] = hybrid_mbr_gpt.Extent(record.extent_location(), record.get_data_length())
        return extents, iso.pvd.volume_identifier.decode("ascii", "replace").rstrip()
    except Exception as error:
        raise _unreadable(error, f"{path} has damaged folders", HINT) from error
    finally:
        with suppress(Exception):
            iso.close()


def _unreadable(error: Exception, text: str, hint: str = "") -> Exception:
    """Return the error for any exception of pycdlib, which takes damaged sizes and offsets at their word.

    A device's own error stays as it is.
    """
    if isinstance(error, OSError) and error.errno in OF_HARDWARE:
        return error
    reason = str(error) or type(error).__name__
    return UserError(f"{text}: {reason.splitlines()[0]}", hint)


def read_iso(file: BinaryIO, path: Path) -> tuple[dict[str, str], dict[str, hybrid_mbr_gpt.Extent], str, Manifest]:
    """Return SHA-256 and extent of every file by Rock Ridge path, the volume identifier and the manifest.

    :raises UserError: when it is no ISO of dom0kit.
    """
    extents, volume_id = read_listing(file, path)
    if MANIFEST not in extents:
        raise UserError(f"{path} is not an ISO of dom0kit: it has no {MANIFEST}")
    manifest = parse_manifest(read_extent(file, extents[MANIFEST]), f"{path}:{MANIFEST}")
    return {inside: hash_extent(file, extents[inside]) for inside in sorted(extents)}, extents, volume_id, manifest


def read_extent(file: BinaryIO, where: hybrid_mbr_gpt.Extent) -> bytes:
    """Read a file's content without pycdlib, at the place that GRUB and Linux will read."""
    file.seek(where.block * hybrid_mbr_gpt.BLOCK)
    return file.read(where.length)


def hash_extent(file: BinaryIO, where: hybrid_mbr_gpt.Extent) -> str:
    """Return the SHA-256 of a file's content in hexadecimal digits."""
    digest = hashlib.sha256()
    file.seek(where.block * hybrid_mbr_gpt.BLOCK)
    left = where.length
    while left and (block := file.read(min(left, READ_BLOCK))):
        digest.update(block)
        left -= len(block)
    return digest.hexdigest()


def file_problems(found: Mapping[str, str], manifest: Manifest, expected: Mapping[str, str] | None) -> list[str]:
    """Missing and differing files, against the manifest and against what was put in."""
    problems = [f"{path} is missing" for path in (MENU, UEFI_IMAGE, marker_path(manifest.id)) if path not in found]
    for name, path in PATHS.items():
        if path not in found:
            problems.append(f"{path} is missing")
        elif path != BIOS_IMAGE and found[path] != manifest.files[name][0]:
            problems.append(f"{path} is not what the manifest says")
    for path, sha256 in (expected or {}).items():
        if found.get(path) != sha256:
            problems.append(f"{path} is not what was put in")
    return problems


def volume_problems(volume_id: str, manifest: Manifest) -> list[str]:
    """Return why the initramfs would not find the medium by its name; empty if it would."""
    if volume_id == manifest.volume_id:
        return []
    return [f"the volume is called {volume_id}, its manifest wants {manifest.volume_id}"]


def hybrid_problems(file: BinaryIO, size: int, extents: Mapping[str, hybrid_mbr_gpt.Extent], manifest: Manifest) -> list[str]:
    """Return the problems of boot images, El Torito catalog, MBR, both GPTs and the padding, parsed from the bytes."""
    if BIOS_IMAGE not in extents or UEFI_IMAGE not in extents:
        return ["a boot image is missing"]
    bios, uefi = extents[BIOS_IMAGE], extents[UEFI_IMAGE]
    if size % MIB:
        return [f"its size of {size} bytes is not a whole number of MiB: it was cut off"]
    problems = boot_image_problems(file, bios, manifest)
    problems += catalog_problems(file, bios, uefi)
    end = max(where.block * hybrid_mbr_gpt.BLOCK + where.length for where in extents.values())
    if end + hybrid_mbr_gpt.READ_AHEAD + gpt.BACKUP_SECTORS * SECTOR > size:
        problems.append(f"fewer than {hybrid_mbr_gpt.READ_AHEAD} bytes of padding follow the last file")
    file.seek(hybrid_mbr_gpt.PRIMARY_DESCRIPTOR * hybrid_mbr_gpt.BLOCK)
    descriptor = file.read(hybrid_mbr_gpt.BLOCK)
    if descriptor != hybrid_mbr_gpt.patch_volume_space(descriptor, size):
        problems.append("the volume descriptor has another size than the medium")
    return problems + table_problems(file, size, uefi, manifest)


def boot_image_problems(file: BinaryIO, bios: hybrid_mbr_gpt.Extent, manifest: Manifest) -> list[str]:
    """GRUB for BIOS: the right images, patched for the place where they lie."""
    problems = []
    patched = read_extent(file, bios)
    original = hybrid_mbr_gpt.restore_bios_image(patched)
    if hashlib.sha256(original).hexdigest() != manifest.files["boot/bios-eltorito.img"][0]:
        problems.append(f"{BIOS_IMAGE} is not what the manifest says")
    elif patched != hybrid_mbr_gpt.patch_bios_image(original, bios.block):
        problems.append(f"{BIOS_IMAGE} has wrong boot information")
    file.seek(0)
    record = file.read(SECTOR)
    original = hybrid_mbr_gpt.restore_boot_hybrid(record)
    if hashlib.sha256(original).hexdigest() != manifest.files[BOOT_HYBRID][0]:
        problems.append("the first sector is not GRUB's MBR of the manifest")
    elif record != hybrid_mbr_gpt.master_boot_record(
        original, bios, hybrid_mbr_gpt.Identity.of(manifest.id).mbr, file.seek(0, 2) // SECTOR
    ):
        problems.append("the MBR does not point at GRUB or does not protect the whole medium")
    return problems


def catalog_problems(file: BinaryIO, bios: hybrid_mbr_gpt.Extent, uefi: hybrid_mbr_gpt.Extent) -> list[str]:
    """Check the El Torito catalog: a validation entry, the BIOS image, then one section with the UEFI image."""
    file.seek((hybrid_mbr_gpt.PRIMARY_DESCRIPTOR + 1) * hybrid_mbr_gpt.BLOCK)
    record = file.read(hybrid_mbr_gpt.BLOCK)
    if record[:39] != b"\x00CD001\x01" + b"EL TORITO SPECIFICATION".ljust(32, b"\0"):
        return ["there is no El Torito boot record"]
    file.seek(struct.unpack_from("<I", record, 71)[0] * hybrid_mbr_gpt.BLOCK)
    catalog = file.read(hybrid_mbr_gpt.BLOCK)
    problems = []
    if sum(struct.unpack("<16H", catalog[:32])) & 0xFFFF or catalog[30:32] != b"\x55\xaa":
        problems.append("the El Torito catalogue has a wrong checksum")
    _, _, _, _, count, block = struct.unpack_from("<BBHHHI", catalog, 32)
    if (catalog[32], count, block) != (0x88, 4, bios.block):
        problems.append("the El Torito catalogue does not start the BIOS image")
    _, _, _, _, count, block = struct.unpack_from("<BBHHHI", catalog, 96)
    sectors = -(-uefi.length // hybrid_mbr_gpt.BLOCK) * hybrid_mbr_gpt.SECTORS_PER_BLOCK
    if (catalog[64:66], catalog[96], count, block) != (b"\x91\xef", 0x88, sectors, uefi.block):
        problems.append("the El Torito catalogue does not start the UEFI image")
    return problems


def table_problems(file: BinaryIO, size: int, uefi: hybrid_mbr_gpt.Extent, manifest: Manifest) -> list[str]:
    """Both partition tables hold exactly the one partition over the UEFI image."""
    sectors = size // SECTOR
    wanted = hybrid_mbr_gpt.partition_table(hybrid_mbr_gpt.Identity.of(manifest.id), uefi, size)
    file.seek(SECTOR)
    head = file.read(SECTOR + gpt.ENTRY_COUNT * gpt.ENTRY_SIZE)
    file.seek(size - gpt.BACKUP_SECTORS * SECTOR)
    tail = file.read()
    problems = []
    for header, entries, backup in ((head[:512], head[512:], False), (tail[-512:], tail[:-512], True)):
        try:
            if gpt.parse(header, entries, sectors, backup=backup) != wanted:
                which = "backup" if backup else "primary"
                problems.append(f"the {which} partition table does not describe the UEFI image at {uefi.block}")
        except gpt.GptError as error:
            problems.append(str(error))
    return problems
