"""Manifest of an image, as far as an installation needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answerfiles.known_names import image_names
from answerfiles.known_names.image_names import ImageNames
from dom0kit.errors import OF_HARDWARE, UserError
from dom0kit.fs import naming
from dom0kit.untrusted.values import read_json

FORMAT = 1
NAMES = ("xen.gz", "vmlinuz", "initrd.img", "dom0.squashfs")
DOM0_MEMORY_MIB = 1024
LARGEST = 2**63
"""What no size reaches."""
WORD = re.compile(r"[0-9A-Za-z.+~:_-]{0,256}")
"""Names and versions of packages (deb-version(7)), which are compared and shown."""
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~_-]{0,63}")


@dataclass(frozen=True)
class ImageFile:
    """A file of the image; ``size`` in bytes, ``sha256`` as 64 hexadecimal digits."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class SourcePackage:
    """A Debian source package, and the names of the image's packages that were built from it."""

    name: str
    version: str
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """Manifest of an image.

    :param dom0_memory_mib: dom0's memory in MiB.
    :param names: the image's time zones and key maps; None for images that do not list them.
    :param architecture: Debian's name of it.
    :param toolstack: what manages guests; "" for images that do not say it.
    :param state_format: images with the same number can use each other's state; see docs/reference/files.md.
    :param epoch: time of the newest package list, seconds since 1970.
    :param kernel: release of dom0's kernel.
    :param xen: version of Xen's package.
    :param packages: version of each Debian package by its name.
    :param sources: source packages of the packages; empty for images of earlier versions, as the following are.
    :param keys: fingerprints of the keys whose signatures of other images the image accepts.
    :param revoked: fingerprints of keys that it refuses.
    :param commit: the newest commit of dom0kit that changed something in the image.
    :param archives: time of each apt archive that the packages are from, seconds since 1970, by origin and code name.
    """

    product: str
    version: str
    id: str
    files: tuple[ImageFile, ...]
    dom0_memory_mib: int = DOM0_MEMORY_MIB
    names: ImageNames | None = None
    architecture: str = "amd64"
    toolstack: str = ""
    state_format: int = 1
    epoch: int = 0
    kernel: str = ""
    xen: str = ""
    packages: Mapping[str, str] = field(default_factory=dict, hash=False)
    sources: tuple[SourcePackage, ...] = ()
    keys: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    commit: str = ""
    archives: Mapping[str, int] = field(default_factory=dict, hash=False)

    @property
    def name(self) -> str:
        """Return the image's name on a host: no two images share it, while several may have one version."""
        return f"{self.version}-{self.id[:8]}"

    @property
    def size(self) -> int:
        """Return the total size of the four files in bytes."""
        return sum(file.size for file in self.files)


def parse_manifest(text: str, name: str = "manifest.json") -> Manifest:
    """Parse a manifest.

    :raises UserError: when it is damaged or has another format.
    """
    damaged = "write the medium again: the image is damaged or incomplete"
    try:
        value: Any = read_json(text)
        if value["format"] != FORMAT:
            raise UserError(
                f"{name} has format {value['format']!r}, this installer supports format {FORMAT}",
                "use the installer of that image",
            )
        entries = {file: value["files"][file] for file in NAMES}
        files = tuple(ImageFile(file, int(entry["size"]), str(entry["sha256"])) for file, entry in entries.items())
        manifest = Manifest(
            product=str(value["product"]),
            version=str(value["version"]),
            id=str(value["id"]),
            files=files,
            dom0_memory_mib=int(value.get("dom0_memory_mib", DOM0_MEMORY_MIB)),
            names=image_names.parse(value["names"]) if "names" in value else None,
            architecture=str(value.get("architecture", "amd64")),
            toolstack=str(value.get("toolstack", "")),
            state_format=int(value.get("state_format", 1)),
            epoch=int(value.get("epoch", 0)),
            kernel=str(value.get("kernel", "")),
            xen=str(value.get("xen", "")),
            packages={str(name): str(version) for name, version in value.get("packages", {}).items()},
            commit=str(value.get("commit", "")),
            **_origin(value),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{name} is invalid: {type(error).__name__}: {error}", damaged) from error
    if not VERSION.fullmatch(manifest.version):
        raise UserError(f"{name} has the version {manifest.version!r}, which is not a valid folder name", damaged)
    bad_file = any(not re.fullmatch(r"[0-9a-f]{64}", file.sha256) or not 0 <= file.size < LARGEST for file in files)
    if bad_file or not 256 <= manifest.dom0_memory_mib < LARGEST:
        raise UserError(f"{name} has an invalid checksum or size", damaged)
    words = (manifest.product, manifest.architecture, manifest.toolstack, manifest.kernel, manifest.xen)
    for word in (*words, *manifest.packages, *manifest.packages.values()):
        if not WORD.fullmatch(word):
            raise UserError(f"{name} has the name or version {word[:80]!r}, which is not a valid one", damaged)
    return manifest


def _origin(value: dict[str, Any]) -> dict[str, Any]:
    """Return what a manifest says of sources, archives and keys, as the fields of :class:`Manifest`."""
    sources = value.get("sources", ())
    keys = value.get("keys", {})
    archives = value.get("archives", {}).values()
    return {
        "sources": tuple(SourcePackage(str(s["name"]), str(s["version"]), tuple(map(str, s["packages"]))) for s in sources),
        "keys": tuple(str(key) for key in keys.get("accepted", ())),
        "revoked": tuple(str(key) for key in keys.get("revoked", ())),
        "archives": {f"{entry['origin']} {entry['codename']}": int(entry["date"]) for entry in archives},
    }


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of the image in a folder.

    :raises UserError: when it is missing or damaged.
    :raises OSError: when the medium cannot be read.
    """
    path = folder / "manifest.json"
    try:
        with naming(path):
            text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno in OF_HARDWARE:
            raise
        raise UserError(f"no image found in {folder}: {error}", "set the folder with --image") from error
    return parse_manifest(text, str(path))
