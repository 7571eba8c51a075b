"""The manifest of an image, as far as an installation needs it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dom0kit.errors import UserError

FORMAT = 1
NAMES = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")
DOM0_MEMORY_MIB = 1024
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}")


@dataclass(frozen=True)
class ImageFile:
    """A file of the image; ``size`` in bytes, ``sha256`` as 64 hexadecimal digits."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an image is; ``dom0_memory_mib`` is what dom0 gets, in MiB."""

    product: str
    version: str
    id: str
    files: tuple[ImageFile, ...]
    dom0_memory_mib: int = DOM0_MEMORY_MIB

    @property
    def size(self) -> int:
        """Bytes of the four files together."""
        return sum(file.size for file in self.files)


def parse_manifest(text: str, name: str = "manifest.json") -> Manifest:
    """Read a manifest.

    :raises UserError: when it is damaged or of another format.
    """
    damaged = "the image is damaged or incomplete; write the medium again"
    try:
        value: Any = json.loads(text)
        if value["format"] != FORMAT:
            raise UserError(
                f"{name} has format {value['format']!r}, this installer knows format {FORMAT}", "use its own installer"
            )
        entries = {file: value["files"][file] for file in NAMES}
        files = tuple(ImageFile(file, int(entry["size"]), str(entry["sha256"])) for file, entry in entries.items())
        manifest = Manifest(
            product=str(value["product"]),
            version=str(value["version"]),
            id=str(value["id"]),
            files=files,
            dom0_memory_mib=int(value.get("dom0_memory_mib", DOM0_MEMORY_MIB)),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{name} cannot be understood: {type(error).__name__}: {error}", damaged) from error
    if not VERSION.fullmatch(manifest.version):
        raise UserError(f"{name} has the version {manifest.version!r}, which is no name for a folder", damaged)
    if any(not re.fullmatch(r"[0-9a-f]{64}", file.sha256) for file in files) or manifest.dom0_memory_mib < 256:
        raise UserError(f"{name} has a checksum or a size that cannot be right", damaged)
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """The manifest of the image in a folder.

    :raises UserError: when there is none or it is damaged.
    """
    path = folder / "manifest.json"
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"there is no image in {folder}: {error}", "name its folder with --image") from error
    return parse_manifest(text, str(path))
