"""Masters the ISO from an image folder: ISO 9660 by pycdlib, then the hybrid part, verified before it gets its name."""

from __future__ import annotations

import hashlib
import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from typing import Any, BinaryIO

import pycdlib
import pycdlib.headervd
import pycdlib.pycdlib

from dom0kit.errors import UserError
from dom0kit.events import Reporter, Step
from dom0kit.fs import replacing, sha256_file, write_atomic
from dom0kit.units import MIB, SECTOR
from iso import embed_answers, gpt, hybrid_mbr_gpt
from iso.esp_image import make_uefi_image
from iso.grub_menu import MenuOptions, marker_path, render_menu
from iso.layout import (
    BIOS_IMAGE,
    BOOT_HYBRID,
    MANIFEST,
    MENU,
    PATHS,
    SBOM,
    SBOM_FILE,
    SIGNATURE,
    UEFI_IMAGE,
    Manifest,
    read_image,
)
from iso.verify import verify

COPY_BLOCK = 4 * MIB
"""pycdlib's default blocks make mastering three times as slow."""
INTERCHANGE_LEVEL = 3
FILE_MODE = 0o100444
FOLDER_MODE = 0o040555
CATALOG = "/boot/boot.cat"

MakeUefiImage = Callable[[bytes, str, int], bytes]


@dataclass(frozen=True)
class IsoResult:
    """A finished ISO: its file, size in bytes, SHA-256 in hexadecimal digits and volume identifier."""

    path: Path
    size: int
    sha256: str
    volume_id: str


@dataclass
class Contents:
    """The files of the ISO by their paths: some on disk, some made here."""

    on_disk: dict[str, Path] = field(default_factory=dict)
    made: dict[str, bytes] = field(default_factory=dict)

    def paths(self) -> list[str]:
        """Every file's path in the order in which they are written."""
        return sorted([*self.on_disk, *self.made])

    def sha256(self, path: str) -> str:
        """Return the SHA-256 of the file that goes to ``path``."""
        if path in self.made:
            return hashlib.sha256(self.made[path]).hexdigest()
        return sha256_file(self.on_disk[path])


def build(
    image_dir: Path,
    output: Path,
    reporter: Reporter,
    *,
    options: MenuOptions | None = None,
    added: Mapping[str, Path] | None = None,
) -> IsoResult:
    """Make and verify ``output`` and ``output.sha256`` from an image folder.

    The ISO gets its name only when it was verified; the same folder and options give the same bytes.

    :param added: additional files by their absolute paths on the ISO, such as answers.
    :raises UserError: when the folder is incomplete, the output cannot be written or the verification finds a problem.
    """
    if not output.parent.is_dir():
        raise UserError(f"the folder {output.parent} does not exist", "make it, or choose another -o")
    with reporter.step("check the image folder"):
        manifest = read_image(image_dir)
    with reporter.step("make the UEFI image and the menu"):
        contents = collect(image_dir, manifest, options)
        add_files(contents, added or {})
    try:
        with replacing(output) as new:
            with reporter.step("master the ISO") as step:
                master(contents, manifest, (image_dir / BOOT_HYBRID).read_bytes(), new, step)
            with reporter.step("verify the ISO"):
                verify(new, {path: contents.sha256(path) for path in contents.paths()})
            with reporter.step("checksum the ISO"):
                sha256 = sha256_file(new)
    except OSError as error:
        raise UserError(f"cannot write {output}: {error.strerror}", "check free space and permissions") from error
    write_atomic(output.with_name(f"{output.name}.sha256"), f"{sha256}  {output.name}\n")
    return IsoResult(output, output.stat().st_size, sha256, manifest.volume_id)


def collect(
    image_dir: Path, manifest: Manifest, options: MenuOptions | None = None, *, uefi_image: MakeUefiImage = make_uefi_image
) -> Contents:
    """Everything that becomes a file of the ISO.

    :param uefi_image: makes the FAT image from the loader, the image's id and the epoch.
    """
    contents = Contents({path: image_dir / name for name, path in PATHS.items()})
    contents.on_disk[MANIFEST] = image_dir / "manifest.json"
    if (signature := image_dir / "manifest.json.sig").is_file():
        contents.on_disk[SIGNATURE] = signature
    if SBOM_FILE in manifest.files:
        contents.on_disk[SBOM] = image_dir / SBOM_FILE
    menu = render_menu(volume_id=manifest.volume_id, image_id=manifest.id, title=manifest.title, options=options)
    contents.made[MENU] = menu.encode()
    contents.made[marker_path(manifest.id)] = f"{manifest.title} {manifest.id}\n".encode()
    contents.made.update(embed_answers.blank())
    contents.made[UEFI_IMAGE] = uefi_image((image_dir / "boot/bootx64.efi").read_bytes(), manifest.id, manifest.epoch)
    return contents


def add_files(contents: Contents, added: Mapping[str, Path]) -> None:
    """Put additional files on the ISO.

    :raises UserError: for a path that is not absolute or is taken, and for a file that is not there.
    """
    for path, file in added.items():
        if not path.startswith("/") or ".." in path.split("/"):
            raise UserError(f"{path} is no absolute path on the ISO", "write it as /answers/host1.yaml")
        if path in contents.paths():
            raise UserError(f"{path} is a file of the ISO itself", "choose another path")
        if not file.is_file():
            raise UserError(f"there is no file {file} to put on the ISO")
        contents.on_disk[path] = file


def master(contents: Contents, manifest: Manifest, boot_hybrid: bytes, output: Path, step: Step | None = None) -> None:
    """Write the hybrid ISO and fsync it. No process is started.

    Afterwards ``contents`` has the BIOS image as it is on the ISO, with boot information, among its made files.

    :param boot_hybrid: GRUB's MBR, 512 bytes.
    :raises UserError: when a boot image is not the one of GRUB that is needed.
    """
    bios_source = contents.on_disk.pop(BIOS_IMAGE).read_bytes()
    contents.made[BIOS_IMAGE] = bios_source

    def progress(done: int, total: int, _: Any) -> None:
        if step and total:
            step.progress(done / total, "writing")

    with frozen_time(manifest.epoch), output.open("w+b") as file, new_iso(contents, manifest) as iso:
        iso.force_consistency()
        bios, uefi = extent(iso, BIOS_IMAGE), extent(iso, UEFI_IMAGE)
        iso.write_fp(file, blocksize=COPY_BLOCK, progress_cb=progress)
        try:
            patched = hybrid_mbr_gpt.patch_bios_image(bios_source, bios.block)
            identity = hybrid_mbr_gpt.Identity.of(manifest.id)
            write_hybrid(file, bios_image=patched, boot_hybrid=boot_hybrid, bios=bios, uefi=uefi, identity=identity)
        except (hybrid_mbr_gpt.HybridError, gpt.GptError) as error:
            raise UserError(str(error), "build the image again with the element dom0-boot") from error
        contents.made[BIOS_IMAGE] = patched
        file.flush()
        os.fsync(file.fileno())


def write_hybrid(
    file: BinaryIO,
    *,
    bios_image: bytes,
    boot_hybrid: bytes,
    bios: hybrid_mbr_gpt.Extent,
    uefi: hybrid_mbr_gpt.Extent,
    identity: hybrid_mbr_gpt.Identity,
) -> None:
    """Make a finished ISO 9660 image, open for reading and writing, bootable as a disk; it grows by the padding."""
    size = hybrid_mbr_gpt.padded_size(file.seek(0, io.SEEK_END))
    table = hybrid_mbr_gpt.partition_table(identity, uefi, size)
    file.truncate(size)
    descriptor_at = hybrid_mbr_gpt.PRIMARY_DESCRIPTOR * hybrid_mbr_gpt.BLOCK
    file.seek(descriptor_at)
    descriptor = hybrid_mbr_gpt.patch_volume_space(file.read(hybrid_mbr_gpt.BLOCK), size)
    for offset, data in (
        (0, hybrid_mbr_gpt.system_area(boot_hybrid, bios, table, identity.mbr)),
        (descriptor_at, descriptor),
        (bios.block * hybrid_mbr_gpt.BLOCK, bios_image),
        (size - gpt.BACKUP_SECTORS * SECTOR, gpt.backup(table)),
    ):
        file.seek(offset)
        file.write(data)


@contextmanager
def new_iso(contents: Contents, manifest: Manifest) -> Iterator[pycdlib.PyCdlib]:
    """Open a pycdlib image with all files and both El Torito entries until the block ends."""
    iso = pycdlib.PyCdlib()
    iso.new(
        interchange_level=INTERCHANGE_LEVEL,
        sys_ident="LINUX",
        vol_ident=manifest.volume_id,
        app_ident_str=manifest.title.upper(),
        rock_ridge="1.09",
    )
    try:
        for folder in folders(contents.paths()):
            iso.add_directory(iso_name(folder, folder=True), rr_name=PurePosixPath(folder).name, file_mode=FOLDER_MODE)
        for path in contents.paths():
            name, rr_name = iso_name(path), PurePosixPath(path).name
            if path in contents.made:
                data = contents.made[path]
                iso.add_fp(io.BytesIO(data), len(data), name, rr_name, file_mode=FILE_MODE)
            else:
                iso.add_file(str(contents.on_disk[path]), name, rr_name, file_mode=FILE_MODE)
        # BIOSes load 4 sectors, GRUB's cdboot loads the rest by the boot information patched in later.
        iso.add_eltorito(iso_name(BIOS_IMAGE), iso_name(CATALOG), PurePosixPath(CATALOG).name, boot_load_size=4)
        iso.add_eltorito(iso_name(UEFI_IMAGE), efi=True)
        yield iso
    finally:
        iso.close()


def folders(paths: list[str]) -> list[str]:
    """Every folder above the paths, parents first: ``/a/b/c`` gives ``/a`` and ``/a/b``."""
    return sorted({str(parent) for path in paths for parent in PurePosixPath(path).parents if str(parent) != "/"})


def iso_name(path: str, *, folder: bool = False) -> str:
    """Return the ISO 9660 path for a Rock Ridge path: capitals, digits, ``_``; dot and version for files.

    >>> iso_name("/boot/grub/grub.cfg")
    '/BOOT/GRUB/GRUB.CFG;1'
    """

    def allowed(text: str) -> str:
        return "".join(c if c.isascii() and c.isalnum() else "_" for c in text.upper())

    *parents, name = PurePosixPath(path).parts[1:]
    if folder:
        last = allowed(name)
    else:
        stem, _, extension = name.rpartition(".") if "." in name else (name, "", "")
        last = f"{allowed(stem)}.{allowed(extension)};1"
    return "/" + "/".join([*(allowed(parent) for parent in parents), last])


def extent(iso: pycdlib.PyCdlib, path: str) -> hybrid_mbr_gpt.Extent:
    """Return a file's extent in a consistent image."""
    record = iso.get_record(iso_path=iso_name(path))
    return hybrid_mbr_gpt.Extent(record.extent_location(), record.get_data_length())


@contextmanager
def frozen_time(epoch: int) -> Iterator[None]:
    """Within the block pycdlib sees the time ``epoch``, and local time is UTC. Not for threads: TZ is the process's.

    pycdlib offers no parameter for the volume's and the folders' times; it reads ``time.time`` in two of its modules.
    """
    modules = (pycdlib.pycdlib, pycdlib.headervd)
    clock = SimpleNamespace(time=lambda: float(epoch))
    zone = os.environ.get("TZ")
    saved = [vars(module)["time"] for module in modules]
    os.environ["TZ"] = "UTC"
    time.tzset()
    for module in modules:
        vars(module)["time"] = clock
    try:
        yield
    finally:
        for module, real in zip(modules, saved, strict=True):
            vars(module)["time"] = real
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()
