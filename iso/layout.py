"""The layout of the image folder (input) and of the ISO (output)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError
from dom0kit.fs import sha256_file
from dom0kit.untrusted.values import read_json

MANIFEST = "/dom0kit/manifest.json"
SIGNATURE = "/dom0kit/manifest.json.sig"
"""The signature of the manifest, when the image folder has one."""
SBOM_FILE = "sbom.cdx.json"
SBOM = f"/dom0kit/{SBOM_FILE}"
"""The software bill of materials, in the image folder and on the ISO; images of earlier versions have none."""
BIOS_IMAGE = "/boot/bios.img"
UEFI_IMAGE = "/boot/efi.img"
MENU = "/boot/grub/grub.cfg"
BOOT_HYBRID = "boot/boot_hybrid.img"
"""The one file of the image folder that becomes no file of the ISO, but its first sector."""

PATHS: Mapping[str, str] = {
    "xen.gz": "/dom0kit/xen.gz",
    "vmlinuz": "/dom0kit/vmlinuz",
    "initrd.img": "/dom0kit/initrd.img",
    "dom0.squashfs": "/dom0kit/dom0.squashfs",
    "boot/bios-eltorito.img": BIOS_IMAGE,
    "boot/bootx64.efi": "/EFI/BOOT/BOOTX64.EFI",
    "boot/memtest.bin": "/boot/memtest.bin",
    "boot/memtest.efi": "/boot/memtest.efi",
    "boot/unicode.pf2": "/boot/grub/unicode.pf2",
    "boot/pxe-bios.0": "/boot/pxe-bios.0",
    "boot/netx64.efi": "/boot/netx64.efi",
}
"""Files of the image folder and their places on the ISO."""

REBUILD = "build the image again: dom0kit image"


@dataclass(frozen=True)
class Manifest:
    """The part of ``manifest.json`` that the ISO needs; docs/reference/files.md describes all of it.

    :param epoch: seconds since 1970, the time of everything on the ISO.
    :param files: SHA-256 and size in bytes of each file, by its name in the image folder.
    :param names: the image's time zones and key maps; None for images that do not list them.
    """

    product: str
    version: str
    id: str
    epoch: int
    files: Mapping[str, tuple[str, int]]
    names: Mapping[str, Any] | None = None

    @property
    def volume_id(self) -> str:
        """The ISO's volume identifier."""
        return f"DOM0KIT_{self.id[:8].upper()}"

    @property
    def title(self) -> str:
        """Product and version, for the menu."""
        return f"{self.product} {self.version}"


def parse_manifest(text: str | bytes, origin: str) -> Manifest:
    """Read a manifest.

    :param origin: where the text is from, for messages.
    :raises UserError: when it is no manifest of format 1 with everything the ISO needs.
    """
    try:
        raw: dict[str, Any] = read_json(text)
        files = {str(name): (str(entry["sha256"]), int(entry["size"])) for name, entry in raw["files"].items()}
        found = Manifest(str(raw["product"]), str(raw["version"]), str(raw["id"]), int(raw["epoch"]), files, raw.get("names"))
        if raw["format"] != 1:
            raise ValueError(f"format {raw['format']!r} is not 1")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise UserError(f"{origin} is not a manifest of a dom0kit image: {reason}", REBUILD) from error
    if not re.fullmatch(r"[0-9a-f]{16}", found.id):
        raise UserError(f"{origin} has the id {found.id!r}, which is not 16 hexadecimal digits", REBUILD)
    if not re.fullmatch(r"[\w.+~-]+ [\w.+~-]+", found.title, re.ASCII):
        raise UserError(f"{origin} has a product or version with characters that no menu can show: {found.title!r}", REBUILD)
    if found.epoch < 315532800 + 86400:
        raise UserError(f"{origin} has the epoch {found.epoch}; FAT knows no time before 1980", "set a later epoch in the recipe")
    for name in (*PATHS, BOOT_HYBRID):
        if name not in files:
            raise UserError(f"{origin} does not list {name}", REBUILD)
    return found


def read_image(folder: Path) -> Manifest:
    """Read the manifest of an image folder and verify every file that it lists for the ISO.

    :raises UserError: when a file is missing or is not what the manifest says.
    """
    path = folder / "manifest.json"
    try:
        manifest = parse_manifest(path.read_bytes(), str(path))
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}", "give the folder that dom0kit image has made") from error
    optional = [name for name in (SBOM_FILE,) if name in manifest.files]
    for name in (*PATHS, BOOT_HYBRID, *optional):
        file = folder / name
        sha256, size = manifest.files[name]
        if not file.is_file():
            raise UserError(f"{file} is missing", REBUILD)
        if file.stat().st_size != size:
            raise UserError(f"{file} has {file.stat().st_size} bytes, its manifest says {size}", REBUILD)
        if sha256_file(file) != sha256:
            raise UserError(f"{file} has changed since its manifest was written", REBUILD)
    return manifest
