"""Read what a finished tree contains: for the manifest, and as the SBOM that lies in the tree."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image.contents import cyclonedx, debian_packages, licenses, signing_keys
from image.contents.archives import archives, origin_name
from image.contents.debian_packages import DebianPackage
from image.verified_cache import offers

PLACE = Path("usr/share/dom0kit") / cyclonedx.NAME
"""The SBOM in the image, below its root."""


@dataclass(frozen=True)
class Contents:
    """What a tree contains.

    :ivar archives: the apt archives of the build, by the names of their InRelease files.
    :ivar keys: fingerprints of the keys whose signatures the image accepts, and of those that it refuses.
    """

    packages: list[DebianPackage]
    archives: dict[str, dict[str, Any]]
    keys: dict[str, list[str]]


def collect(tree: Path, lists: Path) -> Contents:
    """Read a tree.

    :param lists: the folder of the package lists that it was made with.
    """
    return Contents(debian_packages.installed(tree), archives(lists), signing_keys.keys_of(tree))


def offered(lists: Path, wanted: set[str], known: dict[str, dict[str, Any]]) -> dict[str, tuple[str, str | None]]:
    """Return the origin and the SHA-256 of packages by the names of their files; the SHA-256 is None when lists differ in it.

    :raises UserError: when a list is damaged.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for release, file, sha256 in offers(lists):
        if file in wanted:
            origin, other = found.get(file, (origin_name(known[release]["origin"]), sha256))
            found[file] = (origin, sha256 if other == sha256 else None)
    return found


def write_sbom(
    contents: Contents,
    tree: Path,
    lists: Path,
    boot_files: dict[str, str],
    *,
    version: str,
    image_id: str,
    suite: str,
    epoch: int,
) -> bytes:
    """Write the SBOM into the tree, and return it.

    :param boot_files: SHA-256 of the boot files, by their names in the image folder.
    :param epoch: seconds since 1970.
    """
    origins = offered(lists, {package.file for package in contents.packages}, contents.archives)
    components = []
    for package in contents.packages:
        origin, sha256 = origins.get(package.file, ("unknown", None))
        components.append(cyclonedx.package_component(package, licenses.of_package(tree, package.name), sha256, origin, suite))
    value = cyclonedx.document(version=version, image_id=image_id, epoch=epoch, packages=components, files=boot_files)
    data = (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
    path = tree / PLACE
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.chmod(path, 0o644)
    os.utime(path, (epoch, epoch))
    os.utime(path.parent, (epoch, epoch))
    return data
