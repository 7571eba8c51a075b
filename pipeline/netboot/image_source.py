"""The image of a network-boot tree: from an image folder or out of an ISO, verified while it is copied."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from dom0kit.errors import UserError
from dom0kit.events import Step
from dom0kit.fs import BLOCK, sha256_file
from iso import hybrid_mbr_gpt
from iso.layout import MANIFEST, PATHS, REBUILD, SBOM, SBOM_FILE, SIGNATURE, Manifest, parse_manifest
from iso.verify import read_extent, read_listing

IMAGE_FILES = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")
LOADERS = ("boot/pxe-bios.0", "boot/netx64.efi")


@dataclass(frozen=True)
class Image:
    """An image's manifest, its own bytes, and where its files are: in ``source``, at a place within it when that is an ISO."""

    manifest: Manifest
    manifest_bytes: bytes
    source: Path
    extents: Mapping[str, hybrid_mbr_gpt.Extent] | None = None
    signature: bytes = b""

    def write(self, tree: Path, *, old: Path, step: Step) -> dict[str, str]:
        """Copy and verify all files; link, and verify, those that the old tree has.

        :returns: the SHA-256 of each file by its name in the tree.
        :raises UserError: when a file is not what the manifest says.
        """
        folder = f"images/{self.manifest.id}"
        (tree / folder).mkdir(mode=0o755)
        names = {name: f"{folder}/{name}" for name in self.image_files} | {name: name for name in LOADERS}
        total = sum(self.manifest.files[name][1] for name in names)
        done = 0
        sums = {}
        for name, place in names.items():
            sha256, size = self.manifest.files[name]
            if not link_same(old / place, tree / place, sha256, size):
                self._copy(name, tree / place, sha256, size)
            os.chmod(tree / place, 0o644)
            done += size
            step.progress(done / total, name)
            sums[place] = sha256
        # The second one is for hosts that know the tree's URL alone: its id is the folder's name.
        for place in (f"{folder}/manifest.json", "images/manifest.json"):
            (tree / place).write_bytes(self.manifest_bytes)
            sums[place] = hashlib.sha256(self.manifest_bytes).hexdigest()
        if self.signature:
            place = f"{folder}/manifest.json.sig"
            (tree / place).write_bytes(self.signature)
            sums[place] = hashlib.sha256(self.signature).hexdigest()
        return sums

    @property
    def image_files(self) -> tuple[str, ...]:
        """Return the names of the files of the image's folder; images of earlier versions have no SBOM."""
        return (*IMAGE_FILES, SBOM_FILE) if SBOM_FILE in self.manifest.files else IMAGE_FILES

    def _copy(self, name: str, target: Path, sha256: str, size: int) -> None:
        with self._open(name) as file, target.open("wb") as write:
            digest = hashlib.sha256()
            left = size
            while left and (block := file.read(min(left, BLOCK))):
                digest.update(block)
                write.write(block)
                left -= len(block)
        if left or digest.hexdigest() != sha256:
            raise UserError(f"{name} of {self.source} is not what its manifest says", REBUILD)

    @contextmanager
    def _open(self, name: str) -> Iterator[BinaryIO]:
        if self.extents is None:
            with (self.source / name).open("rb") as file:
                yield file
        else:
            with self.source.open("rb") as file:
                file.seek(self.extents[place_on_iso(name)].block * hybrid_mbr_gpt.BLOCK)
                yield file


def link_same(old: Path, new: Path, sha256: str, size: int) -> bool:
    """Link a file of the old tree when it is there and whole."""
    try:
        if old.stat().st_size != size or sha256_file(old) != sha256:
            return False
        os.link(old, new)
    except OSError:
        return False
    return True


def from_folder(folder: Path) -> Image:
    """Open an image folder.

    :raises UserError: when there is none.
    """
    path = folder / "manifest.json"
    try:
        raw = path.read_bytes()
        signed = path.with_name("manifest.json.sig")
        signature = signed.read_bytes() if signed.is_file() else b""
    except OSError as error:
        raise UserError(
            f"{path} cannot be read: {error.strerror}", "build the image first: dom0kit iso; or give --image or --iso"
        ) from error
    image = Image(parse_manifest(raw, str(path)), raw, folder, signature=signature)
    for name in (*image.image_files, *LOADERS):
        if not (folder / name).is_file():
            raise UserError(f"{folder / name} is missing", REBUILD)
    return image


def from_iso(path: Path) -> Image:
    """Open the image inside an ISO.

    :raises UserError: when it is no ISO of dom0kit, or one that cannot boot by network.
    """
    try:
        with path.open("rb") as file:
            extents, _ = read_listing(file, path)
            if MANIFEST not in extents:
                raise UserError(f"{path} is not an ISO of dom0kit: it has no {MANIFEST}")
            raw = read_extent(file, extents[MANIFEST])
            signature = read_extent(file, extents[SIGNATURE]) if SIGNATURE in extents else b""
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    image = Image(parse_manifest(raw, f"{path}:{MANIFEST}"), raw, path, extents, signature)
    for name in (*image.image_files, *LOADERS):
        if place_on_iso(name) not in extents:
            raise UserError(f"{path} has no {place_on_iso(name)}", "it was made by an older dom0kit; make a new one")
    return image


def place_on_iso(name: str) -> str:
    """Return the path on the ISO of a file of the image folder."""
    return SBOM if name == SBOM_FILE else PATHS[name]
